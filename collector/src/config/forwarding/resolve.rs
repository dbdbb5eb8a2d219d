//! From the buffer and the destinations as written to what they mean.

use std::path::Path;
use std::time::Duration;

use exporters::buffer::{DEFAULT_LIMIT, MIN_LIMIT, Order};
use exporters::forward::{Auth, Endpoint, Filter, Secret, Selector, Summary};
use exporters::remote_write::encode::Version;
use exporters::{otlp, remote_write};
use model::glob::fits;
use model::{Label, Metric};

use super::file::{self, Kind};
use super::{Buffer, Destination, Protocol};
use crate::calendar;
use crate::config::flaw::Flaw;
use crate::config::secret::{Reference, Surroundings, read};

/// Where the buffer is where the configuration does not say: below `state_dir`.
const DEFAULT_DIR: &str = "buffer";
/// Longest time for which a power cut may take samples back, where the configuration does not say.
const DEFAULT_SYNC: Duration = Duration::from_secs(5);
/// Share of the link for what waited, where the configuration does not say.
const DEFAULT_BACKFILL_SHARE: f64 = 0.5;
/// Bytes of one request, where the configuration does not say: some seconds of a slow cellular link.
const DEFAULT_BATCH: u64 = 256 << 10;
/// Bounds of a request's bytes: smaller ones are all header, larger ones are refused by receivers.
const BATCHES: [u64; 2] = [16 << 10, 16 << 20];
/// Bounds of a request's time.
const TIMEOUTS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(600)];
/// Least bytes in a second: less would not carry a single device.
const MIN_RATE: u64 = 100;
/// Longest time without a sample of a series that is sent on change, where the configuration does not say: Prometheus
/// shows a series for five minutes after its last sample.
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(4 * 60);

/// The buffer, below `state_dir` unless it says where.
pub(in crate::config) fn buffer(
    written: file::Buffer,
    state_dir: Option<&Path>,
    around: &Surroundings<'_>,
) -> Result<Buffer, Vec<Flaw>> {
    let mut flaws = Vec::new();
    let dir = match (written.dir, state_dir) {
        (Some(dir), _) => Some(around.folder.join(dir)),
        (None, Some(state_dir)) => Some(state_dir.join(DEFAULT_DIR)),
        (None, None) => {
            flaws.push(Flaw::new("", "the buffer has no folder", "add dir: PATH here, or state_dir: PATH"));
            None
        }
    };
    let limit_bytes = written.size.map_or(DEFAULT_LIMIT, |size| size.0);
    if limit_bytes < MIN_LIMIT {
        flaws.push(Flaw::new("size", "the buffer is too small to be one", "write 4MiB or more"));
    }
    let clock_floor = written.clock_floor.as_deref().map(calendar::day);
    if clock_floor == Some(None) {
        let help = "write a day of the calendar, for example 2026-11-21";
        flaws.push(Flaw::new("clock_floor", "there is no such day", help));
    }
    match dir {
        Some(dir) if flaws.is_empty() => Ok(Buffer {
            dir,
            limit_bytes,
            max_age: written.max_age.map(|age| age.0),
            sync: written.sync.map_or(DEFAULT_SYNC, |sync| sync.0),
            clock_floor: clock_floor.flatten(),
        }),
        _ => Err(flaws),
    }
}

/// A destination.
pub(in crate::config) fn destination(
    written: file::Destination,
    around: &Surroundings<'_>,
) -> Result<Destination, Vec<Flaw>> {
    let mut flaws = Vec::new();
    let identity = format!("{written:?}");
    let protocol = protocol(&written, around, &mut flaws);
    let batch_bytes = written.batch.map_or(DEFAULT_BATCH, |size| size.0);
    let [least, most] = BATCHES;
    if !(least..=most).contains(&batch_bytes) {
        flaws.push(Flaw::new("batch", "no size for a request", "write a size from 16KiB to 16MiB"));
    }
    if written.bytes_per_second.is_some_and(|rate| rate.0 < MIN_RATE) {
        flaws.push(Flaw::new("bytes_per_second", "too few to send anything", "write 100B or more"));
    }
    let filter = filter(&written, &mut flaws);
    match protocol {
        Some(protocol) if flaws.is_empty() => Ok(Destination {
            name: written.name,
            protocol,
            order: match written.order {
                Some(file::Order::LiveFirst) => Order::LiveFirst,
                Some(file::Order::InOrder) | None => Order::InOrder,
            },
            backfill_share: written.backfill_share.unwrap_or(DEFAULT_BACKFILL_SHARE),
            bytes_per_second: written.bytes_per_second.map(|rate| rate.0),
            batch_bytes,
            filter,
            end_series_at_shutdown: written.end_series_at_shutdown,
            written: identity,
        }),
        _ => Err(flaws),
    }
}

