//! The program's own metrics, kept by `prometheus-client`: what polling costs, and whether the
//! program and its configuration are well. Names and help come from the catalogue.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use model::{Metric, metric};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric as Registrable, Registry};

use crate::config::Site;

/// Bounds of the poll duration's buckets, in seconds: from a local agent to a BMC at its deadline.
const DURATION_BUCKETS: [f64; 10] = [0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    protocol: &'static str,
    device_type: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Protocol {
    protocol: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
    config_hash: String,
}

/// Handles of the metrics. Cloning is cheap and shares them.
#[derive(Clone, Debug)]
pub struct Telemetry {
    durations: Family<Kind, Histogram, fn() -> Histogram>,
    overruns: Family<Protocol, Counter>,
    heartbeat: Gauge<f64, AtomicU64>,
    reload: Gauge<i64, AtomicI64>,
    series: Gauge<i64, AtomicI64>,
    build: Family<Build, Gauge>,
}

impl Telemetry {
    /// Metrics, and the registry that renders them. The site's name is on all of them; `config_hash` tells
    /// configurations apart.
    pub fn new(site: &Site, config_hash: &str) -> (Self, Registry) {
        let mut registry = Registry::with_labels([("site".into(), site.name.clone().into())].into_iter());
        let telemetry = Self {
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            overruns: Family::default(),
            heartbeat: Gauge::default(),
            reload: Gauge::default(),
            series: Gauge::default(),
            build: Family::default(),
        };
        register(&mut registry, metric::OOB_POLL_DURATION, telemetry.durations.clone());
        register(&mut registry, metric::OOB_POLL_OVERRUNS, telemetry.overruns.clone());
        register(&mut registry, metric::OOB_COLLECTOR_HEARTBEAT_TIMESTAMP, telemetry.heartbeat.clone());
        register(&mut registry, metric::OOB_COLLECTOR_CONFIG_LAST_RELOAD_SUCCESS, telemetry.reload.clone());
        register(&mut registry, metric::OOB_COLLECTOR_SERIES, telemetry.series.clone());
        let build = metric::OOB_COLLECTOR_INFO.definition();
        registry.register(build.prometheus, build.help, telemetry.build.clone());
        telemetry.configured(config_hash);
        let described = [("site_kind", site.kind.as_str()), ("region", site.region.as_str())];
        let described = described.into_iter().filter(|(_, value)| !value.is_empty());
        let described: Vec<_> = described.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        register(&mut registry, metric::OOB_SITE_INFO, Info::new(described));
        telemetry.reload.set(1);
        (telemetry, registry)
    }

    /// Notes a finished poll and the ticks that it ran over.
    pub fn polled(&self, protocol: &'static str, device_type: &str, took: Duration, overruns: u32) {
        let kind = Kind { protocol, device_type: device_type.to_owned() };
        self.durations.get_or_create(&kind).observe(took.as_secs_f64());
        self.overruns.get_or_create(&Protocol { protocol }).inc_by(u64::from(overruns));
    }

    /// Says that the program is alive; `unix` is the wall time in seconds.
    pub fn heartbeat(&self, unix: f64) {
        self.heartbeat.set(unix);
    }

    /// Names the configuration that is active.
    pub fn configured(&self, config_hash: &str) {
        let build = Build { version: env!("CARGO_PKG_VERSION"), config_hash: config_hash.to_owned() };
        self.build.clear();
        self.build.get_or_create(&build).set(1);
    }

    /// Whether the last reload was accepted.
    pub fn reloaded(&self, accepted: bool) {
        self.reload.set(i64::from(accepted));
    }

    /// How many device series are served.
    pub fn series(&self, count: usize) {
        self.series.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

/// Registers under the catalogue's name. `prometheus-client` adds `_total` and `_info` itself.
fn register(registry: &mut Registry, metric: Metric, handle: impl Registrable) {
    let definition = metric.definition();
    let name = definition.prometheus;
    let stem = name.strip_suffix("_total").or_else(|| name.strip_suffix("_info")).unwrap_or(name);
    registry.register(stem, definition.help, handle);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site { name: "fra1".into(), kind: "dc".into(), region: String::new() }
    }

    #[test]
    fn names_are_the_catalogues() {
        let (telemetry, registry) = Telemetry::new(&site(), "c0ffee");
        telemetry.configured("decade");
        telemetry.polled("snmp", "pdu", Duration::from_millis(30), 2);
        telemetry.heartbeat(1_700_000_000.5);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"oob_poll_overruns_total{site="fra1",protocol="snmp"} 2"#,
            r#"oob_poll_duration_seconds_bucket{site="fra1",le="0.05",protocol="snmp",device_type="pdu"} 1"#,
            r#"oob_site_info{site="fra1",site_kind="dc"} 1"#,
            concat!(
                r#"oob_collector_info{site="fra1",version=""#,
                env!("CARGO_PKG_VERSION"),
                r#"",config_hash="decade"} 1"#
            ),
            r#"oob_collector_config_last_reload_success{site="fra1"} 1"#,
            r#"oob_collector_heartbeat_timestamp_seconds{site="fra1"} 1700000000.5"#,
        ] {
            assert!(text.lines().any(|each| each == line), "no line {line} in\n{text}");
        }
    }
}
