//! What polling costs, and which configuration is active.
//!
//! The distribution of poll times is kept by `prometheus-client` and served from its registry; the rest goes into
//! the collector's own report. Names and help come from the catalogue.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{Metric, metric};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric as Registrable, Registry};

use crate::config::Site;

/// Bounds of the poll duration's buckets, in seconds: from a local agent to a BMC at its deadline.
const DURATION_BUCKETS: [f64; 10] = [0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    protocol: &'static str,
    device_type: String,
}

#[derive(Debug)]
struct Facts {
    overruns: BTreeMap<&'static str, u64>,
    config_hash: String,
    reloaded: bool,
}

/// Handles of the figures. Cloning is cheap and shares them.
#[derive(Clone, Debug)]
pub struct Telemetry {
    durations: Family<Kind, Histogram, fn() -> Histogram>,
    facts: Arc<Mutex<Facts>>,
}

impl Telemetry {
    /// Figures, and the registry that renders the distributions. The site's name is on all of them; `config_hash`
    /// tells configurations apart.
    pub fn new(site: &Site, config_hash: &str) -> (Self, Registry) {
        let mut registry = Registry::with_labels([("site".into(), site.name.clone().into())].into_iter());
        let facts = Facts { overruns: BTreeMap::new(), config_hash: config_hash.to_owned(), reloaded: true };
        let telemetry = Self {
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            facts: Arc::new(Mutex::new(facts)),
        };
        register(&mut registry, metric::OOB_POLL_DURATION, telemetry.durations.clone());
        (telemetry, registry)
    }

    /// Notes a finished poll and the ticks that it ran over.
    pub fn polled(&self, protocol: &'static str, device_type: &str, took: Duration, overruns: u32) {
        let kind = Kind { protocol, device_type: device_type.to_owned() };
        self.durations.get_or_create(&kind).observe(took.as_secs_f64());
        *self.facts().overruns.entry(protocol).or_default() += u64::from(overruns);
    }

    /// Ticks that polls ran over, by protocol, of those that were polled.
    pub fn overruns(&self) -> BTreeMap<&'static str, u64> {
        self.facts().overruns.clone()
    }

    /// Names the configuration that is active.
    pub fn configured(&self, config_hash: &str) {
        config_hash.clone_into(&mut self.facts().config_hash);
    }

    /// The configuration that is active.
    pub fn config_hash(&self) -> String {
        self.facts().config_hash.clone()
    }

    /// Notes whether a reload was accepted.
    pub fn reloaded(&self, accepted: bool) {
        self.facts().reloaded = accepted;
    }

    /// Whether the last reload was accepted; true before the first.
    pub fn is_reloaded(&self) -> bool {
        self.facts().reloaded
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn register(registry: &mut Registry, metric: Metric, handle: impl Registrable) {
    let definition = metric.definition();
    registry.register(definition.prometheus, definition.help, handle);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poll_times_are_served_under_the_catalogues_name() {
        let site = Site { name: "fra1".into(), kind: "dc".into(), region: String::new() };
        let (telemetry, registry) = Telemetry::new(&site, "c0ffee");
        telemetry.polled("snmp", "pdu", Duration::from_millis(30), 2);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line =
            r#"oob_poll_duration_seconds_bucket{site="fra1",le="0.05",protocol="snmp",device_type="pdu"} 1"#;
        assert!(text.lines().any(|each| each == line), "no line {line} in\n{text}");
    }
}
