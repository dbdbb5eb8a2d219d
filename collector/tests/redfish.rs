//! The Redfish driver against the Redfish mock: whole polls, over HTTP and HTTPS.
#![cfg(test)]
#![allow(clippy::print_stderr, reason = "tests say what they leave out")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use collector::driver::Driver;
use collector::driver::breaker::Breakers;
use collector::driver::redfish::collect::collect;
use collector::driver::redfish::driver::{Redfish, RedfishDriver};
use collector::driver::redfish::record::record;
use collector::driver::redfish::state::State;
use collector::driver::redfish::tree::Tree as Recorded;
use collector::target::{Address, Budget, Credentials, Protocol, Target, Tls};
use mocks::redfish::{Account, Certificate, Fault, Kind, Options, QuerySupport, Server, SessionPlace, Tree};
use model::{Device, PollError, PollReport, Reason, ReportBuilder};
use secrecy::SecretString;
use serde_json::json;

const NOW: i64 = 1_795_000_000_000;

fn start(tree: Tree, change: impl FnOnce(&mut Options)) -> Server {
    let account = Some(Account { user: "admin".into(), password: "right".into() });
    let mut options = Options { account, ..Options::default() };
    change(&mut options);
    Server::start(Arc::new(tree), options).unwrap()
}

fn device() -> Arc<Device> {
    Arc::new(Device {
        name: "bmc".into(),
        site: "fra1".into(),
        rack: String::new(),
        device_type: "server".into(),
        description: model::device::Description::default(),
    })
}

fn target(server: &Server, password: &str, tls: Tls) -> Target {
    let address = server.address();
    Target {
        device: device(),
        protocol: Protocol::Redfish,
        address: Address { host: address.ip().to_string(), port: address.port() },
        credentials: Some(Credentials::Password {
            user: "admin".into(),
            password: SecretString::from(password.to_owned()),
        }),
        interval: Duration::from_secs(60),
        deadline: Duration::from_secs(120),
        timeout: Duration::from_secs(30),
        inventory_interval: Duration::from_secs(3600),
        tls,
        budget: Budget { concurrency: 2, rate: 1e6 },
        max_repetitions: None,
        fallback: None,
    }
}

fn driver(target: Target) -> RedfishDriver {
    let common = Redfish { breakers: Breakers::in_memory([0; 16]), clock: || NOW };
    RedfishDriver::new(&common, Arc::new(target)).unwrap()
}

async fn poll(driver: &mut RedfishDriver) -> PollReport {
    let mut report = ReportBuilder::new(device());
    let error = driver.poll(&mut report).await.err();
    report.finish(NOW, Duration::ZERO, error)
}

/// Series and values, but for what moves.
fn samples(report: &PollReport) -> BTreeSet<String> {
    let line = |sample: &model::Sample| {
        let name = sample.series.metric.definition().prometheus;
        (name != "oob_clock_offset_seconds")
            .then(|| format!("{name} {} {}", sample.series.own_text(), sample.value))
    };
    report.samples.iter().filter_map(line).collect()
}

