//! Batches to requests, in snappy's block format.
//!
//! `prometheus.WriteRequest` (1.0) and `io.prometheus.write.v2.Request` (2.0). What does not change from one
//! request to the next, the labels of a series, is encoded once and remembered. Values of
//! [`STALE`](crate::forward::STALE) are Prometheus' stale markers already, bit for bit. Does no I/O.

use std::sync::Arc;

use hashbrown::HashMap;
use model::{Definition, Kind, Metric, Timestamp};

use crate::buffer::batch::{Batch, Point, StoredSeries};
use crate::forward::series::{MAX_SERIES, SeriesMap};
use crate::protobuf::{bytes, double, message, signed, unsigned, varint};

/// Requests of version 1.0 from one that describes its metrics to the next: descriptions take more bytes
/// than the samples of a small site, and a receiver that has lost them gets them within the hour.
const DESCRIBE_EVERY: u32 = 120;

/// Distinct strings that are remembered for version 2.0. Where series came and went until there are as many,
/// all are forgotten and learned again.
const MAX_SYMBOLS: usize = 2 * MAX_SERIES;

/// What a sample takes in a message, about, and what a series does beside them.
const SAMPLE_BYTES: usize = 20;
const SERIES_BYTES: usize = 160;

/// Which message a receiver gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

/// Writes requests for one receiver.
pub struct Encoder {
    version: Version,
    /// Version 1.0: the labels of each series as fields of its message.
    labels: SeriesMap<Box<[u8]>>,
    /// Version 2.0: the numbers of each series' names and values in turn.
    numbers: SeriesMap<Box<[u32]>>,
    symbols: Symbols,
    /// Requests of version 1.0 by now.
    requests: u32,
    snappy: snap::raw::Encoder,
}

impl Encoder {
    /// An encoder that knows no series yet.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            labels: SeriesMap::default(),
            numbers: SeriesMap::default(),
            symbols: Symbols::default(),
            requests: 0,
            snappy: snap::raw::Encoder::new(),
        }
    }

    /// The version that it writes.
    pub fn version(&self) -> Version {
        self.version
    }

    /// One request with all samples of `batch`, compressed.
    pub fn encode(&mut self, batch: &Batch) -> Vec<u8> {
        // Made anew each time: kept, it would for ever be as large as the largest request of a backlog.
        let size = batch.points.len() * SAMPLE_BYTES + batch.runs.len() * SERIES_BYTES;
        let mut message = Vec::with_capacity(size);
        match self.version {
            Version::V1 => self.write_v1(batch, &mut message),
            Version::V2 => self.write_v2(batch, &mut message),
        }
        // Fails only for messages over 4 GiB, which no batch comes near; an empty body is refused visibly.
        let mut request = self.snappy.compress_vec(&message).unwrap_or_default();
        // It may be on its way for long, and has room for what cannot be compressed.
        request.shrink_to_fit();
        request
    }

    fn write_v1(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        let mut described: Vec<Metric> = Vec::new();
        let describe = self.requests.is_multiple_of(DESCRIBE_EVERY);
        for run in &batch.runs {
            let points = batch.points_of(run);
            if points.is_empty() {
                continue;
            }
            let labels = self.labels.get(&run.series, encode_labels);
            message(out, 1, |out| {
                out.extend_from_slice(labels);
                points.iter().for_each(|point| write_sample(out, point, None));
            });
            if describe && !described.contains(&run.series.metric) {
                described.push(run.series.metric);
            }
        }
        for metric in described {
            let definition = metric.definition();
            message(out, 3, |out| {
                unsigned(out, 1, metric_type(definition));
                bytes(out, 2, definition.prometheus.as_bytes());
                bytes(out, 4, definition.help.as_bytes());
                bytes(out, 5, definition.unit.prometheus().as_bytes());
            });
        }
        self.requests = self.requests.wrapping_add(1);
    }

    fn write_v2(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        if self.symbols.start() {
            self.numbers = SeriesMap::default();
        }
        for run in &batch.runs {
            let points = batch.points_of(run);
            if points.is_empty() {
                continue;
            }
            let symbols = &mut self.symbols;
            let definition = run.series.metric.definition();
            let labels = self.numbers.get(&run.series, |series| symbols.number_labels(series));
            let help = symbols.place_of(definition.help);
            let unit = symbols.place_of(definition.unit.prometheus());
            let start = (definition.kind == Kind::Counter).then_some(run.series.since);
            message(out, 5, |out| {
                message(out, 1, |out| {
                    labels.iter().for_each(|&number| varint(out, u64::from(symbols.place(number))));
                });
                points.iter().for_each(|point| write_sample(out, point, start));
                message(out, 5, |out| {
                    unsigned(out, 1, metric_type(definition));
                    unsigned(out, 3, u64::from(help));
                    unsigned(out, 4, u64::from(unit));
                });
            });
        }
        // First the symbols, although they are known last: some receivers resolve them while they read.
        let series = out.len();
        self.symbols.write(out);
        out.rotate_left(series);
    }
}