fn protocol(
    written: &file::Destination,
    around: &Surroundings<'_>,
    flaws: &mut Vec<Flaw>,
) -> Option<Protocol> {
    let protocol = match written.kind {
        Kind::RemoteWrite => remote_write(written, flaws),
        Kind::Otlp => otlp(written, around, flaws),
    }?;
    if written.url.as_deref().and_then(authority).is_some_and(|authority| authority.contains('@')) {
        let help = "write auth: {type: basic, user: NAME, password_file: PATH}";
        flaws.push(Flaw::new("url", "a login does not stand in a URL", help));
    }
    let mut protocol = protocol;
    let endpoint = match &mut protocol {
        Protocol::RemoteWrite(options) => &mut options.endpoint,
        Protocol::Otlp(options) => &mut options.endpoint,
    };
    fill(endpoint, written, around, flaws);
    if flaws.is_empty()
        && let Err(error) = usable(&protocol)
    {
        flaws.push(Flaw::new("", error, "correct what it names"));
    }
    Some(protocol)
}

fn remote_write(written: &file::Destination, flaws: &mut Vec<Flaw>) -> Option<Protocol> {
    for (said, key) in
        [(written.otlp_protocol.is_some(), "otlp_protocol"), (written.compression.is_some(), "compression")]
    {
        if said {
            flaws.push(Flaw::new(key, "is not for remote-write", "leave it out, or write type: otlp"));
        }
    }
    let Some(url) = &written.url else {
        let help = "add url: for example https://prometheus.example/api/v1/write";
        flaws.push(Flaw::new("", "the address is missing", help));
        return None;
    };
    let (version, fall_back) = match written.remote_write_version {
        Some(file::RemoteWriteVersion::One) => (Version::V1, false),
        Some(file::RemoteWriteVersion::Two) => (Version::V2, false),
        Some(file::RemoteWriteVersion::Auto) | None => (Version::V2, true),
    };
    let endpoint = Endpoint::new(url.clone());
    Some(Protocol::RemoteWrite(remote_write::Options { endpoint, version, fall_back }))
}

fn otlp(written: &file::Destination, around: &Surroundings<'_>, flaws: &mut Vec<Flaw>) -> Option<Protocol> {
    if written.remote_write_version.is_some() {
        flaws.push(Flaw::new("remote_write_version", "is not for OTLP", "leave it out"));
    }
    let protocol = written.otlp_protocol.map(|protocol| match protocol {
        file::OtlpProtocol::Http => otlp::Protocol::Http,
        file::OtlpProtocol::Grpc => otlp::Protocol::Grpc,
    });
    let mut options = match otlp::Options::from_environment(&|name| (around.variable)(name), protocol) {
        Ok(options) => options,
        Err(error) => {
            flaws.push(Flaw::new("", error.to_string(), "correct the variable, or unset it"));
            return None;
        }
    };
    match written.compression {
        Some(file::Compression::None) => options.compression = otlp::Compression::None,
        Some(file::Compression::Zstd) => options.compression = otlp::Compression::Zstd,
        Some(file::Compression::Gzip) => options.compression = otlp::Compression::Gzip,
        None => {}
    }
    if let Some(url) = &written.url {
        options.endpoint.url.clone_from(url);
    }
    Some(Protocol::Otlp(options))
}

/// What is between `://` and the path.
fn authority(url: &str) -> Option<&str> {
    url.split_once("://")?.1.split(['/', '?', '#']).next()
}

/// What all protocols share.
fn fill(
    endpoint: &mut Endpoint,
    written: &file::Destination,
    around: &Surroundings<'_>,
    flaws: &mut Vec<Flaw>,
) {
    if let Some(timeout) = written.timeout {
        let [least, most] = TIMEOUTS;
        if timeout.0 < least || timeout.0 > most {
            flaws.push(Flaw::new("timeout", "no time for a request", "write a duration from 1s to 10m"));
        }
        endpoint.timeout = timeout.0;
    }
    if let Some(path) = &written.ca_file {
        endpoint.tls.ca_file = Some(around.folder.join(path));
    }
    if let Some(client) = &written.client_certificate {
        let files = (around.folder.join(&client.cert_file), around.folder.join(&client.key_file));
        endpoint.tls.client = Some(files);
    }
    if let Some(auth) = &written.auth {
        match login(auth, around) {
            Ok(auth) => endpoint.auth = auth,
            Err(flaw) => flaws.push(flaw),
        }
    }
    let headers = written.headers.iter().map(|(name, value)| (name.clone(), value.clone().into()));
    endpoint.headers.extend(headers);
    if written.proxy.is_some() {
        endpoint.proxy.clone_from(&written.proxy);
    }
}

