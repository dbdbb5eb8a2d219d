//! What the collector says of itself, as a report like those of devices: served with them, kept in the buffer
//! with them, and forwarded with them. Names no device.
//!
//! Pure: is told everything, the time too.

use std::sync::Arc;
use std::time::Duration;

use exporters::buffer::Storage;
use exporters::forward::Figures;
use model::{Device, Label, Labels, Metric, PollReport, ReportBuilder, Timestamp, metric};

use crate::config::Site;
use crate::telemetry::Telemetry;

/// What a report is made of.
pub(super) struct Facts<'a> {
    /// Polls and the configuration.
    pub(super) telemetry: &'a Telemetry,
    /// Series of devices that are served.
    pub(super) series: usize,
    /// Whether the clock that dates what is kept is known to be right, where something is kept.
    pub(super) synchronised: Option<bool>,
    /// The buffer, where there is one.
    pub(super) buffer: Option<&'a exporters::buffer::Figures>,
    /// Destinations by name, with the age of what waits for each.
    pub(super) destinations: &'a [(String, Figures, Option<Duration>)],
}

/// Makes the reports.
pub(super) struct OwnReport {
    report: ReportBuilder,
    site: Site,
}

impl OwnReport {
    /// Of the collector at this site.
    pub(super) fn new(site: &Site) -> Self {
        let device = Device {
            name: String::new(),
            site: site.name.clone(),
            rack: String::new(),
            device_type: String::new(),
            description: Default::default(),
        };
        Self { report: ReportBuilder::new(Arc::new(device)), site: site.clone() }
    }

    /// The report at `now`.
    pub(super) fn make(&mut self, facts: &Facts<'_>, now: Timestamp) -> PollReport {
        self.program(facts, now);
        if let Some(synchronised) = facts.synchronised {
            self.plain(metric::OOB_COLLECTOR_CLOCK_SYNCHRONIZED, f64::from(u8::from(synchronised)));
        }
        if let Some(buffer) = facts.buffer {
            self.buffer(buffer);
        }
        for (name, figures, waited) in facts.destinations {
            self.destination(name, figures, *waited, now);
        }
        self.report.finish(now, Duration::ZERO, None)
    }

    fn program(&mut self, facts: &Facts<'_>, now: Timestamp) {
        let telemetry = facts.telemetry;
        let site =
            Labels::new().with(Label::SiteKind, &self.site.kind).with(Label::Region, &self.site.region);
        self.report.record(metric::OOB_SITE_INFO, &site, 1.0);
        let hash = telemetry.config_hash();
        let build =
            Labels::new().with(Label::Version, env!("CARGO_PKG_VERSION")).with(Label::ConfigHash, &hash);
        self.report.record(metric::OOB_COLLECTOR_INFO, &build, 1.0);
        self.plain(metric::OOB_COLLECTOR_HEARTBEAT_TIMESTAMP, now as f64 / 1e3);
        let reloaded = f64::from(u8::from(telemetry.is_reloaded()));
        self.plain(metric::OOB_COLLECTOR_CONFIG_LAST_RELOAD_SUCCESS, reloaded);
        self.plain(metric::OOB_COLLECTOR_SERIES, facts.series as f64);
        for (protocol, overruns) in telemetry.overruns() {
            let labels = Labels::new().with(Label::Protocol, protocol);
            self.report.record(metric::OOB_POLL_OVERRUNS, &labels, overruns as f64);
        }
    }

    fn buffer(&mut self, figures: &exporters::buffer::Figures) {
        self.plain(metric::OOB_BUFFER_ENTRIES, figures.waiting as f64);
        self.plain(metric::OOB_BUFFER_SIZE, figures.bytes as f64);
        self.plain(metric::OOB_BUFFER_LIMIT, figures.limit as f64);
        if let Some(oldest) = figures.oldest {
            self.plain(metric::OOB_BUFFER_OLDEST_AGE, oldest.as_secs_f64());
        }
        let disk = Labels::component("buffer", "buffer").with(Label::HwType, "logical_disk");
        let state = if figures.storage == Storage::Disk { "ok" } else { "failed" };
        self.report.record_state(metric::HW_STATUS, &disk, state);
        for loss in exporters::buffer::Loss::ALL {
            let lost = figures.lost.get(&loss).copied().unwrap_or(0);
            let labels = Labels::new().with(Label::Reason, loss.as_str());
            self.report.record(metric::OOB_BUFFER_DROPPED, &labels, lost as f64);
        }
    }

    fn destination(&mut self, name: &str, figures: &Figures, waited: Option<Duration>, now: Timestamp) {
        for (outcome, &samples) in &figures.samples {
            let labels = Labels::new().with(Label::Destination, name).with(Label::Outcome, outcome);
            self.report.record(metric::OOB_FORWARD_SAMPLES, &labels, samples as f64);
        }
        // Before anything has arrived, the destination lags at least as far behind as what waits is old.
        let since = figures.newest.map(|newest| now.saturating_sub(newest).max(0) as f64 / 1e3);
        if let Some(lag) = since.or_else(|| waited.map(|waited| waited.as_secs_f64())) {
            let labels = Labels::new().with(Label::Destination, name);
            self.report.record(metric::OOB_FORWARD_LAG, &labels, lag);
        }
    }

