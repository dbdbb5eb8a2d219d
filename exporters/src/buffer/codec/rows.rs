//! Rows through the coder: their heads, and their values either row by row as they come, or series by series.
//!
//! Pure. Row by row is what a log holds, where each row must be readable as soon as it is written; series by series is
//! what a sealed segment holds, which takes less room.

use std::sync::Arc;

use crate::buffer::batch::StoredSeries;
use crate::buffer::clock::Stamp;
use crate::buffer::codec::coder::{Chance, Coder, Decoder, Encoder};
use crate::buffer::codec::dictionary::{Dictionary, MAX_NUMBER, Numbered};
use crate::buffer::codec::value::{Habits, History};
use crate::buffer::row::Row;
use crate::buffer::values::Values;

/// How sure a series begins of the habits of another series of its metric.
const HINT: u32 = 24;
const NUMBER_BITS: u32 = MAX_NUMBER.trailing_zeros();

/// All of a row but its values, in numbers of the dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    boot: usize,
    synchronised: bool,
    time: i64,
    offset: i64,
    pub(crate) shape: usize,
    ended: Vec<usize>,
}

impl Head {
    /// Of a row that was added to the dictionary.
    pub(crate) fn of(row: &Row, dictionary: &Dictionary) -> Self {
        Self {
            boot: dictionary.boots.iter().rposition(|&boot| boot == row.stamp.boot).unwrap_or_default(),
            synchronised: row.stamp.synchronised,
            time: row.stamp.time,
            offset: row.stamp.offset,
            shape: dictionary.shape_number(&row.shape),
            ended: row.ended.iter().map(|series| dictionary.series_number(series)).collect(),
        }
    }

    /// The row, if all that it refers to is there.
    pub(crate) fn row(&self, values: Values, dictionary: &Dictionary) -> Option<Row> {
        let boot = *dictionary.boots.get(self.boot)?;
        let stamp = Stamp { boot, time: self.time, offset: self.offset, synchronised: self.synchronised };
        let series = |&number: &usize| Some(dictionary.series.get(number)?.series.clone());
        let ended: Option<Vec<Option<Arc<StoredSeries>>>> = self.ended.iter().map(series).collect();
        let ended = ended?.into_iter().flatten().collect();
        let numbered = dictionary.shapes.get(self.shape)?;
        let shape = Arc::clone(&numbered.shape);
        let values =
            if values.len() > shape.series.len() { numbered.known(&values, dictionary) } else { values };
        Some(Row { stamp, shape, values, ended })
    }
}

impl Numbered {
    /// Of the values of all its series, those of series that this version knows.
    fn known(&self, values: &Values, dictionary: &Dictionary) -> Values {
        let known = |number: usize| dictionary.series.get(number).is_some_and(|entry| entry.series.is_some());
        let values = values.iter().zip(values.places());
        self.series.iter().zip(values).filter(|(number, _)| known(**number)).map(|(_, value)| value).collect()
    }
}

/// What the heads before let expect of the next.
#[derive(Debug, Default)]
struct Heads {
    last: Option<(usize, bool, usize)>,
    offset: History,
    offset_habits: Habits,
    times: Vec<History>,
    time_habits: Habits,
    /// The shape that came after each shape.
    followers: Vec<usize>,
    same_clock: Chance,
    usual_shape: Chance,
    ends: Chance,
}

impl Heads {
    fn code<C: Coder>(&mut self, coder: &mut C, head: &Head) -> Head {
        let (boot, synchronised, before) = self.last.unwrap_or_default();
        let known = self.last.is_some() && (boot, synchronised) == (head.boot, head.synchronised);
        let (boot, synchronised) = if coder.bit(&mut self.same_clock, !known) {
            let boot = coder.plain(head.boot as u64, NUMBER_BITS) as usize;
            (boot, coder.plain(u64::from(head.synchronised), 1) == 1)
        } else {
            (boot, synchronised)
        };
        let shape = self.shape(coder, before, head.shape);
        let time = slot(&mut self.times, shape).code(coder, &mut self.time_habits, head.time as f64) as i64;
        let offset = self.offset.code(coder, &mut self.offset_habits, head.offset as f64) as i64;
        let ended = if coder.bit(&mut self.ends, !head.ended.is_empty()) {
            let count = coder.plain(head.ended.len() as u64, NUMBER_BITS) as usize;
            let number = |at: usize| head.ended.get(at).copied().unwrap_or_default() as u64;
            (0..count).map(|at| coder.plain(number(at), NUMBER_BITS) as usize).collect()
        } else {
            Vec::new()
        };
        self.last = Some((boot, synchronised, shape));
        Head { boot, synchronised, time, offset, shape, ended }
    }

    fn shape<C: Coder>(&mut self, coder: &mut C, before: usize, shape: usize) -> usize {
        let usual = slot(&mut self.followers, before);
        if coder.bit(&mut self.usual_shape, *usual != shape) {
            *usual = coder.plain(shape as u64, NUMBER_BITS) as usize;
        }
        *usual
    }
}

/// The slot of a number, which is below [`MAX_NUMBER`] by its width.
fn slot<T: Default + Clone>(slots: &mut Vec<T>, number: usize) -> &mut T {
    let number = number.min(MAX_NUMBER);
    if slots.len() <= number {
        slots.resize(number + 1, T::default());
    }
    #[allow(clippy::indexing_slicing, reason = "made long enough just now")]
    &mut slots[number]
}

/// Codes rows one by one, each readable as soon as it is written.
#[derive(Debug, Default)]
pub(crate) struct RowCodec {
    heads: Heads,
    histories: Vec<History>,
    habits: Vec<Habits>,
}

