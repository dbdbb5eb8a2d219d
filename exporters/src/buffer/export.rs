//! A log as OpenMetrics text with the times of its samples, for `promtool tsdb create-blocks-from openmetrics`.
//!
//! Changes nothing. OpenMetrics wants each family and each series in one piece, where a log has reports one after the
//! other: the log is read once to count, and then once for as many samples as memory should hold.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use model::{Definition, Kind, Timestamp};

use crate::buffer::batch::StoredSeries;
use crate::buffer::clock::Boots;
use crate::buffer::folder::Folder;
use crate::buffer::inspect::date;
use crate::buffer::listing::{Listed, listed};
use crate::buffer::names::Names;
use crate::buffer::row::Row;
use crate::buffer::segment::{Form, HEADER_BYTES, read_summary, replay, unseal};
use crate::prometheus::Format;
use crate::prometheus::family::write_head;
use crate::prometheus::number::{write_timestamp, write_value};

/// Samples that are held at a time, 16 bytes each; more where one series has more.
const HELD: u64 = 4 << 20;

/// What was written, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Samples that were written.
    pub samples: u64,
    /// Samples whose time is not known.
    pub undated: u64,
    /// Files of which not all could be read, and why.
    pub damage: Vec<String>,
}

/// Writes a log. Damaged files are left out. Fails where the folder cannot be listed or `out` not be written to.
pub fn export(folder: &Path, out: &mut dyn Write) -> io::Result<Exported> {
    export_in_parts(folder, HELD, out)
}

/// As [`export`], with so many samples held at a time; more where one series has more.
pub fn export_in_parts(folder: &Path, held: u64, out: &mut dyn Write) -> io::Result<Exported> {
    let names = Names::default();
    let source = Source { folder: Folder::new(folder.to_owned(), None), names: &names };
    let mut exported = Exported::default();
    let (boots, mut series) = source.count(&mut exported)?;
    series.sort_by_key(|counted| counted.0.metric);
    let (mut rest, mut family) = (series.as_slice(), None);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest, held));
        rest = later;
        let gathered = source.gather(now, &boots, &mut exported)?;
        for ((series, _), points) in now.iter().zip(gathered).filter(|each| !each.1.is_empty()) {
            let mut text = Vec::new();
            if family.replace(series.metric) != Some(series.metric) {
                write_head(&mut text, series.metric.definition(), Format::OpenMetrics);
            }
            exported.samples += write_series(&mut text, series, points);
            out.write_all(&text)?;
        }
    }
    out.write_all(b"# EOF\n")?;
    Ok(exported)
}

/// A series, and how many samples it has.
type Counted = (Arc<StoredSeries>, u64);

/// The times and values of a series.
type Points = Vec<(Timestamp, f64)>;

/// How many of these, at least one, have no more than `held` samples together.
fn fitting(series: &[Counted], held: u64) -> usize {
    let mut sum = 0_u64;
    let fit = series.iter().take_while(|counted| {
        sum = sum.saturating_add(counted.1);
        sum <= held
    });
    fit.count().max(1)
}

/// What one file holds.
struct Content {
    rows: Vec<Arc<Row>>,
    boots: Boots,
    /// What of it cannot be read.
    damage: Option<String>,
}

struct Source<'a> {
    folder: Folder,
    names: &'a Names,
}

