//! Labels: what a device calls its parts is served as text and read back as it was, but for what is tamed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{Label, Labels, metric};

/// The documented taming of a label's value.
fn tamed(value: &str) -> String {
    let value = value.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    let mut end = value.len().min(model::series::MAX_LABEL_BYTES);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fuzz_target!(|names: (&str, &str)| {
    let (id, name) = names;
    let mut report = fuzz::report();
    let labels = Labels::component(id, name).with(Label::HwSensorLocation, name);
    report.record(metric::HW_TEMPERATURE, &labels, 21.5);
    let report = fuzz::finish(&mut report);
    let series = &report.samples[0].series;
    let read: Vec<_> = series.labels().map(|(label, value)| (label, value.into_owned())).collect();
    let given = [("hw_id", id), ("hw_name", name), ("hw_sensor_location", name)];
    let given = given.map(|(label, value)| (label, tamed(value)));
    let device = [("site", "site"), ("host_name", "device"), ("device_type", "pdu")];
    let expected = given.into_iter().filter(|(_, value)| !value.is_empty());
    let expected = expected.chain(device.map(|(label, value)| (label, value.to_owned())));
    assert_eq!(read, expected.collect::<Vec<_>>());
});
