//! Quirks of Redfish devices, as data: which device, and what is done differently for it.
//!
//! Pure: decides nothing by itself and names no vendor. The data is `quirks.yaml`, checked when it is
//! loaded: an entry that does nothing, or a path that is none, is a mistake.

use std::sync::{Arc, LazyLock};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::glob;
use crate::yaml::{Document, Problems};

/// What is known of a device, from its service root and its manager. Empty: not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `Vendor` of the service root, and its OEM keys.
    pub vendor: String,
    /// `Product` of the service root.
    pub product: String,
    /// `Model` of the first manager.
    pub model: String,
    /// `FirmwareVersion` of the first manager.
    pub firmware: String,
}

impl Identity {
    /// From the service root.
    pub fn from_root(root: &Value) -> Self {
        let mut vendor = text(root, "Vendor");
        for key in root.get("Oem").and_then(Value::as_object).into_iter().flat_map(|oem| oem.keys()) {
            vendor.push(' ');
            vendor.push_str(key);
        }
        Self { vendor, product: text(root, "Product"), ..Self::default() }
    }

    /// Adds what a manager says.
    pub fn add_manager(&mut self, manager: &Value) {
        self.model = text(manager, "Model");
        self.firmware = text(manager, "FirmwareVersion");
    }
}

fn text(document: &Value, key: &str) -> String {
    document.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}

/// Why the data cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum QuirkError {
    #[error("{0}")]
    Yaml(#[from] Problems),
    #[error("quirks: {path} (of \"{why}\") is no path: it begins with /redfish/")]
    Path { path: String, why: String },
    #[error("quirks: the entry \"{why}\" changes nothing")]
    Idle { why: String },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Quirk {
    device: Which,
    expand: Option<bool>,
    #[serde(default)]
    never_read: Vec<String>,
    #[serde(default)]
    slow: Vec<String>,
    basic: Option<bool>,
    why: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    vendor: Option<String>,
    product: Option<String>,
    model: Option<String>,
    firmware: Option<Range>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Range {
    from: Option<String>,
    below: Option<String>,
}

/// What is done differently for one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether `$expand` may be tried.
    pub expand: bool,
    /// Whether sessions are left alone.
    pub basic: bool,
    never_read: Vec<String>,
    slow: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { expand: true, basic: false, never_read: Vec::new(), slow: Vec::new() }
    }
}

impl Rules {
    /// Whether reading a path harms the device.
    pub fn is_forbidden(&self, path: &str) -> bool {
        self.never_read.iter().any(|pattern| covers(pattern, path))
    }

    /// Whether a path may take as long as the poll has time.
    pub fn is_slow(&self, path: &str) -> bool {
        self.slow.iter().any(|pattern| pattern == path || !pattern.ends_with('/') && covers(pattern, path))
    }
}

/// All quirks that are known.
#[derive(Debug)]
pub struct Quirks(Vec<Quirk>);

impl Quirks {
    /// The quirks that the program comes with.
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: LazyLock<Arc<Quirks>> = LazyLock::new(|| {
            Arc::new(Quirks::load(include_str!("quirks.yaml")).unwrap_or_else(|error| {
                tracing::error!(%error, "the built-in quirks cannot be read");
                Quirks(Vec::new())
            }))
        });
        Arc::clone(&BUILTIN)
    }

    /// Reads quirks from YAML.
    ///
    /// # Errors
    /// There is a mistake in it.
    pub fn load(yaml: &str) -> Result<Self, QuirkError> {
        let quirks: Vec<Quirk> = Document::parse("quirks.yaml", yaml)?.decode()?;
        for quirk in &quirks {
            let paths = quirk.never_read.iter().chain(&quirk.slow);
            if let Some(path) = paths.clone().find(|path| !path.starts_with("/redfish/")) {
                return Err(QuirkError::Path { path: path.clone(), why: quirk.why.clone() });
            }
            if quirk.expand != Some(false) && quirk.basic != Some(true) && paths.count() == 0 {
                return Err(QuirkError::Idle { why: quirk.why.clone() });
            }
        }
        Ok(Self(quirks))
    }

    /// What is done differently for a device.
    pub fn rules(&self, device: &Identity) -> Rules {
        let mut rules = Rules::default();
        for quirk in self.0.iter().filter(|quirk| quirk.device.matches(device)) {
            rules.expand &= quirk.expand.unwrap_or(true);
            rules.basic |= quirk.basic.unwrap_or(false);
            rules.never_read.extend_from_slice(&quirk.never_read);
            rules.slow.extend_from_slice(&quirk.slow);
        }
        rules
    }

    /// Whether the manager's model and firmware decide anything for a device of this vendor.
    pub fn depend_on_manager(&self, device: &Identity) -> bool {
        self.0.iter().any(|quirk| {
            let which = &quirk.device;
            (which.model.is_some() || which.firmware.is_some()) && which.matches(device)
        })
    }
}

