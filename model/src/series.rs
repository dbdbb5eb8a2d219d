//! A series: one metric with one set of labels, written once and shared from then on.
//!
//! Labels are kept as the text in which they are served, so that a scrape copies bytes and nothing
//! else; exporters that need names and values read them back with [`Series::labels`], once per series.
//! The texts of a device lie together, and a text that another one begins with is kept within that: most
//! of what a collector holds is such texts.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::catalogue::Metric;
use crate::device;
use crate::label::{Label, Labels};

/// Longest label value kept, in bytes. Names of sensors are far shorter; a device that sends more is broken.
pub const MAX_LABEL_BYTES: usize = 256;

/// Longest text of a series' own labels, in bytes: lengths are counted in 16 bits. That every label of the
/// catalogue is there and as long as it may be comes to less.
const MAX_OWN_BYTES: usize = u16::MAX as usize;

/// Size up to which texts share a block: a series that stays keeps no more than this of others that are gone.
const BLOCK_BYTES: usize = 4096;

/// Texts of some series of one device.
#[derive(Debug)]
struct Block {
    device: Arc<device::Labels>,
    text: Box<str>,
}

/// One time series of one device.
#[derive(Debug)]
pub struct Series {
    /// The metric.
    pub metric: Metric,
    length: u16,
    start: u32,
    block: Arc<Block>,
}

impl Series {
    /// A series from the labels of its device and the text of its own labels, as [`write_labels`] gives it.
    pub fn new(metric: Metric, device: Arc<device::Labels>, own: &str) -> Self {
        let text = cut(own, MAX_OWN_BYTES);
        let block = Arc::new(Block { device, text: text.into() });
        Self { metric, length: text.len() as u16, start: 0, block }
    }

    /// Labels of the device: exposition format, without braces.
    pub fn device_text(&self) -> &str {
        self.block.device.as_str()
    }

    /// Labels of its own: exposition format, without braces.
    pub fn own_text(&self) -> &str {
        let start = self.start as usize;
        self.block.text.get(start..start + usize::from(self.length)).unwrap_or_default()
    }

    /// All labels as names and values, its own first.
    pub fn labels(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        read_labels(self.own_text()).chain(read_labels(self.device_text()))
    }
}

impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        self.metric == other.metric
            && self.own_text() == other.own_text()
            && self.block.device == other.block.device
    }
}

impl Eq for Series {}

impl Hash for Series {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.metric.hash(state);
        self.own_text().hash(state);
        self.block.device.hash(state);
    }
}

/// Replaces series of one device by equal ones whose texts lie together.
pub(crate) fn pack(mut series: Vec<&mut Arc<Series>>) {
    // What begins with another text comes right before it.
    series.sort_by(|left, right| right.own_text().cmp(left.own_text()));
    let mut rest = series.as_mut_slice();
    while let Some(first) = rest.first() {
        let device = Arc::clone(&first.block.device);
        let (text, spans) = join(rest);
        let block = Arc::new(Block { device, text: text.into() });
        let (packed, left) = rest.split_at_mut(spans.len());
        for (series, (start, length)) in packed.iter_mut().zip(spans) {
            let (metric, block) = (series.metric, Arc::clone(&block));
            **series = Arc::new(Series { metric, length, start, block });
        }
        rest = left;
    }
}

/// One block's text, and where in it the first so many series have theirs; one at least.
fn join(series: &[&mut Arc<Series>]) -> (String, Vec<(u32, u16)>) {
    let mut text = String::new();
    let mut spans = Vec::new();
    let mut last = 0;
    for series in series {
        let own = series.own_text();
        if !text.get(last..).is_some_and(|last| last.starts_with(own)) {
            if !text.is_empty() && text.len() + own.len() > BLOCK_BYTES {
                break;
            }
            last = text.len();
            text.push_str(own);
        }
        spans.push((last as u32, series.length));
    }
    (text, spans)
}

/// Writes those of `labels` that the catalogue declares for `metric` into `text`, which is cleared first.
pub fn write_labels(text: &mut String, metric: Metric, labels: &Labels<'_>) {
    text.clear();
    for &label in metric.definition().attributes {
        if let Some(value) = labels.get(label) {
            write_label(text, label, value);
        }
    }
}

