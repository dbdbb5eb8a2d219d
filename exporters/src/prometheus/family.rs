//! The head of a metric family: `# HELP`, `# TYPE` and, in OpenMetrics, `# UNIT`.

use crate::prometheus::Format;
use model::{Definition, Kind, Unit};

/// Appends the head of one family of the catalogue.
pub(crate) fn write_head(out: &mut Vec<u8>, definition: &Definition, format: Format) {
    let name = match format {
        Format::Text => definition.prometheus,
        Format::OpenMetrics => family_name(definition),
    };
    write_comment(out, "HELP", name);
    write_help(out, definition.help, format);
    out.push(b'\n');
    write_comment(out, "TYPE", name);
    out.extend_from_slice(type_word(definition.kind, format).as_bytes());
    out.push(b'\n');
    if let (Format::OpenMetrics, Some(unit)) = (format, unit_word(definition)) {
        write_comment(out, "UNIT", name);
        out.extend_from_slice(unit.as_bytes());
        out.push(b'\n');
    }
}

/// Appends `# WORD name `.
pub(crate) fn write_comment(out: &mut Vec<u8>, word: &str, name: &str) {
    for part in ["# ", word, " ", name, " "] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// OpenMetrics names a family without the suffix that its kind gives to the samples.
fn family_name(definition: &Definition) -> &'static str {
    let suffix = match definition.kind {
        Kind::Counter => "_total",
        Kind::Info => "_info",
        _ => "",
    };
    definition.prometheus.strip_suffix(suffix).unwrap_or(definition.prometheus)
}

const fn type_word(kind: Kind, format: Format) -> &'static str {
    match (kind, format) {
        (Kind::Counter, _) => "counter",
        (Kind::Histogram, _) => "histogram",
        (Kind::Info, Format::OpenMetrics) => "info",
        _ => "gauge",
    }
}

/// The unit, where the family's name ends in it, as OpenMetrics demands.
fn unit_word(definition: &Definition) -> Option<&'static str> {
    let unit = match definition.unit {
        Unit::One => "ratio",
        other => other.prometheus(),
    };
    let stem = family_name(definition).strip_suffix(unit)?;
    (!unit.is_empty() && stem.ends_with('_')).then_some(unit)
}

fn write_help(out: &mut Vec<u8>, help: &str, format: Format) {
    for byte in help.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if format == Format::OpenMetrics => out.extend_from_slice(b"\\\""),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::metric;

    fn head(definition: &Definition, format: Format) -> String {
        let mut out = Vec::new();
        write_head(&mut out, definition, format);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_counter_loses_its_suffix_in_openmetrics_only() {
        let definition = metric::OOB_CIRCUIT_ENERGY.definition();
        assert_eq!(
            head(definition, Format::Text),
            "# HELP oob_circuit_energy_joules_total Active energy\n\
             # TYPE oob_circuit_energy_joules_total counter\n"
        );
        assert_eq!(
            head(definition, Format::OpenMetrics),
            "# HELP oob_circuit_energy_joules Active energy\n\
             # TYPE oob_circuit_energy_joules counter\n\
             # UNIT oob_circuit_energy_joules joules\n"
        );
    }

    #[test]
    fn units_are_named_only_where_the_name_ends_in_them() {
        let expected = [
            (metric::OOB_UPS_LOAD, Some("ratio")),
            (metric::OOB_CIRCUIT_APPARENT_POWER, Some("VA")),
            (metric::HW_ERRORS, None),
            (metric::OOB_DEVICE_UP, None),
            (metric::OOB_DEVICE_INFO, None),
            (metric::OOB_FLOW, Some("m3_per_second")),
        ];
        for (metric, unit) in expected {
            assert_eq!(unit_word(metric.definition()), unit, "{metric:?}");
        }
    }

    #[test]
    fn help_is_escaped_as_each_format_wants_it() {
        let definition = Definition { help: "a \"b\" \\ c\nd", ..*metric::OOB_DEVICE_INFO.definition() };
        assert!(head(&definition, Format::Text).starts_with("# HELP oob_device_info a \"b\" \\\\ c\\nd\n"));
        assert!(
            head(&definition, Format::OpenMetrics).starts_with("# HELP oob_device a \\\"b\\\" \\\\ c\\nd\n")
        );
        assert!(head(&definition, Format::OpenMetrics).ends_with("# TYPE oob_device info\n"));
    }
}