impl Which {
    fn matches(&self, device: &Identity) -> bool {
        let part = |wanted: &Option<String>, text: &str| match wanted {
            Some(wanted) => text.to_ascii_lowercase().contains(&wanted.to_ascii_lowercase()),
            None => true,
        };
        part(&self.vendor, &device.vendor)
            && part(&self.product, &device.product)
            && (device.model.is_empty() || part(&self.model, &device.model))
            && self.firmware.as_ref().is_none_or(|range| range.contains(&device.firmware))
    }
}

impl Range {
    /// A version that cannot be read is taken to be in it.
    fn contains(&self, firmware: &str) -> bool {
        let Some(version) = version(firmware) else { return true };
        let bound = |text: &Option<String>| text.as_deref().and_then(self::version);
        bound(&self.from).is_none_or(|from| version >= from)
            && bound(&self.below).is_none_or(|below| version < below)
    }
}

/// The first dotted number in a text: `iLO 5 v2.72` is 2.72.
fn version(text: &str) -> Option<Vec<u64>> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|word| word.trim_matches('.'));
    let word = words.filter(|word| word.contains('.')).find(|word| !word.is_empty())?;
    word.split('.').map(|number| number.parse().ok()).collect()
}

/// Whether a path is what the pattern names, or lies below it.
fn covers(pattern: &str, path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.trim_end_matches('/').split('/');
    pattern
        .trim_end_matches('/')
        .split('/')
        .all(|part| segments.next().is_some_and(|segment| glob::fits(part, segment)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dell(model: &str, firmware: &str) -> Identity {
        Identity {
            vendor: "Dell".into(),
            model: model.into(),
            firmware: firmware.into(),
            ..Identity::default()
        }
    }

    #[test]
    fn the_builtin_quirks_load_and_apply() {
        let quirks = Quirks::load(include_str!("quirks.yaml")).unwrap();
        let new = quirks.rules(&dell("15G Monolithic", "6.00.30.00"));
        assert!(new.expand && !new.basic);
        assert!(new.is_forbidden("/redfish/v1/Chassis/Enclosure.Internal.0-1:RAID.Slot.6-1"));
        assert!(new.is_forbidden("/redfish/v1/Chassis/StorageEnclosure/Sensors?$expand=."));
        assert!(!new.is_forbidden("/redfish/v1/Chassis/System.Embedded.1/Sensors/Enclosure"));
        assert!(!new.is_forbidden("/redfish/v1/Systems/System.Embedded.1/Storage/RAID.SL.1-1"));
        let old = quirks.rules(&dell("13G Monolithic", "2.86.86.86"));
        assert!(!old.expand);
        assert!(quirks.depend_on_manager(&dell("", "")));
        let ami = Identity { vendor: " Ami Vendor".into(), ..Identity::default() };
        assert!(!quirks.rules(&ami).expand && !quirks.depend_on_manager(&ami));
        assert_eq!(quirks.rules(&Identity::default()), Rules::default());
        let nvidia = quirks.rules(&Identity { vendor: "Nvidia".into(), ..Identity::default() });
        assert!(nvidia.is_slow("/redfish/v1/UpdateService/FirmwareInventory/BMC"));
        assert!(!nvidia.is_slow("/redfish/v1/Chassis"));
        let lenovo = quirks.rules(&Identity { vendor: "Lenovo".into(), ..Identity::default() });
        assert!(lenovo.is_slow("/redfish/v1/") && !lenovo.is_slow("/redfish/v1/Chassis"));
    }

    #[test]
    fn firmware_is_compared_by_number_and_what_is_unknown_matches() {
        let range = Range { from: Some("2.8".into()), below: Some("2.10".into()) };
        for (firmware, within) in [
            ("2.7.99", false),
            ("2.8", true),
            ("iLO 5 v2.9", true),
            ("TGBT42S 2.83 2023-07-05", false),
            ("2.10", false),
            ("2.9.1.2", true),
            ("", true),
            ("BF-24", true),
            ("99999999999999999999999.1", true),
        ] {
            assert_eq!(range.contains(firmware), within, "{firmware}");
        }
    }

    #[test]
    fn an_identity_comes_from_root_and_manager() {
        let root = json!({"Vendor": "HPE", "Product": "ProLiant", "Oem": {"Hpe": {}}});
        let mut identity = Identity::from_root(&root);
        identity.add_manager(&json!({"Model": "iLO 5", "FirmwareVersion": "iLO 5 v2.72"}));
        let expected = ["HPE Hpe", "ProLiant", "iLO 5", "iLO 5 v2.72"].map(String::from);
        let Identity { vendor, product, model, firmware } = identity;
        assert_eq!([vendor, product, model, firmware], expected);
        assert_eq!(Identity::from_root(&json!([1])), Identity::default());
    }

    #[test]
    fn mistakes_in_the_data_are_refused() {
        let idle = "- device: { vendor: X }\n  why: none";
        assert!(matches!(Quirks::load(idle), Err(QuirkError::Idle { .. })));
        let path = "- device: { vendor: X }\n  never_read: [Chassis]\n  why: x";
        assert!(matches!(Quirks::load(path), Err(QuirkError::Path { .. })));
        let key = "- device: { vendor: X, colour: red }\n  expand: false\n  why: x";
        assert!(Quirks::load(key).unwrap_err().to_string().contains("colour"));
    }
}
