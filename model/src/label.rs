//! Attribute names: the closed set of labels that a series may carry.
//!
//! Each has an OpenTelemetry key (`hw.id`) and a Prometheus name (`hw_id`), which differ only in
//! the separator. Never holds a value longer than one poll: see [`crate::series`] for what is kept.

/// An attribute of the catalogue. Order is the order in which a series writes its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Label {
    /// Component identity, unique within a device and a metric.
    HwId,
    /// Component name for people.
    HwName,
    /// Identity of the component that holds this one.
    HwParent,
    /// Component type of the OpenTelemetry hardware conventions (`fan`, `power_supply`, …).
    HwType,
    /// State of a component in a state set.
    HwState,
    /// Which limit: `low.critical`, `low.degraded`, `high.degraded`, `high.critical`, `max`, `min`.
    HwLimitType,
    /// Where a sensor sits: `inlet`, `outlet`, `cpu`, …
    HwSensorLocation,
    /// What a disk's endurance ratio counts: `remaining`.
    HwPhysicalDiskState,
    /// `inlet`, `outlet`, `branch`, `phase`, `psu_input`, `input`, `output`, `bypass`, `unit`.
    OobCircuitType,
    /// `L1`, `L2`, `L3`, `N`, `L1-L2`, `L2-L3`, `L3-L1`; absent where a circuit has one phase or is a total.
    OobCircuitPhase,
    /// State in a state set that is no component's status.
    State,
    /// Why: a closed word.
    Reason,
    /// Kind of error: a closed word.
    ErrorType,
    /// `receive` or `transmit`.
    NetworkIoDirection,
    /// `air`, `water`, …
    Medium,
    /// Kind of a contact: `door`, `tamper`, `leak`, `smoke`, `dry`, `motion`.
    Kind,
    /// Input of a transfer switch.
    Source,
    /// Optical lane.
    Lane,
    /// Radio access technology.
    Rat,
    /// Severity of an event: `ok`, `warning`, `critical`.
    Severity,
    /// `snmp`, `redfish`, `ipmi`, `gnmi`, `icmp`.
    Protocol,
    /// Which part firmware or uptime belongs to: `bmc`, `bios`, `host`, `device`, …
    Component,
    /// Installed firmware version.
    Version,
    /// Declared firmware version.
    BaselineVersion,
    /// Whether a firmware change was declared beforehand: `true` or `false`.
    Authorized,
    /// Manufacturer.
    Vendor,
    /// Model name.
    Model,
    /// Serial number.
    Serial,
    /// Owner's inventory number.
    AssetTag,
    /// Room within the site.
    Room,
    /// Lowest rack unit.
    RackUnit,
    /// Power feed, `A` or `B`.
    PowerFeed,
    /// Kind of a site: `dc`, `pole`, …
    SiteKind,
    /// Region of a site.
    Region,
    /// Source revision of this program.
    Revision,
    /// Hash of the active configuration.
    ConfigHash,
    /// Name of a forwarding destination.
    Destination,
    /// Outcome of a forwarded sample.
    Outcome,
    /// Site: on every device series.
    Site,
    /// Rack: on every device series where declared.
    Rack,
    /// Name of the target: on every device series.
    HostName,
    /// `pdu`, `ups`, `switch`, `server`, `sensor`, `router`, `power`, …: on every device series.
    DeviceType,
}

impl Label {
    /// How many labels there are.
    pub const COUNT: usize = Self::DeviceType as usize + 1;

