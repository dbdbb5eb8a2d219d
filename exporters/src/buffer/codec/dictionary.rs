//! What the rows of one segment refer to by number: boots, devices, metrics, series, shapes.
//!
//! Pure. A segment has a dictionary of its own, which grows as its rows need it, so that each segment can be read alone.

use std::sync::Arc;

use hashbrown::HashMap;
use model::Metric;

use crate::buffer::batch::StoredSeries;
use crate::buffer::clock::{Boot, Boots};
use crate::buffer::codec::bytes::{Input, put, put_signed, put_text};
use crate::buffer::names::Names;
use crate::buffer::row::{Row, Shape};

/// Most boots, devices, series or shapes of one segment: numbers have 20 bits. The writer begins another segment
/// long before.
pub(crate) const MAX_NUMBER: usize = 1 << 20;

const BOOT: u8 = 0;
const OFFSET: u8 = 1;
const DEVICE: u8 = 2;
const SERIES: u8 = 3;
const SHAPE: u8 = 4;
const METRIC: u8 = 5;

/// Things by number, and numbers by thing.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    pub(crate) boots: Vec<Boot>,
    pub(crate) offsets: Boots,
    pub(crate) series: Vec<Entry>,
    pub(crate) shapes: Vec<Numbered>,
    /// None where this version has no such metric.
    metrics: Vec<Option<Metric>>,
    devices: Vec<Arc<str>>,
    device_numbers: HashMap<Arc<str>, usize>,
    /// By address, which nothing else can have while the dictionary holds the series.
    series_numbers: HashMap<usize, usize>,
    shape_numbers: HashMap<usize, usize>,
}

/// A series, and the number of its metric. None where this version has no such metric: its values are passed over.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) series: Option<Arc<StoredSeries>>,
    pub(crate) metric: usize,
}

/// A shape, with the numbers of all its series, also of those that are passed over.
#[derive(Debug)]
pub(crate) struct Numbered {
    pub(crate) shape: Arc<Shape>,
    pub(crate) series: Box<[usize]>,
}

impl Dictionary {
    /// Appends what a row needs and the dictionary lacks.
    pub(crate) fn add(&mut self, row: &Row, out: &mut Vec<u8>) {
        self.boot(row.stamp.boot, out);
        let new_shape = !self.shape_numbers.contains_key(&address(&row.shape));
        let of_shape: &[_] = if new_shape { &row.shape.series } else { &[] };
        for series in of_shape.iter().chain(&row.ended) {
            self.add_series(series, out);
        }
        if new_shape {
            self.add_shape(&row.shape, out);
        }
    }

    /// Appends the offset of a boot's clock.
    pub(crate) fn add_offset(&mut self, boot: Boot, offset: i64, out: &mut Vec<u8>) {
        let number = self.boot(boot, out);
        if self.offsets.learn(boot, offset) {
            out.push(OFFSET);
            put(out, number as u64);
            put_signed(out, offset);
        }
    }

    /// The number of a boot.
    pub(crate) fn boot(&mut self, boot: Boot, out: &mut Vec<u8>) -> usize {
        if let Some(number) = self.boots.iter().rposition(|&known| known == boot) {
            return number;
        }
        out.push(BOOT);
        out.extend_from_slice(&boot.0.to_le_bytes());
        self.boots.push(boot);
        self.boots.len() - 1
    }

    /// The number of a series that is in the dictionary.
    pub(crate) fn series_number(&self, series: &Arc<StoredSeries>) -> usize {
        self.series_numbers.get(&address(series)).copied().unwrap_or_default()
    }

    /// The number of a shape that is in the dictionary.
    pub(crate) fn shape_number(&self, shape: &Arc<Shape>) -> usize {
        self.shape_numbers.get(&address(shape)).copied().unwrap_or_default()
    }

    fn add_series(&mut self, series: &Arc<StoredSeries>, out: &mut Vec<u8>) {
        if self.series_numbers.contains_key(&address(series)) {
            return;
        }
        let device = self.device(&series.device, out);
        let metric = self.metric(series.metric, out);
        out.push(SERIES);
        put(out, metric as u64);
        put(out, device as u64);
        put_text(out, &series.own);
        put_signed(out, series.since);
        self.keep_series(Some(Arc::clone(series)), metric);
    }