    fn plain(&mut self, metric: Metric, value: f64) {
        self.report.record(metric, &Labels::new(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exporters::buffer::Loss;
    use exporters::forward::Status;

    fn lines(report: &PollReport) -> Vec<String> {
        let line = |sample: &model::Sample| {
            let series = &sample.series;
            let labels = [series.device_text(), series.own_text()];
            let labels: Vec<_> = labels.into_iter().filter(|text| !text.is_empty()).collect();
            format!("{}{{{}}} {}", series.metric.definition().prometheus, labels.join(","), sample.value)
        };
        report.samples.iter().map(line).collect()
    }

    #[test]
    fn everything_is_said_under_the_catalogues_names() {
        let site = Site { name: "pole-7".into(), kind: "pole".into(), region: String::new() };
        let (telemetry, _registry) = Telemetry::new(&site, "c0ffee");
        telemetry.polled("snmp", "pdu", Duration::from_millis(30), 2);
        telemetry.reloaded(false);
        let buffer = exporters::buffer::Figures {
            waiting: 12,
            bytes: 4_096,
            limit: 64 << 20,
            oldest: Some(Duration::from_secs(90)),
            dated: false,
            lost: [(Loss::Full, 3)].into(),
            storage: Storage::Disk,
        };
        let newest = Some(1_700_000_000_000);
        let destinations = [
            ("central".to_owned(), Figures { newest, ..Status::default().figures() }, None),
            ("second".to_owned(), Status::default().figures(), Some(Duration::from_secs(90))),
        ];
        let facts = Facts {
            telemetry: &telemetry,
            series: 41,
            synchronised: Some(false),
            buffer: Some(&buffer),
            destinations: &destinations,
        };
        let report = OwnReport::new(&site).make(&facts, 1_700_000_030_500);
        let lines = lines(&report);
        for expected in [
            r#"oob_site_info{site="pole-7",site_kind="pole"} 1"#,
            concat!(
                r#"oob_collector_info{site="pole-7",version=""#,
                env!("CARGO_PKG_VERSION"),
                r#"",config_hash="c0ffee"} 1"#
            ),
            r#"oob_collector_heartbeat_timestamp_seconds{site="pole-7"} 1700000030.5"#,
            r#"oob_collector_config_last_reload_success{site="pole-7"} 0"#,
            r#"oob_collector_clock_synchronized{site="pole-7"} 0"#,
            r#"oob_collector_series{site="pole-7"} 41"#,
            r#"oob_poll_overruns_total{site="pole-7",protocol="snmp"} 2"#,
            r#"oob_buffer_entries{site="pole-7"} 12"#,
            r#"oob_buffer_size_bytes{site="pole-7"} 4096"#,
            r#"oob_buffer_limit_bytes{site="pole-7"} 67108864"#,
            r#"oob_buffer_oldest_age_seconds{site="pole-7"} 90"#,
            r#"oob_buffer_dropped_total{site="pole-7",reason="full"} 3"#,
            r#"oob_buffer_dropped_total{site="pole-7",reason="expired"} 0"#,
            r#"hw_status{site="pole-7",hw_id="buffer",hw_name="buffer",hw_type="logical_disk",hw_state="ok"} 1"#,
            r#"hw_status{site="pole-7",hw_id="buffer",hw_name="buffer",hw_type="logical_disk",hw_state="failed"} 0"#,
            r#"oob_forward_samples_total{site="pole-7",destination="central",outcome="acked"} 0"#,
            r#"oob_forward_lag_seconds{site="pole-7",destination="central"} 30.5"#,
            r#"oob_forward_lag_seconds{site="pole-7",destination="second"} 90"#,
        ] {
            assert!(lines.iter().any(|line| line == expected), "no {expected} in {lines:#?}");
        }
        assert_eq!(report.rejections, []);
    }

    #[test]
    fn readings_that_wait_in_memory_alone_are_an_alert_as_a_failed_drive_is() {
        let site = Site { name: "pole-7".into(), kind: String::new(), region: String::new() };
        let (telemetry, _registry) = Telemetry::new(&site, "c0ffee");
        let buffer = exporters::buffer::Figures {
            waiting: 12,
            bytes: 0,
            limit: 64 << 20,
            oldest: None,
            dated: true,
            lost: Default::default(),
            storage: Storage::Memory { cause: "no space left on device".into() },
        };
        let facts = Facts {
            telemetry: &telemetry,
            series: 0,
            synchronised: Some(true),
            buffer: Some(&buffer),
            destinations: &[],
        };
        let lines = lines(&OwnReport::new(&site).make(&facts, 1_700_000_030_500));
        let labels = r#"site="pole-7",hw_id="buffer",hw_name="buffer",hw_type="logical_disk""#;
        for (state, value) in [("ok", 0), ("degraded", 0), ("failed", 1)] {
            let expected = format!(r#"hw_status{{{labels},hw_state="{state}"}} {value}"#);
            assert!(lines.contains(&expected), "no {expected} in {lines:#?}");
        }
    }
}
