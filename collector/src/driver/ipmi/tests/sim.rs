//! Against OpenIPMI's `ipmi_sim`, compared with what `ipmitool` reads of it.
//!
//! Its configuration is not part of this project: without `../shared/captures/ipmi` (or `LIGHTSOUT_CAPTURES`)
//! these tests are left out, and say so. It has cipher suite 3 and stays silent on 17.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use model::{Device, Label, PollError, PollReport, Reason, ReportBuilder, metric};

use super::ipmitool;
use crate::config::{ad_hoc, parse_address};
use crate::driver::Driver;
use crate::driver::breaker::Breakers;
use crate::driver::ipmi::driver::IpmiDriver;
use crate::driver::ipmi::{Ipmi, system_entropy};
use crate::target::{Credentials, Protocol, Target};

/// Wall time of every poll.
const NOW: i64 = 1_700_000_000_000;

/// A BMC on a port of its own. Ends with the value.
struct Sim {
    port: u16,
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Sim {
    /// None where the configuration is not there.
    #[allow(clippy::print_stdout, reason = "a check that is left out says so")]
    fn start() -> Option<Self> {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
        let captures = std::env::var_os("LIGHTSOUT_CAPTURES").map_or(beside, PathBuf::from).join("ipmi");
        if !captures.is_dir() {
            println!("left out: {} is not there", captures.display());
            return None;
        }
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(captures.join("lan1.conf")).unwrap();
        let text = text.replace("127.0.0.1 9001", &format!("127.0.0.1 {port}"));
        std::fs::write(folder.path().join("lan1.conf"), text).unwrap();
        std::fs::copy(captures.join("sim1.emu"), folder.path().join("sim1.emu")).unwrap();
        let state = folder.path().join("ipmi_sim/ipmisim1");
        std::fs::create_dir_all(&state).unwrap();
        let compiled = Command::new("sdrcomp")
            .arg("-o")
            .arg(state.join("sdr.20.main"))
            .arg(captures.join("sim1.sdrs"))
            .status()
            .unwrap_or_else(|error| {
                panic!("this test needs sdrcomp (Debian: apt install openipmi): {error}")
            });
        assert!(compiled.success());
        let mut sim = Self { port, folder, child: None };
        sim.restart();
        Some(sim)
    }

    fn restart(&mut self) {
        self.stop();
        let child = Command::new("ipmi_sim")
            .args(["-c", "lan1.conf", "-f", "sim1.emu", "-n", "-s"])
            .arg(self.folder.path())
            .current_dir(self.folder.path())
            // It ends when its console does.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("this test needs ipmi_sim (Debian: apt install openipmi): {error}")
            });
        self.child = Some(child);
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn target(&self, password: &str) -> Arc<Target> {
        let address = parse_address(&format!("127.0.0.1:{}", self.port), 623).unwrap();
        let credentials = Credentials::Password { user: "ipmiusr".into(), password: password.into() };
        let target = ad_hoc("bmc-1", Protocol::Ipmi, address, Some(credentials));
        let (interval, timeout) = (Duration::from_secs(30), Duration::from_secs(2));
        Arc::new(Target { interval, timeout, ..target })
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn driver(target: &Arc<Target>) -> (IpmiDriver, ReportBuilder) {
    let breakers = Breakers::in_memory([0; 16]);
    let common = Arc::new(Ipmi::bind(breakers, || NOW, system_entropy).await.unwrap());
    let device: Arc<Device> = Arc::clone(&target.device);
    (IpmiDriver::new(common, Arc::clone(target)).unwrap(), ReportBuilder::new(device))
}

async fn poll(driver: &mut IpmiDriver, report: &mut ReportBuilder) -> Result<PollReport, PollError> {
    driver.poll(report).await?;
    Ok(report.finish(NOW, Duration::ZERO, None))
}

/// Polls until the BMC, which was just started, answers in full.
async fn first_poll(driver: &mut IpmiDriver, report: &mut ReportBuilder) -> PollReport {
    let mut last = None;
    for _ in 0..10 {
        match poll(driver, report).await {
            Ok(report) if report.faults.is_empty() => return report,
            other => last = Some(other),
        }
    }
    panic!("ipmi_sim was started and does not answer in full: {last:?}")
}

/// The value of a sensor, with its limit of one kind or without.
fn value(report: &PollReport, metrics: [model::Metric; 2], name: &str, limit: Option<&str>) -> Option<f64> {
    let metric = metrics[usize::from(limit.is_some())];
    let samples = report.samples.iter().filter(|sample| sample.series.metric == metric);
    let label = |label: Label, value: &str| format!("{}=\"{value}\"", label.prometheus());
    let mut found = samples.filter(|sample| {
        let text = sample.series.own_text();
        text.contains(&label(Label::HwId, name))
            && limit.is_none_or(|limit| text.contains(&label(Label::HwLimitType, limit)))
    });
    found.next().map(|sample| sample.value)
}

#[tokio::test]
async fn sensors_limits_and_inventory_are_those_that_ipmitool_shows() {
    let Some(sim) = Sim::start() else { return };
    let (mut driver, mut report) = driver(&sim.target("test")).await;
    let report = first_poll(&mut driver, &mut report).await;
    driver.close().await;
    let mut compared = 0;
    // SubTemp belongs to another controller, behind the BMC.
    for row in ipmitool::sensors(sim.port).into_iter().filter(|row| row.name != "SubTemp") {
        let metrics = match row.unit.as_str() {
            "degrees C" => [metric::HW_TEMPERATURE, metric::HW_TEMPERATURE_LIMIT],
            "RPM" => [metric::HW_FAN_SPEED, metric::HW_FAN_SPEED_LIMIT],
            "Volts" => [metric::HW_VOLTAGE, metric::HW_VOLTAGE_LIMIT],
            "Watts" => [metric::HW_POWER, metric::OOB_HOST_POWER_LIMIT],
            other => panic!("unknown unit {other}"),
        };
        assert_eq!(value(&report, metrics, &row.name, None), Some(row.value), "{row:?}");
        compared += 1;
        if row.unit == "Watts" {
            continue; // the catalogue has no limits of a component's power
        }
        let [low_fatal, low_critical, low_warning, high_warning, high_critical, high_fatal] = row.thresholds;
        for (limit, expected) in [
            ("low.critical", low_critical.or(low_fatal)),
            ("low.degraded", low_warning),
            ("high.degraded", high_warning),
            ("high.critical", high_critical.or(high_fatal)),
        ] {
            assert_eq!(value(&report, metrics, &row.name, Some(limit)), expected, "{limit} of {row:?}");
        }
    }
    assert_eq!(compared, 5);
    let fru = ipmitool::run(sim.port, &["fru", "print", "0"]);
    let info = report.samples.iter().find(|sample| sample.series.metric == metric::OOB_DEVICE_INFO).unwrap();
    for (label, key) in [
        (Label::Vendor, "Product Manufacturer"),
        (Label::Model, "Product Name"),
        (Label::Serial, "Product Serial"),
        (Label::AssetTag, "Product Asset Tag"),
    ] {
        let expected = format!("{}=\"{}\"", label.prometheus(), ipmitool::field(&fru, key));
        assert!(info.series.own_text().contains(&expected), "{expected}: {info:?}");
    }
    let firmware = ipmitool::field(&ipmitool::run(sim.port, &["mc", "info"]), "Firmware Revision");
    let told =
        report.samples.iter().find(|sample| sample.series.metric == metric::OOB_FIRMWARE_INFO).unwrap();
    assert!(told.series.own_text().contains(&format!("version=\"{firmware}\"")), "{told:?}");
}

#[tokio::test]
async fn a_session_that_a_reset_has_ended_is_replaced_in_the_same_poll() {
    let Some(mut sim) = Sim::start() else { return };
    let (mut driver, mut report) = driver(&sim.target("test")).await;
    let before = first_poll(&mut driver, &mut report).await;
    sim.restart();
    let after = first_poll(&mut driver, &mut report).await;
    assert_eq!(after.samples.len(), before.samples.len());
    driver.close().await;
}

#[tokio::test]
async fn a_wrong_password_is_tried_three_times_and_no_more() {
    let Some(sim) = Sim::start() else { return };
    let (mut good, mut report) = driver(&sim.target("test")).await;
    first_poll(&mut good, &mut report).await;
    good.close().await;
    let (mut driver, mut report) = driver(&sim.target("wrong")).await;
    let mut details = Vec::new();
    for _ in 0..5 {
        let error = poll(&mut driver, &mut report).await.unwrap_err();
        assert_eq!(error.reason, Reason::Auth, "{error}");
        details.push(error.detail);
    }
    let tried = details.iter().filter(|detail| detail.contains("the password is wrong")).count();
    assert_eq!(tried, 3, "{details:?}");
    assert!(details[4].contains("3 logins were refused"), "{details:?}");
}