impl RowCodec {
    /// Appends a row that was added to the dictionary.
    pub(crate) fn write(&mut self, row: &Row, dictionary: &Dictionary, out: &mut Vec<u8>) {
        self.follow(dictionary);
        let mut coder = Encoder::new(out);
        let head = self.heads.code(&mut coder, &Head::of(row, dictionary));
        if let Some(shape) = dictionary.shapes.get(head.shape) {
            for (&number, value) in shape.series.iter().zip(row.values.iter()) {
                self.value(&mut coder, number, dictionary, value);
            }
        }
        coder.finish();
    }

    /// Reads what was written.
    pub(crate) fn read(&mut self, bytes: &[u8], dictionary: &Dictionary) -> Option<Row> {
        self.follow(dictionary);
        let mut coder = Decoder::new(bytes);
        let nothing = Head { boot: 0, synchronised: false, time: 0, offset: 0, shape: 0, ended: Vec::new() };
        let head = self.heads.code(&mut coder, &nothing);
        let numbers = &dictionary.shapes.get(head.shape)?.series;
        let values = numbers.iter().map(|&number| self.value(&mut coder, number, dictionary, 0.0));
        head.row(values.collect(), dictionary)
    }

    /// Codes the next value of a series. With it, the decimal places that the series has had.
    fn value<C: Coder>(
        &mut self,
        coder: &mut C,
        number: usize,
        dictionary: &Dictionary,
        value: f64,
    ) -> (f64, usize) {
        let metric = dictionary.series.get(number).map_or(0, |entry| entry.metric);
        match (self.histories.get_mut(number), self.habits.get_mut(metric)) {
            (Some(history), Some(habits)) => (history.code(coder, habits, value), history.places()),
            _ => (value, 0),
        }
    }

    /// Makes room for all that the dictionary has numbered.
    fn follow(&mut self, dictionary: &Dictionary) {
        if self.histories.len() < dictionary.series.len() {
            self.histories.resize(dictionary.series.len(), History::default());
            self.habits.resize(dictionary.metrics(), Habits::default());
        }
    }
}

/// Appends the heads of rows.
pub(crate) fn write_heads(heads: impl Iterator<Item = Head>, out: &mut Vec<u8>) {
    let mut state = Heads::default();
    let mut coder = Encoder::new(out);
    for head in heads {
        state.code(&mut coder, &head);
    }
    coder.finish();
}

/// Reads as many heads as were written.
pub(crate) fn read_heads(bytes: &[u8], count: usize) -> Vec<Head> {
    let mut state = Heads::default();
    let mut coder = Decoder::new(bytes);
    let nothing = Head { boot: 0, synchronised: false, time: 0, offset: 0, shape: 0, ended: Vec::new() };
    (0..count).map(|_| state.code(&mut coder, &nothing)).collect()
}

/// Appends the values of rows, series by series.
pub(crate) fn write_columns(rows: &[Arc<Row>], dictionary: &Dictionary, out: &mut Vec<u8>) {
    let mut coder = Encoder::new(out);
    let shapes = rows.iter().map(|row| dictionary.shape_number(&row.shape));
    columns(shapes, dictionary, |history, habits, row, slot| {
        let value = rows.get(row).and_then(|row| row.values.get(slot)).unwrap_or_default();
        history.code(&mut coder, habits, value);
    });
    coder.finish();
}

/// Reads the values of rows that have these heads. `None` where a head has no shape.
pub(crate) fn read_columns(bytes: &[u8], heads: &[Head], dictionary: &Dictionary) -> Option<Vec<Values>> {
    let blank = |head: &Head| Some(Values::zeros(dictionary.shapes.get(head.shape)?.series.len()));
    let mut rows: Vec<Values> = heads.iter().map(blank).collect::<Option<_>>()?;
    let mut coder = Decoder::new(bytes);
    columns(heads.iter().map(|head| head.shape), dictionary, |history, habits, row, slot| {
        let value = history.code(&mut coder, habits, 0.0);
        if let Some(values) = rows.get_mut(row) {
            values.set(slot, value, history.places());
        }
    });
    Some(rows)
}

/// Goes through all values of rows of these shapes series by series, and in each from the first row to the last. A series begins with the
/// habits of the one of its metric before it.
fn columns(
    shapes: impl Iterator<Item = usize>,
    dictionary: &Dictionary,
    mut each: impl FnMut(&mut History, &mut Habits, usize, usize),
) {
    let mut rows_of = vec![Vec::new(); dictionary.shapes.len()];
    for (row, shape) in shapes.enumerate() {
        if let Some(rows) = rows_of.get_mut(shape) {
            rows.push(row);
        }
    }
    let mut places = vec![Vec::new(); dictionary.series.len()];
    for (shape, numbered) in dictionary.shapes.iter().enumerate() {
        for (slot, &series) in numbered.series.iter().enumerate() {
            if let Some(places) = places.get_mut(series) {
                places.push((shape, slot));
            }
        }
    }
    let mut habits = vec![Habits::default(); dictionary.metrics()];
    let mut cells = Vec::new();
    for (entry, places) in dictionary.series.iter().zip(&places) {
        cells.clear();
        for &(shape, slot) in places {
            cells.extend(rows_of.get(shape).into_iter().flatten().map(|&row| (row, slot)));
        }
        if places.len() > 1 {
            cells.sort_unstable();
        }
        let (mut history, habits) = (History::default(), slot(&mut habits, entry.metric));
        *habits = habits.hint(HINT);
        for &(row, slot) in &cells {
            each(&mut history, habits, row, slot);
        }
    }
}