    /// OpenTelemetry attribute key.
    pub const fn otel(self) -> &'static str {
        match self {
            Self::HwId => "hw.id",
            Self::HwName => "hw.name",
            Self::HwParent => "hw.parent",
            Self::HwType => "hw.type",
            Self::HwState => "hw.state",
            Self::HwLimitType => "hw.limit_type",
            Self::HwSensorLocation => "hw.sensor_location",
            Self::HwPhysicalDiskState => "hw.physical_disk.state",
            Self::OobCircuitType => "oob.circuit.type",
            Self::OobCircuitPhase => "oob.circuit.phase",
            Self::NetworkIoDirection => "network.io.direction",
            Self::ErrorType => "error.type",
            Self::SiteKind => "site.kind",
            Self::HostName => "host.name",
            Self::DeviceType => "device.type",
            other => other.prometheus(),
        }
    }

    /// Prometheus label name.
    pub const fn prometheus(self) -> &'static str {
        match self {
            Self::HwId => "hw_id",
            Self::HwName => "hw_name",
            Self::HwParent => "hw_parent",
            Self::HwType => "hw_type",
            Self::HwState => "hw_state",
            Self::HwLimitType => "hw_limit_type",
            Self::HwSensorLocation => "hw_sensor_location",
            Self::HwPhysicalDiskState => "hw_physical_disk_state",
            Self::OobCircuitType => "oob_circuit_type",
            Self::OobCircuitPhase => "oob_circuit_phase",
            Self::State => "state",
            Self::Reason => "reason",
            Self::ErrorType => "error_type",
            Self::NetworkIoDirection => "network_io_direction",
            Self::Medium => "medium",
            Self::Kind => "kind",
            Self::Source => "source",
            Self::Lane => "lane",
            Self::Rat => "rat",
            Self::Severity => "severity",
            Self::Protocol => "protocol",
            Self::Component => "component",
            Self::Version => "version",
            Self::BaselineVersion => "baseline_version",
            Self::Authorized => "authorized",
            Self::Vendor => "vendor",
            Self::Model => "model",
            Self::Serial => "serial",
            Self::AssetTag => "asset_tag",
            Self::Room => "room",
            Self::RackUnit => "rack_unit",
            Self::PowerFeed => "power_feed",
            Self::SiteKind => "site_kind",
            Self::Region => "region",
            Self::Revision => "revision",
            Self::ConfigHash => "config_hash",
            Self::Destination => "destination",
            Self::Outcome => "outcome",
            Self::Site => "site",
            Self::Rack => "rack",
            Self::HostName => "host_name",
            Self::DeviceType => "device_type",
        }
    }

    /// All labels, in order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::HwId,
        Self::HwName,
        Self::HwParent,
        Self::HwType,
        Self::HwState,
        Self::HwLimitType,
        Self::HwSensorLocation,
        Self::HwPhysicalDiskState,
        Self::OobCircuitType,
        Self::OobCircuitPhase,
        Self::State,
        Self::Reason,
        Self::ErrorType,
        Self::NetworkIoDirection,
        Self::Medium,
        Self::Kind,
        Self::Source,
        Self::Lane,
        Self::Rat,
        Self::Severity,
        Self::Protocol,
        Self::Component,
        Self::Version,
        Self::BaselineVersion,
        Self::Authorized,
        Self::Vendor,
        Self::Model,
        Self::Serial,
        Self::AssetTag,
        Self::Room,
        Self::RackUnit,
        Self::PowerFeed,
        Self::SiteKind,
        Self::Region,
        Self::Revision,
        Self::ConfigHash,
        Self::Destination,
        Self::Outcome,
        Self::Site,
        Self::Rack,
        Self::HostName,
        Self::DeviceType,
    ];

    /// The label with this Prometheus name or OpenTelemetry key.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.prometheus() == name || label.otel() == name)
    }
}

/// Attributes of one reading while it is recorded; borrowed, so that nothing is allocated.
///
/// A driver sets what it knows of a component once. Each metric then takes the attributes that
/// the catalogue declares for it and ignores the rest.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    values: [Option<&'a str>; Label::COUNT],
}

impl Default for Labels<'_> {
    fn default() -> Self {
        Self { values: [None; Label::COUNT] }
    }
}

impl<'a> Labels<'a> {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A component by identity and name.
    pub fn component(id: &'a str, name: &'a str) -> Self {
        Self::new().with(Label::HwId, id).with(Label::HwName, name)
    }

    /// This set with one attribute more, or replaced. An empty value takes it away.
    #[must_use]
    pub fn with(mut self, label: Label, value: &'a str) -> Self {
        self.set(label, value);
        self
    }

    /// Sets one attribute. An empty value takes it away.
    pub fn set(&mut self, label: Label, value: &'a str) {
        if let Some(slot) = self.values.get_mut(label as usize) {
            *slot = (!value.is_empty()).then_some(value);
        }
    }

    /// The value of one attribute.
    pub fn get(&self, label: Label) -> Option<&'a str> {
        self.values.get(label as usize).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn otel_and_prometheus_names_differ_only_in_the_separator() {
        for (index, label) in Label::ALL.into_iter().enumerate() {
            assert_eq!(label as usize, index, "{label:?} is out of order in ALL");
            assert_eq!(label.otel().replace('.', "_"), label.prometheus());
        }
    }

    #[test]
    fn an_empty_value_is_no_attribute() {
        let labels = Labels::component("fan1", "Fan 1").with(Label::HwName, "");
        assert_eq!(labels.get(Label::HwId), Some("fan1"));
        assert_eq!(labels.get(Label::HwName), None);
    }
}
