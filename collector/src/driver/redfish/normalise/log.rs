//! Event logs (DSP0268: LogService, LogEntry): which are read, and how severe an entry is.

use serde_json::Value;

use crate::driver::redfish::value::text;

/// Severities, as the catalogue writes them.
pub(crate) const SEVERITIES: [&str; 3] = ["ok", "warning", "critical"];

/// Logs that hold no events of the hardware, by a word in their `Id`.
const OTHERS: &[&str] =
    &["dump", "postcode", "journal", "hostlog", "debug", "diagnostic", "audit", "telemetry"];

/// Whether a log holds events of the hardware.
pub(crate) fn is_event_log(service: &Value) -> bool {
    let id = text(service, "Id").unwrap_or("").to_lowercase();
    !OTHERS.iter().any(|word| id.contains(word)) && service.get("ServiceEnabled") != Some(&Value::Bool(false))
}

/// Index into [`SEVERITIES`] of an entry.
pub(crate) fn severity(entry: &Value) -> Option<usize> {
    match text(entry, "Severity")? {
        "OK" | "Ok" | "Informational" => Some(0),
        "Warning" => Some(1),
        "Critical" | "Fatal" => Some(2),
        _ => None,
    }
}
