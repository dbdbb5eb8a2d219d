//! Documents that need not be sent again: RFC 9110 section 13.1.2 (`If-None-Match`), DSP0266 section 6.5.
//!
//! Some devices keep an ETag while the document behind it changes. So live readings are never taken
//! from here, an ETag has to prove itself before it is believed, and one that is caught lying ends the
//! use of all ETags of that device.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

/// Most bytes of bodies kept for one device: inventory and firmware of a large server take 300 KB.
pub(super) const MAX_CACHED_BYTES: usize = 512 * 1024;

/// Times that a document has to come unchanged with its ETag before the ETag is believed.
const PROOFS: u8 = 2;

/// Every so many reads a believed document is fetched anyway, to catch a lie.
const RECHECK: u8 = 10;

struct Entry {
    etag: String,
    document: Arc<Value>,
    bytes: usize,
    proofs: u8,
    /// Reads answered by 304 since the document was last seen.
    unseen: u8,
}

/// The documents of one device that came with an ETag.
#[derive(Default)]
pub(super) struct Cache {
    entries: HashMap<String, Entry>,
    bytes: usize,
    liar: bool,
}

impl Cache {
    /// The ETag to ask with, where the document may be answered with 304.
    pub(super) fn etag(&self, path: &str) -> Option<&str> {
        let entry = self.entries.get(path)?;
        (entry.proofs >= PROOFS && entry.unseen < RECHECK).then_some(entry.etag.as_str())
    }

    /// The device answered 304: the document is the one that is known.
    pub(super) fn unchanged(&mut self, path: &str) -> Option<Arc<Value>> {
        let entry = self.entries.get_mut(path)?;
        entry.unseen = entry.unseen.saturating_add(1);
        Some(Arc::clone(&entry.document))
    }

    /// The device sent a document of `bytes` bytes with this ETag, or without one.
    pub(super) fn received(&mut self, path: &str, etag: Option<&str>, bytes: usize, document: &Arc<Value>) {
        let known = self.entries.remove(path);
        self.bytes = self.bytes.saturating_sub(known.as_ref().map_or(0, |entry| entry.bytes));
        let Some(etag) = etag.filter(|_| !self.liar && !is_live(document)) else { return };
        let proofs = match known {
            Some(known) if known.etag == etag && known.document != *document => {
                tracing::debug!(
                    path,
                    "an ETag stayed while its document changed: ETags of this device are not used"
                );
                *self = Self { liar: true, ..Self::default() };
                return;
            }
            Some(known) if known.etag == etag => known.proofs.saturating_add(1),
            _ => 0,
        };
        if self.bytes.saturating_add(bytes) <= MAX_CACHED_BYTES {
            self.bytes = self.bytes.saturating_add(bytes);
            let document = Arc::clone(document);
            self.entries
                .insert(path.to_owned(), Entry { etag: etag.to_owned(), document, bytes, proofs, unseen: 0 });
        }
    }
}

/// Whether a document holds readings that change from poll to poll, by its schema's name.
fn is_live(document: &Value) -> bool {
    const LIVE: [&str; 14] = [
        "Sensor",
        "SensorCollection",
        "Thermal",
        "Power",
        "PowerSupply",
        "Outlet",
        "Circuit",
        "Fan",
        "Battery",
        "LeakDetector",
        "MetricReport",
        "ComputerSystem",
        "Chassis",
        "Manager",
    ];
    let name = document.get("@odata.type").and_then(Value::as_str).unwrap_or_default();
    let name = name.trim_start_matches('#').split('.').next().unwrap_or_default();
    name.is_empty() || name.ends_with("Metrics") || LIVE.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn drive(serial: &str) -> Arc<Value> {
        Arc::new(json!({"@odata.type": "#Drive.v1_15_0.Drive", "SerialNumber": serial}))
    }

    #[test]
    fn an_etag_is_believed_after_it_proved_right_and_checked_again() {
        let mut cache = Cache::default();
        cache.received("/d", Some("\"1\""), 100, &drive("a"));
        assert_eq!(cache.etag("/d"), None);
        cache.received("/d", Some("\"1\""), 100, &drive("a"));
        cache.received("/d", Some("\"1\""), 100, &drive("a"));
        for _ in 0..RECHECK {
            assert_eq!(cache.etag("/d"), Some("\"1\""));
            assert_eq!(cache.unchanged("/d"), Some(drive("a")));
        }
        assert_eq!(cache.etag("/d"), None);
    }

    #[test]
    fn an_etag_that_lies_ends_the_use_of_all() {
        let mut cache = Cache::default();
        for _ in 0..3 {
            cache.received("/e", Some("\"9\""), 100, &drive("e"));
        }
        cache.received("/d", Some("\"1\""), 100, &drive("a"));
        cache.received("/d", Some("\"1\""), 100, &drive("b"));
        assert_eq!(cache.etag("/e"), None);
        for _ in 0..5 {
            cache.received("/e", Some("\"9\""), 100, &drive("e"));
        }
        assert_eq!(cache.etag("/e"), None);
    }

    #[test]
    fn readings_are_never_kept() {
        let mut cache = Cache::default();
        let sensor = Arc::new(json!({"@odata.type": "#Sensor.v1_2_0.Sensor", "Reading": 21}));
        let metrics = Arc::new(json!({"@odata.type": "#EnvironmentMetrics.v1_3_0.EnvironmentMetrics"}));
        for _ in 0..5 {
            cache.received("/s", Some("\"1\""), 100, &sensor);
            cache.received("/m", Some("\"1\""), 100, &metrics);
        }
        assert_eq!((cache.etag("/s"), cache.etag("/m"), cache.bytes), (None, None, 0));
    }

    #[test]
    fn bytes_are_bounded() {
        let mut cache = Cache::default();
        for n in 0..1000 {
            cache.received(&format!("/{n}"), Some("\"1\""), 10_000, &drive("a"));
        }
        assert!(cache.bytes <= MAX_CACHED_BYTES && cache.entries.len() == 52, "{}", cache.entries.len());
        cache.received("/1", None, 10_000, &drive("a"));
        assert_eq!(cache.entries.len(), 51);
    }
}
