//! A BMC that misbehaves on the wire, polled by the driver: the quirks of the field, one test for each.
//!
//! The mock shares no code with this program. Whatever a test does to it, what a poll brings must be what
//! [`BMC`] says, or be absent.

use std::sync::Arc;
use std::time::Duration;

use mocks::ipmi::{Agent, Bmc, BmcOptions, Fault, FaultRule, Suite};
use model::{Metric, PollError, PollReport, Reason, ReportBuilder, metric};
use secrecy::SecretString;

use crate::config::{ad_hoc, parse_address};
use crate::driver::Driver;
use crate::driver::breaker::Breakers;
use crate::driver::ipmi::driver::IpmiDriver;
use crate::driver::ipmi::{Ipmi, system_entropy};
use crate::target::{Budget, Credentials, IpmiLogin, Privilege, Protocol, Target};

mod accounts;
mod faults;
mod sessions;

/// Two temperatures, a fan and the power of the whole machine, each of a value of its own.
const BMC: &str = r#"{
    "device": {"name": "BMC", "id": 32, "revision": 1, "firmware": [2, 14], "manufacturer": 32473, "product": 1},
    "sensors": [
        {"number": 1, "name": "Inlet Temp", "entity": [55, 1], "type": 1, "reading": {"analog":
            {"unit": 1, "m": 1, "value": 23, "format": "twos-complement"}}},
        {"number": 2, "name": "Outdoor Temp", "entity": [64, 1], "type": 1, "reading": {"analog":
            {"unit": 1, "m": 1, "value": -12, "format": "twos-complement"}}},
        {"number": 3, "name": "Fan 1A", "entity": [29, 1], "type": 4, "reading": {"analog":
            {"unit": 18, "m": 60, "value": 6060}}}
    ],
    "dcmi": {"watts": 372, "drift": 0, "temperatures": []}
}"#;

/// What [`BMC`] says.
const WHOLE: [(Metric, &[f64]); 3] = [
    (metric::HW_TEMPERATURE, &[-12.0, 23.0]),
    (metric::HW_FAN_SPEED, &[6060.0]),
    (metric::HW_HOST_POWER, &[372.0]),
];

/// Wall time of every poll.
const NOW: i64 = 1_700_000_000_000;

/// Get Sensor Reading, which each sensor is asked by.
const READING: (u8, u8) = (0x04, 0x2d);

fn bmc(options: BmcOptions) -> Agent {
    Agent::bind("127.0.0.1:0".parse().unwrap(), Bmc::parse(BMC).unwrap(), options).unwrap()
}

fn monitor(password: &str) -> Credentials {
    Credentials::Password { user: "monitor".into(), password: password.into() }
}

fn login(user: &str, group_key: Option<&str>, privilege: Privilege) -> Credentials {
    let group_key = group_key.map(SecretString::from);
    Credentials::Ipmi(IpmiLogin { user: user.into(), password: user.into(), group_key, privilege })
}

/// Silence is part of these tests: a short timeout keeps them so.
fn target(agent: &Agent, credentials: Credentials) -> Arc<Target> {
    let address = parse_address(&agent.local_addr().to_string(), 623).unwrap();
    let target = ad_hoc("bmc-1", Protocol::Ipmi, address, Some(credentials));
    let (interval, timeout) = (Duration::from_secs(30), Duration::from_millis(600));
    Arc::new(Target { interval, timeout, budget: Budget { concurrency: 1, rate: 10_000.0 }, ..target })
}

/// A driver and what it reports to.
struct Poller {
    driver: IpmiDriver,
    report: ReportBuilder,
}

impl Poller {
    async fn new(target: Arc<Target>) -> Self {
        Self::with(target, Breakers::in_memory([0; 16])).await
    }

    async fn with(target: Arc<Target>, breakers: Arc<Breakers>) -> Self {
        let common = Arc::new(Ipmi::bind(breakers, || NOW, system_entropy).unwrap());
        let report = ReportBuilder::new(Arc::clone(&target.device));
        Self { driver: IpmiDriver::new(common, target).unwrap(), report }
    }

    async fn poll(&mut self) -> Result<PollReport, PollError> {
        let result = self.driver.poll(&mut self.report).await;
        let report = self.report.finish(NOW, Duration::ZERO, None);
        result.map(|()| report)
    }

    /// A poll that must bring everything, and right.
    async fn whole(&mut self) {
        let report = self.poll().await.unwrap();
        assert!(report.faults.is_empty(), "{:?}", report.faults);
        for (metric, expected) in WHOLE {
            assert_eq!(values(&report, metric), expected, "{metric:?}");
        }
    }
}

/// All readings of a metric, in order.
fn values(report: &PollReport, metric: Metric) -> Vec<f64> {
    let samples = report.samples.iter().filter(|sample| sample.series.metric == metric);
    let mut values: Vec<f64> = samples.map(|sample| sample.value).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// A BMC with a fault and its poller.
async fn with(fault: impl Into<FaultRule>) -> (Agent, Poller) {
    let agent = bmc(BmcOptions::default());
    agent.set_faults(vec![fault.into()]);
    let poller = Poller::new(target(&agent, monitor("monitor"))).await;
    (agent, poller)
}

fn on_readings(fault: Fault) -> FaultRule {
    fault.on(READING.0, READING.1)
}

/// Polls a BMC with a fault that must cost nothing.
async fn survives(fault: impl Into<FaultRule>) {
    let (agent, mut poller) = with(fault).await;
    poller.whole().await;
    assert_eq!(agent.stats().rejected, 0, "everything that was sent is as it must be");
}

/// Polls a BMC whose sensors cannot be read, which must not stop the rest nor bring any reading.
async fn brings_no_readings(fault: Fault, reason: Reason) {
    let (_agent, mut poller) = with(on_readings(fault)).await;
    let report = poller.poll().await.unwrap();
    assert_eq!(values(&report, metric::HW_HOST_POWER), [372.0]);
    let readings = [metric::HW_TEMPERATURE, metric::HW_FAN_SPEED].map(|metric| values(&report, metric));
    assert_eq!(readings, [[0.0; 0]; 2]);
    assert!(report.faults.iter().all(|fault| fault.reason == reason), "{:?}", report.faults);
    assert!(!report.faults.is_empty());
}