    fn keep_series(&mut self, series: Option<Arc<StoredSeries>>, metric: usize) {
        if let Some(series) = &series {
            self.series_numbers.insert(address(series), self.series.len());
        }
        self.series.push(Entry { series, metric });
    }

    fn metric(&mut self, metric: Metric, out: &mut Vec<u8>) -> usize {
        if let Some(number) = self.metrics.iter().position(|&known| known == Some(metric)) {
            return number;
        }
        out.push(METRIC);
        put_text(out, metric.definition().prometheus);
        self.metrics.push(Some(metric));
        self.metrics.len() - 1
    }

    /// How many metrics there are.
    pub(crate) fn metrics(&self) -> usize {
        self.metrics.len()
    }

    fn device(&mut self, device: &Arc<str>, out: &mut Vec<u8>) -> usize {
        if let Some(&number) = self.device_numbers.get(device) {
            return number;
        }
        out.push(DEVICE);
        put_text(out, device);
        self.devices.push(Arc::clone(device));
        self.device_numbers.insert(Arc::clone(device), self.devices.len() - 1);
        self.devices.len() - 1
    }

    /// A shape is written as stretches of series whose numbers follow each other.
    fn add_shape(&mut self, shape: &Arc<Shape>, out: &mut Vec<u8>) {
        let numbers: Vec<usize> = shape.series.iter().map(|series| self.series_number(series)).collect();
        let stretches: Vec<&[usize]> = numbers.chunk_by(|a, b| a + 1 == *b).collect();
        out.push(SHAPE);
        put(out, stretches.len() as u64);
        for stretch in stretches {
            put(out, stretch.first().copied().unwrap_or_default() as u64);
            put(out, stretch.len() as u64);
        }
        self.keep_shape(Arc::clone(shape), numbers);
    }

    fn keep_shape(&mut self, shape: Arc<Shape>, series: Vec<usize>) {
        self.shape_numbers.insert(address(&shape), self.shapes.len());
        self.shapes.push(Numbered { shape, series: series.into() });
    }

    /// Whether numbers are running out.
    pub(crate) fn is_full(&self) -> bool {
        self.series.len().max(self.shapes.len()) >= MAX_NUMBER / 2
    }

    /// Reads what was appended. `None` where it makes no sense.
    pub(crate) fn read(&mut self, bytes: &[u8], names: &Names) -> Option<()> {
        let mut input = Input::new(bytes);
        while !input.is_empty() {
            match input.byte()? {
                BOOT => self.boots.push(Boot(u128::from_le_bytes(input.array()?))),
                OFFSET => {
                    let boot = *self.boots.get(input.size()?)?;
                    self.offsets.learn(boot, input.signed()?);
                }
                DEVICE => {
                    let device: Arc<str> = input.text()?.into();
                    self.device_numbers.insert(Arc::clone(&device), self.devices.len());
                    self.devices.push(device);
                }
                METRIC => self.metrics.push(Metric::find(input.text()?)),
                SERIES => {
                    let number = input.size()?;
                    let metric = self.metrics.get(number)?;
                    let device = self.devices.get(input.size()?)?;
                    let (own, since) = (input.text()?, input.signed()?);
                    let series = metric.map(|metric| names.series(metric, device, own, since));
                    self.keep_series(series, number);
                }
                SHAPE => self.read_shape(&mut input)?,
                _ => return None,
            }
        }
        Some(())
    }

    fn read_shape(&mut self, input: &mut Input<'_>) -> Option<()> {
        let mut numbers = Vec::new();
        for _ in 0..input.number()? {
            let (first, count) = (input.size()?, input.size()?);
            let end = first.checked_add(count).filter(|&end| end <= self.series.len())?;
            if numbers.len().saturating_add(count) > MAX_NUMBER {
                return None;
            }
            numbers.extend(first..end);
        }
        let entries = numbers.iter().filter_map(|&number| self.series.get(number));
        let series = entries.filter_map(|entry| entry.series.clone()).collect();
        self.keep_shape(Arc::new(Shape { series }), numbers);
        Some(())
    }
}

fn address<T>(of: &Arc<T>) -> usize {
    Arc::as_ptr(of).addr()
}
