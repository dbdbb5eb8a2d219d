//! A polled device and the labels that all of its series share.

use crate::label::Label;
use crate::series::write_label;

/// The labels that every series of one device carries, written once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels {
    text: Box<str>,
}

impl Labels {
    /// `site`, `rack`, `host_name` and `device_type`; empty ones are left out.
    pub fn new(site: &str, rack: &str, host_name: &str, device_type: &str) -> Self {
        let mut text = String::new();
        for (label, value) in [
            (Label::Site, site),
            (Label::Rack, rack),
            (Label::HostName, host_name),
            (Label::DeviceType, device_type),
        ] {
            write_label(&mut text, label, value);
        }
        Self { text: text.into() }
    }

    /// In the Prometheus exposition format, without braces.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What the operator declares of a device: descriptive, exported once in `oob_device_info`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Owner's inventory number.
    pub asset_tag: String,
    /// Room within the site.
    pub room: String,
    /// Lowest rack unit.
    pub rack_unit: String,
    /// Power feed.
    pub power_feed: String,
}

/// Identity of a polled device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name of the target, unique in a configuration.
    pub name: String,
    /// Site.
    pub site: String,
    /// Rack, or empty.
    pub rack: String,
    /// `pdu`, `ups`, `switch`, `server`, …, or empty.
    pub device_type: String,
    /// Declared description.
    pub description: Description,
}

impl Device {
    /// The labels that every series of this device carries.
    pub fn labels(&self) -> Labels {
        Labels::new(&self.site, &self.rack, &self.name, &self.device_type)
    }
}
