//! Poll reports to text, chunk by chunk.
//!
//! A cursor in each report says which family comes next there, so that each sample is visited once and a
//! family is found by looking at one small array. Nothing is allocated for a sample.

use std::ops::Deref;

use model::{Definition, Kind, Metric, PollReport, Sample};

use crate::prometheus::number::{write_timestamp, write_value};
use crate::prometheus::{Format, OwnMetrics, family};

/// Size at which [`Exposition::fill`] hands back what it wrote: one million series come to some 250 MB,
/// which must never be in memory at once.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Room for everything in a line beside its name and labels: braces, a number, a timestamp.
const LINE_EXTRA_BYTES: usize = 80;

/// Samples whose labels are fetched together: more than a processor fetches at once, and few lines beyond
/// [`CHUNK_BYTES`].
const BATCH: usize = 16;

/// Where reading goes on in one report.
#[derive(Clone, Copy)]
struct Cursor {
    /// Position of its next sample's metric in the catalogue; `DONE` where there is none.
    family: u32,
    sample: u32,
}

const DONE: u32 = u32::MAX;

/// A scrape under way. `R` is `&PollReport` or `Arc<PollReport>`.
///
/// The samples of a report must be ordered by metric, as [`model::ReportBuilder::finish`] leaves them;
/// what follows one that is out of order is left out. No two reports may hold the same series.
pub struct Exposition<R> {
    format: Format,
    timestamps: bool,
    own: OwnMetrics,
    reports: Vec<R>,
    cursors: Vec<Cursor>,
    /// Families still to write, last one first.
    families: Vec<Metric>,
    /// Report that the present family goes on with.
    report: usize,
    head_written: bool,
    finished: bool,
}

impl<R: Deref<Target = PollReport>> Exposition<R> {
    /// A scrape of these reports; each family lists their samples in this order.
    pub fn new(format: Format, reports: impl IntoIterator<Item = R>) -> Self {
        let reports: Vec<R> = reports.into_iter().collect();
        let mut families: Vec<Metric> = Metric::all().collect();
        families.reverse();
        Self {
            format,
            timestamps: false,
            own: OwnMetrics::default(),
            cursors: reports.iter().map(|report| cursor(&report.samples, 0)).collect(),
            reports,
            families,
            report: 0,
            head_written: false,
            finished: false,
        }
    }

    /// Writes the time of its report beside each sample.
    #[must_use]
    pub fn with_timestamps(mut self) -> Self {
        self.timestamps = true;
        self
    }

    /// Merges the program's own metrics in.
    #[must_use]
    pub fn with_own(mut self, own: OwnMetrics) -> Self {
        self.own = own;
        self
    }

    /// Appends about [`CHUNK_BYTES`] to `out`. Returns whether there is more to come.
    pub fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        let full = out.len().saturating_add(CHUNK_BYTES);
        while let Some(&metric) = self.families.last() {
            if !self.write_family(metric, full, out) {
                return true;
            }
            self.families.pop();
            self.report = 0;
            self.head_written = false;
        }
        if !self.finished {
            self.finished = true;
            self.own.write_others(out, self.format);
            if self.format == Format::OpenMetrics {
                out.extend_from_slice(b"# EOF\n");
            }
        }
        false
    }

    /// The whole text at once, for few series.
    pub fn into_bytes(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.fill(&mut out) {}
        out
    }

    /// Returns whether the family is complete; if not, `out` is full.
    fn write_family(&mut self, metric: Metric, full: usize, out: &mut Vec<u8>) -> bool {
        let definition = metric.definition();
        for (report, position) in self.reports.iter().zip(&mut self.cursors).skip(self.report) {
            if position.family == metric.index() as u32 {
                if !self.head_written {
                    self.head_written = true;
                    family::write_head(out, definition, self.format);
                }
                let timestamp = self.timestamps.then_some(report.at);
                let line = Line { definition, format: self.format, timestamp };
                let start = position.sample as usize;
                let run = report.samples.get(start..).unwrap_or_default();
                let written = line.write_run(metric, run, full, out);
                *position = cursor(&report.samples, start.saturating_add(written));
                if position.family == metric.index() as u32 {
                    return false;
                }
            }
            self.report += 1;
        }
        if let Some(lines) = self.own.of_catalogue(metric) {
            if !self.head_written {
                family::write_head(out, definition, self.format);
            }
            out.extend_from_slice(lines.as_bytes());
        }
        true
    }
}

fn cursor(samples: &[Sample], next: usize) -> Cursor {
    match (samples.get(next), u32::try_from(next)) {
        (Some(sample), Ok(position)) => {
            Cursor { family: sample.series.metric.index() as u32, sample: position }
        }
        _ => Cursor { family: DONE, sample: 0 },
    }
}

/// Brings the label texts of a batch into the cache. They lie scattered over memory: read one after the
/// other while writing, each would be waited for; read together, the processor fetches them at once.
fn warm(batch: &[Sample]) {
    let first = |sample: &Sample| sample.series.own_text().bytes().next().unwrap_or(0);
    std::hint::black_box(batch.iter().map(first).fold(0, u8::wrapping_add));
}

/// What all lines of one family from one report share.
struct Line {
    definition: &'static Definition,
    format: Format,
    timestamp: Option<model::Timestamp>,
}

impl Line {
    /// Writes the samples of `metric` that `samples` begins with until `out` is full; returns how many.
    fn write_run(&self, metric: Metric, samples: &[Sample], full: usize, out: &mut Vec<u8>) -> usize {
        let mut written = 0;
        while out.len() < full {
            let rest = samples.get(written..).unwrap_or_default();
            let run = rest.iter().take(BATCH).take_while(|sample| sample.series.metric == metric).count();
            let batch = rest.get(..run).unwrap_or_default();
            if batch.is_empty() {
                break;
            }
            warm(batch);
            for sample in batch.iter().filter(|sample| self.is_valid(sample.value)) {
                self.write(sample, out);
            }
            written += run;
        }
        written
    }

    /// OpenMetrics refuses a whole scrape for a counter that is negative or no number.
    fn is_valid(&self, value: f64) -> bool {
        match self.definition.kind {
            Kind::Counter => value >= 0.0,
            Kind::Histogram => false,
            _ => true,
        }
    }

    fn write(&self, sample: &Sample, out: &mut Vec<u8>) {
        let name = self.definition.prometheus;
        let (own, device) = (sample.series.own_text(), sample.series.device_text());
        out.reserve(name.len() + own.len() + device.len() + LINE_EXTRA_BYTES);
        out.extend_from_slice(name.as_bytes());
        if !(own.is_empty() && device.is_empty()) {
            out.push(b'{');
            out.extend_from_slice(own.as_bytes());
            if !(own.is_empty() || device.is_empty()) {
                out.push(b',');
            }
            out.extend_from_slice(device.as_bytes());
            out.push(b'}');
        }
        out.push(b' ');
        match self.definition.kind {
            Kind::Info => out.push(b'1'),
            _ => write_value(out, sample.value),
        }
        if let Some(at) = self.timestamp {
            write_timestamp(out, at, self.format);
        }
        out.push(b'\n');
    }
}
