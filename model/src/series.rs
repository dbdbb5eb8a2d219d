//! A series: one metric with one set of labels, written once and shared from then on.
//!
//! Labels are kept as the text in which they are served, so that a scrape copies bytes and nothing
//! else; exporters that need names and values read them back with [`Series::labels`], once per series.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::catalogue::Metric;
use crate::device;
use crate::label::{Label, Labels};

/// Longest label value kept, in bytes. Names of sensors are far shorter; a device that sends more is broken.
pub const MAX_LABEL_BYTES: usize = 256;

/// One time series of one device.
#[derive(Debug)]
pub struct Series {
    /// The metric.
    pub metric: Metric,
    device: Arc<device::Labels>,
    own: Box<str>,
}

impl Series {
    /// A series from the labels of its device and the text of its own labels, as [`write_labels`] gives it.
    pub fn new(metric: Metric, device: Arc<device::Labels>, own: &str) -> Self {
        Self { metric, device, own: own.into() }
    }

    /// Labels of the device: exposition format, without braces.
    pub fn device_text(&self) -> &str {
        self.device.as_str()
    }

    /// Labels of its own: exposition format, without braces.
    pub fn own_text(&self) -> &str {
        &self.own
    }

    /// All labels as names and values, its own first.
    pub fn labels(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        read_labels(&self.own).chain(read_labels(self.device.as_str()))
    }
}

impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        self.metric == other.metric && self.own == other.own && self.device == other.device
    }
}

impl Eq for Series {}

impl Hash for Series {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.metric.hash(state);
        self.own.hash(state);
        self.device.hash(state);
    }
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
    let value = cut(value.trim_matches(|c: char| c.is_whitespace() || c.is_control()));
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

fn cut(value: &str) -> &str {
    let mut end = value.len().min(MAX_LABEL_BYTES);
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
}
