//! A log as OpenMetrics text with the times of its samples, for `promtool tsdb create-blocks-from openmetrics`.
//!
//! Changes nothing. OpenMetrics wants each family and each series in one piece, where a log has reports one after the
//! other: the log is read once to count, and then once for as many samples as memory should hold.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use model::{Definition, Kind, Metric, Timestamp};

use crate::buffer::batch::StoredSeries;
use crate::buffer::clock::Boots;
use crate::buffer::folder::Folder;
use crate::buffer::inspect::date;
use crate::buffer::names::Names;
use crate::buffer::row::Row;
use crate::buffer::segment::{Form, read_summary, replay, unseal};
use crate::buffer::store::parse_name;
use crate::prometheus::Format;
use crate::prometheus::family::write_head;
use crate::prometheus::number::{write_timestamp, write_value};

/// Samples that are held at a time, 16 bytes each; more where one family has more.
const HELD: u64 = 4 << 20;

/// What was written, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Samples that were written.
    pub samples: u64,
    /// Samples whose time is not known.
    pub undated: u64,
    /// Files that could not be read, and why.
    pub damage: Vec<String>,
}

/// Writes a log. Damaged files are left out. Fails where the folder cannot be listed or `out` not be written to.
pub fn export(folder: &Path, out: &mut dyn Write) -> io::Result<Exported> {
    let names = Names::default();
    let source = Source { folder: Folder::new(folder.to_owned(), None), names: &names };
    let mut exported = Exported::default();
    let (boots, counts) = source.count(&mut exported)?;
    let mut metrics: Vec<(Metric, u64)> = counts.into_iter().collect();
    metrics.sort_unstable();
    let mut rest = metrics.as_slice();
    while !rest.is_empty() {
        let mut sum = 0_u64;
        let fit = rest.iter().take_while(|metric| {
            let first = sum == 0;
            sum = sum.saturating_add(metric.1);
            first || sum <= HELD
        });
        let (now, later) = rest.split_at(fit.count());
        rest = later;
        let wanted: Vec<Metric> = now.iter().map(|metric| metric.0).collect();
        let (families, undated) = source.gather(&wanted, &boots)?;
        exported.undated += undated;
        for (metric, family) in families {
            exported.samples += write_family(metric.definition(), family, out)?;
        }
    }
    out.write_all(b"# EOF\n")?;
    Ok(exported)
}

/// The points of the series of one family, in the order in which they were met.
type Family = Vec<(Arc<StoredSeries>, Vec<(Timestamp, f64)>)>;

struct Source<'a> {
    folder: Folder,
    names: &'a Names,
}

impl Source<'_> {
    /// Hands over the rows of each file, or why it has none.
    fn each(&self, mut take: impl FnMut(&str, Result<(Vec<Arc<Row>>, Boots), String>)) -> io::Result<()> {
        for (name, _) in self.folder.files()? {
            let Some((form, _)) = parse_name(&name) else { continue };
            let bytes = match self.folder.read(&name, usize::MAX) {
                Ok(bytes) => bytes,
                Err(error) => {
                    take(&name, Err(error.to_string()));
                    continue;
                }
            };
            let read = match form {
                Form::Log => replay(&bytes, self.names).map(|log| (log.rows, log.codec.dictionary.offsets)),
                Form::Sealed => unseal(&bytes, self.names)
                    .and_then(|rows| read_summary(&bytes).map(|summary| (rows, summary.boots()))),
            };
            take(&name, read.map_err(|error| error.to_string()));
        }
        Ok(())
    }

    /// What is known of clocks, and the samples of each metric.
    fn count(&self, exported: &mut Exported) -> io::Result<(Boots, HashMap<Metric, u64>)> {
        let (mut boots, mut counts) = (Boots::default(), HashMap::new());
        self.each(|name, read| match read {
            Err(error) => exported.damage.push(format!("{name}: {error}")),
            Ok((rows, offsets)) => {
                boots.take_in(&offsets);
                for series in rows.iter().flat_map(|row| &row.shape.series) {
                    *counts.entry(series.metric).or_default() += 1;
                }
            }
        })?;
        Ok((boots, counts))
    }

    /// The points of some families, and how many have no known time.
    fn gather(&self, wanted: &[Metric], boots: &Boots) -> io::Result<(BTreeMap<Metric, Family>, u64)> {
        let mut families: BTreeMap<Metric, Family> = BTreeMap::new();
        let mut places: HashMap<*const StoredSeries, usize> = HashMap::new();
        let mut undated = 0;
        self.each(|_, read| {
            for row in read.map(|read| read.0).unwrap_or_default() {
                let at = date(&row.stamp, boots);
                let series = row.shape.series.iter().zip(row.values.iter());
                for (series, value) in series.filter(|each| wanted.binary_search(&each.0.metric).is_ok()) {
                    let Some(at) = at else {
                        undated += 1;
                        continue;
                    };
                    let family = families.entry(series.metric).or_default();
                    let place = *places.entry(Arc::as_ptr(series)).or_insert_with(|| {
                        family.push((Arc::clone(series), Vec::new()));
                        family.len() - 1
                    });
                    if let Some((_, points)) = family.get_mut(place) {
                        points.push((at, value));
                    }
                }
            }
        })?;
        Ok((families, undated))
    }
}

/// Writes a family, and says how many samples it has. Of two samples of a series at one time the later one counts.
fn write_family(definition: &Definition, family: Family, out: &mut dyn Write) -> io::Result<u64> {
    let mut text = Vec::new();
    let mut samples = 0;
    write_head(&mut text, definition, Format::OpenMetrics);
    for (series, mut points) in family {
        points.sort_by_key(|point| point.0);
        let start = start_of(definition, &series);
        for same in points.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(at, value)) = same.last() else { continue };
            text.extend_from_slice(start.as_bytes());
            match definition.kind {
                Kind::Info => text.push(b'1'),
                _ => write_value(&mut text, value),
            }
            write_timestamp(&mut text, at, Format::OpenMetrics);
            text.push(b'\n');
            samples += 1;
        }
        out.write_all(&text)?;
        text.clear();
    }
    Ok(samples)
}

/// A line up to its value.
fn start_of(definition: &Definition, series: &StoredSeries) -> String {
    let comma = if series.own.is_empty() || series.device.is_empty() { "" } else { "," };
    format!("{}{{{}{comma}{}}} ", definition.prometheus, series.own, series.device)
}