/// A file is read anew for each request, so that a renewed token counts at once; here it must only be there.
fn login(auth: &file::Auth, around: &Surroundings<'_>) -> Result<Auth, Flaw> {
    let (file, variable, names) = match auth {
        file::Auth::Bearer(login) => {
            (&login.token_file, &login.token_env, ["auth.token_file", "auth.token_env"])
        }
        file::Auth::Basic(login) => {
            (&login.password_file, &login.password_env, ["auth.password_file", "auth.password_env"])
        }
    };
    let [file_key, variable_key] = names;
    let reference =
        Reference { file: (file.as_deref(), file_key), variable: (variable.as_deref(), variable_key) };
    let value = read(&reference, around)?;
    let secret = file.as_ref().map_or(Secret::Value(value), |path| Secret::File(around.folder.join(path)));
    Ok(match auth {
        file::Auth::Bearer(_) => Auth::Bearer(secret),
        file::Auth::Basic(login) => Auth::Basic { user: login.user.clone(), password: secret },
    })
}

/// Whether a transport can be made of it: its files are read, its addresses parsed, nothing is connected to.
fn usable(protocol: &Protocol) -> Result<(), String> {
    match protocol {
        Protocol::RemoteWrite(options) => {
            remote_write::RemoteWrite::new(options).map(drop).map_err(|error| error.to_string())
        }
        // A channel of gRPC can be made within a runtime only; outside of one its mistakes show at the start.
        Protocol::Otlp(options)
            if options.protocol == otlp::Protocol::Http || tokio::runtime::Handle::try_current().is_ok() =>
        {
            otlp::Otlp::new(options).map(drop).map_err(|error| error.to_string())
        }
        Protocol::Otlp(_) => Ok(()),
    }
}

fn filter(written: &file::Destination, flaws: &mut Vec<Flaw>) -> Filter {
    let mut selectors = |key: &'static str, written: &[file::Selector]| {
        written.iter().map(|each| selector(key, each.metric.as_deref(), &each.labels, flaws)).collect()
    };
    let (keep, drop) = (selectors("keep", &written.keep), selectors("drop", &written.drop));
    let mut thin = Vec::new();
    for each in &written.thin {
        let summary = match each.value {
            Some(file::Summary::Min) => Summary::Min,
            Some(file::Summary::Max) => Summary::Max,
            Some(file::Summary::Mean) => Summary::Mean,
            Some(file::Summary::Last) | None => Summary::Last,
        };
        if each.every.0.is_zero() {
            flaws.push(Flaw::new("thin", "every: 0s thins nothing", "write a longer time, for example 5m"));
        }
        thin.push((selector("thin", each.metric.as_deref(), &each.labels, flaws), each.every.0, summary));
    }
    let mut on_change = Vec::new();
    for each in &written.on_change {
        let heartbeat = each.heartbeat.map_or(DEFAULT_HEARTBEAT, |heartbeat| heartbeat.0);
        on_change.push((selector("on_change", each.metric.as_deref(), &each.labels, flaws), heartbeat));
    }
    Filter { keep, drop, thin, on_change }
}

/// A metric or label that is none would silently select nothing: what is kept alone would then be lost.
fn selector(
    key: &'static str,
    metric: Option<&str>,
    labels: &std::collections::BTreeMap<String, String>,
    flaws: &mut Vec<Flaw>,
) -> Selector {
    let metric = metric.unwrap_or("*");
    let did_you_mean = |written: &str, known: &[&'static str], otherwise: &str| {
        let nearest = crate::yaml::nearest(written, known.iter().copied());
        nearest.map_or_else(|| otherwise.to_owned(), |nearest| format!("did you mean {nearest:?}?"))
    };
    let metrics: Vec<_> = Metric::all().map(|metric| metric.definition().prometheus).collect();
    if !metrics.iter().any(|name| fits(metric, name)) {
        let help =
            did_you_mean(metric, &metrics, "write the Prometheus name of a metric, with * for anything");
        flaws.push(Flaw::new(key, format!("there is no metric {metric:?}"), help));
    }
    let known = Label::ALL.map(Label::prometheus);
    for label in labels.keys().filter(|label| !known.contains(&label.as_str())) {
        let help = did_you_mean(label, &known, "write the name of a label as on /metrics");
        flaws.push(Flaw::new(key, format!("there is no label {label:?}"), help));
    }
    let labels = labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    Selector { metric: metric.to_owned(), labels }
}
