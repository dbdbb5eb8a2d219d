//! Excerpts: a sensor's reading inside of another resource (`{"Reading": …, "DataSourceUri": …}`).

use std::sync::Arc;

use serde_json::Value;

use super::ledger::Ledger;
use crate::driver::redfish::value::text;

/// One excerpt that holds a number.
pub(crate) struct Excerpt {
    /// In the unit that the property's name says.
    pub(crate) value: f64,
    /// Path of the sensor.
    pub(crate) path: Option<String>,
    /// The sensor, if it was read.
    pub(crate) sensor: Option<Arc<Value>>,
}

/// Reads an excerpt; a plain number in its place is one, too.
pub(crate) fn read(ledger: &mut Ledger<'_>, doc: Option<&Value>) -> Option<Excerpt> {
    let doc = doc?;
    if !doc.is_object() {
        return ledger.number(Some(doc)).map(|value| Excerpt { value, path: None, sensor: None });
    }
    let value = ledger.number(doc.get("Reading"))?;
    let path = source(doc).map(str::to_owned);
    let sensor = path.as_deref().and_then(|path| ledger.sensor(path));
    Some(Excerpt { value, path, sensor })
}

/// Path of the sensor that an excerpt is taken from.
pub(crate) fn source(doc: &Value) -> Option<&str> {
    let path = text(doc, "DataSourceUri").or_else(|| text(doc, "@odata.id"))?.trim_end_matches('/');
    path.starts_with('/').then_some(path)
}