impl Source<'_> {
    /// Hands over the rows of each file, with the clocks that it knows, and notes what cannot be read.
    fn each(&self, exported: &mut Exported, mut take: impl FnMut(Vec<Arc<Row>>, &Boots)) -> io::Result<()> {
        for same in listed(&self.folder)?.chunk_by(|a, b| a.first == b.first) {
            let mut damage = Vec::new();
            // A segment counts if it can be read, else the log beside it, which is listed before it.
            for file in same.iter().rev() {
                let told = |why: String| format!("{}: {why}", file.name);
                match self.content(file) {
                    None => {}
                    Some(Err(why)) => damage.push(told(why)),
                    Some(Ok(content)) => {
                        take(content.rows, &content.boots);
                        damage = content.damage.map(told).into_iter().collect();
                        break;
                    }
                }
            }
            damage.retain(|damage| !exported.damage.contains(damage));
            exported.damage.append(&mut damage);
        }
        Ok(())
    }

    /// What a file holds, or why it cannot be read. None where it is gone, or a log that was begun a moment ago or when
    /// the power went.
    fn content(&self, file: &Listed) -> Option<Result<Content, String>> {
        let mut file = file.clone();
        let bytes = match file.read(&self.folder, |_| usize::MAX)? {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error.to_string())),
        };
        let content = match file.form {
            Form::Log if bytes.len() < HEADER_BYTES => return None,
            Form::Log => replay(&bytes, self.names).map(|log| {
                let damage = log.lost();
                Content { rows: log.rows, boots: log.codec.dictionary.offsets, damage }
            }),
            Form::Sealed => unseal(&bytes, self.names)
                .and_then(|rows| Ok(Content { rows, boots: read_summary(&bytes)?.boots(), damage: None })),
        };
        Some(content.map_err(|error| error.to_string()))
    }

    /// What is known of clocks, and the series in the order in which they are met.
    fn count(&self, exported: &mut Exported) -> io::Result<(Boots, Vec<Counted>)> {
        let (mut boots, mut found) = (Boots::default(), Vec::<Counted>::new());
        let mut places: HashMap<*const StoredSeries, usize> = HashMap::new();
        self.each(exported, |rows, offsets| {
            boots.take_in(offsets);
            for series in rows.iter().flat_map(|row| &row.shape.series) {
                let place = *places.entry(Arc::as_ptr(series)).or_insert_with(|| {
                    found.push((Arc::clone(series), 0));
                    found.len() - 1
                });
                if let Some(counted) = found.get_mut(place) {
                    counted.1 += 1;
                }
            }
        })?;
        Ok((boots, found))
    }

    /// The points of some series. Those that have no known time are counted.
    fn gather(&self, wanted: &[Counted], boots: &Boots, exported: &mut Exported) -> io::Result<Vec<Points>> {
        let room = |counted: &Counted| Vec::with_capacity(usize::try_from(counted.1).unwrap_or_default());
        let mut points: Vec<Points> = wanted.iter().map(room).collect();
        let places: HashMap<*const StoredSeries, usize> =
            wanted.iter().enumerate().map(|(place, counted)| (Arc::as_ptr(&counted.0), place)).collect();
        let mut undated = 0;
        self.each(exported, |rows, _| {
            for row in rows {
                let at = date(&row.stamp, boots);
                for (series, value) in row.shape.series.iter().zip(row.values.iter()) {
                    let points = places.get(&Arc::as_ptr(series)).and_then(|&place| points.get_mut(place));
                    match (points, at) {
                        (Some(points), Some(at)) => points.push((at, value)),
                        (Some(_), None) => undated += 1,
                        (None, _) => {}
                    }
                }
            }
        })?;
        exported.undated += undated;
        Ok(points)
    }
}

/// Appends the lines of a series, and says how many. Of two samples at one time the later one counts.
fn write_series(text: &mut Vec<u8>, series: &StoredSeries, mut points: Points) -> u64 {
    let mut samples = 0;
    points.sort_by_key(|point| point.0);
    let definition = series.metric.definition();
    let start = start_of(definition, series);
    for same in points.chunk_by(|a, b| a.0 == b.0) {
        let Some(&(at, value)) = same.last() else { continue };
        text.extend_from_slice(start.as_bytes());
        match definition.kind {
            Kind::Info => text.push(b'1'),
            _ => write_value(text, value),
        }
        write_timestamp(text, at, Format::OpenMetrics);
        text.push(b'\n');
        samples += 1;
    }
    samples
}

/// A line up to its value.
fn start_of(definition: &Definition, series: &StoredSeries) -> String {
    let comma = if series.own.is_empty() || series.device.is_empty() { "" } else { "," };
    format!("{}{{{}{comma}{}}} ", definition.prometheus, series.own, series.device)
}