/// Appends `name="value"`, escaped; nothing where the value is empty.
///
/// Control characters, which no name needs and some devices send, become spaces; the value is cut at
/// [`MAX_LABEL_BYTES`] and trimmed.
pub(crate) fn write_label(text: &mut String, label: Label, value: &str) {
    let value = cut(value.trim_matches(|c: char| c.is_whitespace() || c.is_control()), MAX_LABEL_BYTES);
    if value.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push(',');
    }
    text.push_str(label.prometheus());
    text.push_str("=\"");
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text.push('"');
}

fn cut(value: &str, longest: usize) -> &str {
    let mut end = value.len().min(longest);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.get(..end).unwrap_or(value)
}

/// Reads back what [`write_labels`] wrote: Prometheus names and values, in the order of the text.
pub fn read_labels(text: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (name, tail) = rest.split_once("=\"")?;
        let end = closing_quote(tail)?;
        let value = tail.get(..end)?;
        let after = tail.get(end + 1..)?;
        rest = after.strip_prefix(',').unwrap_or(after);
        Some((name, unescape(value)))
    })
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric;

    fn series(name: &str) -> Series {
        let mut own = String::new();
        let labels = Labels::component("fan1", name).with(Label::HwState, "ok");
        write_labels(&mut own, metric::HW_FAN_SPEED, &labels);
        let device = device::Labels::new("fra1", "", "bmc-7", "server");
        Series::new(metric::HW_FAN_SPEED, Arc::new(device), &own)
    }

    #[test]
    fn only_declared_attributes_are_written() {
        let series = series("Fan 1");
        assert_eq!(series.own_text(), r#"hw_id="fan1",hw_name="Fan 1""#);
        assert_eq!(series.device_text(), r#"site="fra1",host_name="bmc-7",device_type="server""#);
    }

    #[test]
    fn labels_are_read_back_as_they_were_given() {
        let series = series(r#"a "quoted" \ name, with=commas"#);
        let labels: Vec<_> = series.labels().map(|(name, value)| (name, value.into_owned())).collect();
        let expected = [
            ("hw_id", "fan1"),
            ("hw_name", r#"a "quoted" \ name, with=commas"#),
            ("site", "fra1"),
            ("host_name", "bmc-7"),
            ("device_type", "server"),
        ];
        assert_eq!(labels, expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn control_characters_and_endless_names_are_tamed() {
        assert_eq!(series("\0Fan\n1\0\0").own_text(), r#"hw_id="fan1",hw_name="Fan 1""#);
        let long = "é".repeat(1000);
        let series = series(&long);
        let name = series.labels().nth(1).map(|(_, value)| value.len());
        assert_eq!(name, Some(MAX_LABEL_BYTES));
    }

    #[test]
    fn packed_series_are_equal_to_what_they_were_and_share_their_texts() {
        let device = Arc::new(device::Labels::new("fra1", "", "bmc-7", "server"));
        let texts = [r#"a="1""#, r#"a="1",b="2""#, "", r#"a="10""#, r#"a="1""#, r#"b="é""#];
        let long: Vec<String> = (0..100).map(|number| format!("c=\"{number:0100}\"")).collect();
        let texts: Vec<&str> = texts.into_iter().chain(long.iter().map(String::as_str)).collect();
        let made = |text: &&str| Arc::new(Series::new(metric::HW_FAN_SPEED, Arc::clone(&device), text));
        let mut series: Vec<_> = texts.iter().map(made).collect();
        pack(series.iter_mut().collect());
        assert_eq!(series, texts.iter().map(made).collect::<Vec<_>>());
        assert!(Arc::ptr_eq(&series[0].block, &series[1].block) && series[0].start == series[1].start);
        assert!(series.iter().all(|series| series.block.text.len() <= BLOCK_BYTES));
        let blocks: std::collections::BTreeSet<_> = series.iter().map(|s| Arc::as_ptr(&s.block)).collect();
        assert_eq!(blocks.len(), 3);
    }

    #[test]
    fn a_text_over_the_limit_is_cut() {
        let device = Arc::new(device::Labels::new("fra1", "", "bmc-7", "server"));
        let series = Series::new(metric::HW_FAN_SPEED, device, &"é".repeat(40_000));
        assert_eq!(series.own_text().len(), MAX_OWN_BYTES - 1);
    }
}