/// The sample messages of both versions; a start time only has the second.
fn write_sample(out: &mut Vec<u8>, point: &Point, start: Option<Timestamp>) {
    message(out, 2, |out| {
        double(out, 1, point.value);
        signed(out, 2, point.at);
        if let Some(start) = start.filter(|&start| start > 0 && start < point.at) {
            signed(out, 3, start);
        }
    });
}

/// Types as both versions number them. State sets are gauges with a label, as on `/metrics`.
fn metric_type(definition: &Definition) -> u64 {
    match definition.kind {
        Kind::Counter => 1,
        Kind::Histogram => 3,
        Kind::Info => 6,
        Kind::Gauge | Kind::UpDown | Kind::StateSet(_) | Kind::Status => 2,
    }
}

/// Hands names and values to `each`, `__name__` among them, in the order of the names.
fn each_label(series: &StoredSeries, mut each: impl FnMut(&str, &str)) {
    let own = model::series::read_labels(&series.own);
    let mut labels: Vec<_> = own.chain(model::series::read_labels(&series.device)).collect();
    labels.sort_by(|left, right| left.0.cmp(right.0));
    // In ASCII, which Prometheus sorts by, `_` comes before every small letter, and labels start with one.
    each("__name__", series.metric.definition().prometheus);
    labels.iter().for_each(|(name, value)| each(name, value));
}

/// The fields `labels` of a `prometheus.TimeSeries`.
fn encode_labels(series: &StoredSeries) -> Box<[u8]> {
    let mut out = Vec::new();
    each_label(series, |name, value| {
        message(&mut out, 1, |out| {
            bytes(out, 1, name.as_bytes());
            bytes(out, 2, value.as_bytes());
        });
    });
    out.into()
}

/// Strings: each has a number for good and, in a request that uses it, a place.
#[derive(Default)]
struct Symbols {
    numbers: HashMap<Arc<str>, u32>,
    symbols: Vec<Symbol>,
    /// Numbers of those that the request uses, in the order of their places, which begin at 1: place 0 is
    /// the empty string's.
    used: Vec<u32>,
    /// Which request: places of an earlier one don't count.
    request: u32,
}

struct Symbol {
    text: Arc<str>,
    request: u32,
    place: u32,
}

impl Symbols {
    /// Begins a request. Returns whether all numbers were forgotten.
    fn start(&mut self) -> bool {
        let full = self.symbols.len() >= MAX_SYMBOLS || self.request == u32::MAX;
        if full {
            *self = Self::default();
        }
        self.used.clear();
        self.request += 1;
        full
    }

    fn number_labels(&mut self, series: &StoredSeries) -> Box<[u32]> {
        let mut numbers = Vec::new();
        each_label(series, |name, value| numbers.extend([self.number(name), self.number(value)]));
        numbers.into()
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = u32::try_from(self.symbols.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = text.into();
        self.numbers.insert(Arc::clone(&text), number);
        self.symbols.push(Symbol { text, request: 0, place: 0 });
        number
    }

    /// The place of a numbered string in this request.
    fn place(&mut self, number: u32) -> u32 {
        let Some(symbol) = self.symbols.get_mut(number as usize) else { return 0 };
        if symbol.request != self.request {
            self.used.push(number);
            symbol.request = self.request;
            symbol.place = u32::try_from(self.used.len()).unwrap_or(u32::MAX);
        }
        symbol.place
    }

    /// The place of a text in this request.
    fn place_of(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let number = self.number(text);
        self.place(number)
    }

    /// The field `symbols`, which begins with the empty string.
    fn write(&self, out: &mut Vec<u8>) {
        bytes(out, 4, b"");
        for &number in &self.used {
            if let Some(symbol) = self.symbols.get(number as usize) {
                bytes(out, 4, symbol.text.as_bytes());
            }
        }
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