fn pin(server: &Server) -> [u8; 32] {
    let print = server.certificate_fingerprint().unwrap().replace(':', "");
    std::array::from_fn(|at| u8::from_str_radix(&print[2 * at..2 * at + 2], 16).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_polled_over_tls_and_its_session_is_deleted() {
    let server = start(Tree::server().unwrap(), |options| options.tls = Some(Certificate::WrongHost));
    let mut driver = driver(target(&server, "right", Tls::Pinned(pin(&server))));
    let first = poll(&mut driver).await;
    assert_eq!(first.error, None);
    let names: BTreeSet<_> = first.samples.iter().map(|s| s.series.metric.definition().prometheus).collect();
    for name in
        ["hw_temperature_celsius", "oob_device_certificate_expiry_timestamp_seconds", "oob_firmware_info"]
    {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    let second = poll(&mut driver).await;
    assert!(second.error.is_none() && second.samples.len() * 2 > first.samples.len());
    let stats = server.stats();
    assert_eq!((stats.logins_ok, stats.logins_failed, stats.sessions_open), (1, 0, 1));
    assert!(stats.most_in_flight <= 2, "{} at once", stats.most_in_flight);
    driver.close().await;
    assert_eq!(server.stats().sessions_open, 0);
}

/// The same readings whatever the device's habits.
#[tokio::test(flavor = "multi_thread")]
async fn habits_change_the_way_and_not_the_readings() {
    let plain = start(still(), |_| {});
    let expected = samples(&poll(&mut driver(target(&plain, "right", Tls::Plain))).await);
    assert!(expected.len() > 50, "{}", expected.len());
    type Change = fn(&mut Options);
    let habits: [(&str, Change); 6] = [
        ("early sessions", |options| options.session_place = SessionPlace::Alternative),
        ("Basic only", |options| options.session_place = SessionPlace::None),
        ("no challenge", |options| options.challenge = false),
        ("short pages", |options| options.page_size = Some(2)),
        ("queries ignored", |options| options.query = QuerySupport::Ignored),
        ("queries rejected", |options| options.query = QuerySupport::Rejected),
    ];
    for (name, change) in habits {
        let server = start(still(), change);
        let mut driver = driver(target(&server, "right", Tls::Plain));
        for _ in 0..2 {
            let report = poll(&mut driver).await;
            assert_eq!(report.error, None, "{name}");
            assert_eq!(samples(&report), expected, "{name}");
        }
        driver.close().await;
        assert_eq!((server.stats().logins_failed, server.stats().sessions_open), (0, 0), "{name}");
    }
}

/// The built-in server with readings that stand still.
fn still() -> Tree {
    Tree::server().unwrap().with_rules(Vec::new()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_costs_no_more_than_the_device_and_says_why() {
    let server = start(Tree::server().unwrap(), |_| {});
    let thief = start(Tree::server().unwrap(), |_| {});
    for (fault, expected) in [
        (Kind::Hang, Some(Reason::Timeout)),
        (Kind::Endless { every_ms: 1 }, Some(Reason::Timeout)),
        (Kind::HugeBody { bytes: 100 << 20 }, Some(Reason::Limit)),
        (Kind::Booting { retry_after: 600 }, Some(Reason::Busy)),
        (Kind::Status { code: 503, retry_after: Some(0) }, Some(Reason::Busy)),
        (Kind::Status { code: 500, retry_after: None }, Some(Reason::Refused)),
        (Kind::SessionTableFull, Some(Reason::Busy)),
        (Kind::UnauthorizedUntilReset, Some(Reason::Auth)),
        (Kind::Redirect { origin: thief.url() }, Some(Reason::Protocol)),
        (Kind::Html, Some(Reason::Protocol)),
        (Kind::EmptyBody, Some(Reason::Parse)),
        (Kind::EmptyObject, Some(Reason::Parse)),
        (Kind::BrokenJson, Some(Reason::Parse)),
        (Kind::GzipGarbage, Some(Reason::Protocol)),
        (Kind::CloseMidBody, Some(Reason::Protocol)),
        (Kind::RawCr, None),
        (Kind::InvalidUtf8, None),
        (Kind::WrongContentType { content_type: "text/html".into() }, None),
        (Kind::ExpandUnsafe, None),
        (Kind::DropProperty { name: "Name".into() }, None),
        (Kind::NullMembers, None),
        (Kind::EmptyArrayForNull, None),
        (Kind::StringsForNumbers, None),
        (Kind::SelfNextLink, None),
        (Kind::Set { pointer: "/Members/0".into(), value: json!(null) }, None),
    ] {
        server.reset();
        server.set_faults(vec![Fault::new(fault.clone())]);
        let slow = matches!(fault, Kind::Hang | Kind::Endless { .. });
        let timeout = if slow { Duration::from_millis(300) } else { Duration::from_secs(30) };
        let mut driver = driver(Target { timeout, ..target(&server, "right", Tls::Plain) });
        let report = poll(&mut driver).await;
        let reason = report.error.as_ref().map(|error| error.reason);
        assert_eq!(reason, expected, "{fault:?}: {:?}", report.error);
        assert!(report.error.is_some() || !report.samples.is_empty(), "{fault:?}");
        server.set_faults(Vec::new());
        server.reset();
        let again = poll(&mut driver).await;
        assert!(again.error.is_none(), "{fault:?} is over: {:?}", again.error);
        driver.close().await;
    }
    assert_eq!(thief.stats().total(), 0, "nothing went elsewhere");
}

/// A BMC that starts answers, and knows nothing yet of what it has: for twenty minutes, in which a survey falls.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_vanishes_while_a_device_starts() {
    static MINUTE: AtomicI64 = AtomicI64::new(0);
    let present = |report: &PollReport, value: f64| {
        let parts = report.samples.iter().filter(|sample| {
            sample.series.metric == model::metric::OOB_COMPONENT_PRESENT && sample.value == value
        });
        parts.map(|sample| sample.series.own_text().to_owned()).collect::<BTreeSet<_>>()
    };
    for unknown in ["/redfish/v1/*/*", "/redfish/v1/*/*/*", "/redfish/v1/Systems*", "/redfish/v1/Chassis*"] {
        let server = start(still(), |_| {});
        let clock = || NOW + MINUTE.load(Ordering::Relaxed) * 60_000;
        let common = Redfish { breakers: Breakers::in_memory([0; 16]), clock };
        let mut driver = RedfishDriver::new(&common, Arc::new(target(&server, "right", Tls::Plain))).unwrap();
        let mut report = ReportBuilder::new(device());
        let mut parts = BTreeSet::new();
        for minute in 0..75 {
            MINUTE.store(minute, Ordering::Relaxed);
            let not_found = Kind::Status { code: 404, retry_after: None };
            let starts = Fault { path: unknown.into(), method: Some("GET".into()), ..Fault::new(not_found) };
            server.set_faults(if (50..70).contains(&minute) { vec![starts] } else { Vec::new() });
            let error = driver.poll(&mut report).await.err();
            let report = report.finish(clock(), Duration::ZERO, error);
            assert_eq!(present(&report, 0.0), BTreeSet::new(), "{unknown}, minute {minute}");
            match minute {
                0 => parts = present(&report, 1.0),
                71.. => assert_eq!(present(&report, 1.0), parts, "{unknown}, minute {minute}"),
                _ => {}
            }
        }
        assert!(parts.len() > 10, "{parts:?}");
        driver.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_never_locks_the_account() {
    for place in [SessionPlace::Standard, SessionPlace::Alternative, SessionPlace::None] {
        let server = start(Tree::server().unwrap(), |options| {
            options.lockout = Some(5);
            options.session_place = place;
        });
        let mut driver = driver(target(&server, "wrong", Tls::Plain));
        for _ in 0..50 {
            let error: PollError = poll(&mut driver).await.error.expect("the password is wrong");
            assert_eq!(error.reason, Reason::Auth, "{error}");
        }
        let stats = server.stats();
        assert!(stats.logins_failed <= 3 && !stats.locked, "{place:?}: {stats:?}");
    }
}

fn captures() -> Option<Vec<PathBuf>> {
    let folder = std::env::var_os("LIGHTSOUT_CAPTURES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/captures")),
        PathBuf::from,
    );
    let trees = std::fs::read_dir(folder.join("redfish")).ok()?;
    Some(trees.filter_map(|tree| Some(tree.ok()?.path())).filter(|path| path.is_dir()).collect())
}

/// What comes over the wire is what stands in the files: nothing is lost to sessions, pages or `$expand`.
#[tokio::test(flavor = "multi_thread")]
async fn recordings_read_the_same_over_the_wire_as_from_files() {
    let Some(trees) = captures() else {
        eprintln!("left out: the recordings of real devices are not there");
        return;
    };
    for folder in trees {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let mut report = ReportBuilder::new(device());
        let mut state = State::new(Duration::from_secs(3600));
        let mut recorded = Recorded::load(&folder).unwrap();
        let error = collect(&mut recorded, &mut state, NOW, &mut report).await.err();
        let expected = report.finish(NOW, Duration::ZERO, error);
        let server = start(Tree::load(&folder).unwrap(), |_| {});
        let mut driver = driver(target(&server, "right", Tls::Plain));
        let wire = poll(&mut driver).await;
        driver.close().await;
        let (expected, read) = (samples(&expected), samples(&wire));
        eprintln!("{name}: {} samples, {} requests", read.len(), server.stats().total());
        // Dell's enclosures are left alone: reading them has restarted iDRACs.
        let asked = |line: &&String| !line.contains("Chassis/Enclosure.");
        let lost: Vec<_> = expected.difference(&read).filter(asked).take(5).collect();
        let extra: Vec<_> = read.difference(&expected).take(5).collect();
        assert!(lost.is_empty() && extra.is_empty(), "{name}: lost {lost:#?}, extra {extra:#?}");
        assert!(read.len() > 5, "{name}: {:?}", wire.error);
        assert_eq!(server.stats().sessions_open, 0);
    }
}

/// A scrubbed recording is a device of its own: it polls as the one that it was made of.
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_polls_like_its_device() {
    let server = start(still(), |_| {});
    let original = poll(&mut driver(target(&server, "right", Tls::Plain))).await;
    let mut client =
        driver(target(&server, "right", Tls::Plain)).into_client(Duration::from_secs(60)).await.unwrap();
    let mut recording = record(&mut client, |_, _| {}).await.unwrap();
    client.close().await;
    recording.scrub();
    let folder = tempfile::tempdir().unwrap();
    let written = recording.write(folder.path()).unwrap();
    assert!(written > 20 && !recording.is_cut, "{written}");
    let copy = start(Tree::load(folder.path()).unwrap(), |_| {});
    let again = poll(&mut driver(target(&copy, "right", Tls::Plain))).await;
    let hardware = |report: &PollReport| {
        let names = report.samples.iter().map(|sample| sample.series.metric.definition().prometheus);
        names.filter(|name| *name != "oob_event_log_events_total").collect::<Vec<_>>()
    };
    assert_eq!(hardware(&again), hardware(&original), "log entries are not recorded, the rest is");
}
