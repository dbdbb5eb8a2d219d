//! The configuration as people write it. Its JSON Schema is what editors and messages go by.
//!
//! Values only: what they mean together is checked in [`super::resolve`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::discovery::labels::Field;
use super::fallback::Fallback;
use super::forwarding;
use super::logins::Login;
use crate::yaml::{Duration, Lenient};

/// Configuration of lightsout.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "lightsout")]
pub(super) struct File {
    /// The site that this program watches.
    pub(super) site: Lenient<Site>,
    /// The web endpoint: metrics, status page, reload.
    #[serde(default)]
    pub(super) web: Web,
    /// Folder for what outlives a restart. Without it nothing is kept.
    pub(super) state_dir: Option<PathBuf>,
    /// Folders with device profiles of your own, besides the built-in ones.
    #[serde(default)]
    pub(super) profile_dirs: Vec<Lenient<PathBuf>>,
    /// Firmware that is wanted.
    #[serde(default)]
    pub(super) firmware: Firmware,
    /// What targets have that say nothing else.
    #[serde(default)]
    pub(super) defaults: Settings,
    /// Logins by name. Every secret stands in a file or an environment variable.
    #[serde(default)]
    pub(super) credentials: BTreeMap<String, Lenient<Login>>,
    /// Devices to poll.
    #[serde(default)]
    pub(super) targets: Vec<Lenient<Target>>,
    /// Target lists in files, in the format of Prometheus's file_sd, watched for changes.
    #[serde(default)]
    pub(super) target_files: Vec<Lenient<FileSource>>,
    /// Target lists over HTTP, in the format of Prometheus's HTTP SD.
    #[serde(default)]
    pub(super) target_http: Vec<Lenient<HttpSource>>,
    /// Where readings wait on disk for destinations that cannot be reached.
    pub(super) buffer: Option<Lenient<forwarding::file::Buffer>>,
    /// Receivers that all readings are sent to. They need a buffer.
    #[serde(default)]
    pub(super) destinations: Vec<Lenient<forwarding::file::Destination>>,
}

/// A site.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Site {
    /// Name of the site: the label `site` of every series.
    #[schemars(length(min = 1), extend("x-expected" = "the name of the site"))]
    pub(super) name: String,
    /// Kind of site, for example `dc` or `pole`.
    #[serde(default)]
    pub(super) kind: String,
    /// Region.
    #[serde(default)]
    pub(super) region: String,
}

/// The web endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Web {
    /// Address and port to listen on. Default 127.0.0.1:9808.
    pub(super) listen: Option<String>,
    /// TLS, users and client certificates, in the format of Prometheus's exporter-toolkit.
    pub(super) config_file: Option<PathBuf>,
    /// Whether readings in /metrics carry the time of their measurement. Default false.
    #[serde(default)]
    pub(super) timestamps: bool,
}

/// Firmware that is wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Firmware {
    /// File that declares the wanted versions, watched for changes. `lightsout schema baseline` prints its schema.
    pub(super) baseline: Option<PathBuf>,
}

/// A device to poll.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Target {
    /// Name of the device, unique here: the label `host_name` of its series.
    #[schemars(length(min = 1), extend("x-expected" = "the name of the device"))]
    pub(super) name: String,
    /// Host name or IP address, with a port where it is not the protocol's own.
    #[schemars(length(min = 1), extend("x-expected" = "a host name or IP address"))]
    pub(super) address: String,
    #[serde(flatten)]
    pub(super) settings: Settings,
}

/// What may be said of a target, and as a default for many.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// How the device is polled.
    pub(super) protocol: Option<Protocol>,
    /// Name of the login below `credentials`.
    pub(super) credentials: Option<String>,
    /// Site, where it is another than that of this file.
    pub(super) site: Option<String>,
    /// Rack.
    pub(super) rack: Option<String>,
    /// Kind of device, for example pdu, ups, switch or server.
    pub(super) device_type: Option<String>,
    /// Room within the site.
    pub(super) room: Option<String>,
    /// Lowest rack unit.
    pub(super) rack_unit: Option<String>,
    /// Power feed, for example A.
    pub(super) power_feed: Option<String>,
    /// Inventory number.
    pub(super) asset_tag: Option<String>,
    /// Time from one poll to the next. Default 60s.
    pub(super) interval: Option<Duration>,
    /// Time allowed for one request. Default 5s.
    pub(super) timeout: Option<Duration>,
    /// Time allowed for a whole poll. Default: the interval, but at most 2m.
    pub(super) deadline: Option<Duration>,
    /// Time from one reading of inventory and firmware to the next; over SNMP, from one choice of device
    /// profiles to the next. Default 1h.
    pub(super) inventory_interval: Option<Duration>,
    /// How the device's certificate is judged. Default verify.
    pub(super) tls: Option<Tls>,
    /// How much the device is asked at once.
    pub(super) budget: Option<Budget>,
    /// Most rows that one SNMP GETBULK asks for.
    #[schemars(range(min = 1, max = 100))]
    pub(super) max_repetitions: Option<u32>,
    /// The same device over another protocol, for when the first one gives no answer.
    pub(super) fallback: Option<Fallback>,
}

/// Protocol of a target.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Protocol {
    Snmp,
    Redfish,
    Ipmi,
}

/// How a server's certificate is judged.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(extend(
    "x-expected" = "verify, insecure or plain, or a mapping with the key ca_file or pinned_sha256"
))]
pub(super) enum Tls {
    /// Against the public authorities.
    Verify,
    /// Not at all: anybody between here and the device can read the password.
    Insecure,
    /// No TLS: plain HTTP.
    Plain,
    /// Against the authorities in this PEM file.
    CaFile(PathBuf),
    /// Only the certificate with this SHA-256 fingerprint.
    PinnedSha256(
        #[schemars(
            regex(pattern = "^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$"),
            extend("x-expected" = "the SHA-256 fingerprint of a certificate, 64 hexadecimal digits with or without colons")
        )]
        String,
    ),
}

/// How much a device is asked at once.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    /// Requests in flight. Default 2 for SNMP and Redfish, 1 for IPMI.
    #[schemars(range(min = 1, max = 64))]
    pub(super) requests_in_flight: Option<u32>,
    /// Requests per second. Default 50 for SNMP, 10 for Redfish and 50 for IPMI.
    #[schemars(range(min = 0.1, max = 1000.0))]
    pub(super) requests_per_second: Option<f64>,
}

/// Target lists in files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSource {
    /// Paths of .json, .yml or .yaml files; the last part may hold `*`.
    #[schemars(length(min = 1))]
    pub(super) files: Vec<String>,
    /// Time after which the files are read again even where no change was noticed. Default 5m.
    pub(super) refresh_interval: Option<Duration>,
    /// What targets of these lists have that say nothing else.
    #[serde(default)]
    pub(super) defaults: Settings,
    /// Which label of a list feeds which field of a target.
    #[serde(default)]
    pub(super) labels: BTreeMap<Field, String>,
}

/// A target list over HTTP.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-instead" = {
    "token": "a secret is not written here: write token_file: PATH or token_env: VARIABLE"
}))]
pub(super) struct HttpSource {
    /// Address of the list.
    #[schemars(length(min = 1), extend("x-expected" = "an http or https URL"))]
    pub(super) url: String,
    /// Time from one request to the next. Default 60s.
    pub(super) refresh_interval: Option<Duration>,
    /// Time allowed for a request. Default 30s.
    pub(super) timeout: Option<Duration>,
    /// First word of the Authorization header: Bearer (default), or Token for NetBox.
    pub(super) token_type: Option<String>,
    /// File that holds the token.
    pub(super) token_file: Option<PathBuf>,
    /// Environment variable that holds the token.
    pub(super) token_env: Option<String>,
    /// How the server's certificate is judged. Default verify.
    pub(super) tls: Option<Tls>,
    /// What targets of this list have that say nothing else.
    #[serde(default)]
    pub(super) defaults: Settings,
    /// Which label of the list feeds which field of a target.
    #[serde(default)]
    pub(super) labels: BTreeMap<Field, String>,
}

impl Settings {
    /// These, and where they say nothing, `others`. Times that are taken over are made to fit the own
    /// ones: a target that is polled more often than others has a shorter deadline by itself.
    pub(super) fn or(self, others: &Self) -> Self {
        let others = others.clone();
        let within = |time: Duration, bound: Option<Duration>| bound.map_or(time, |bound| time.min(bound));
        let deadline = self.deadline.or(others.deadline.map(|time| within(time, self.interval)));
        let bound = self.deadline.or(self.interval);
        let timeout = self.timeout.or(others.timeout.map(|time| within(time, bound)));
        let at_least = |time: Duration| self.interval.map_or(time, |interval| time.max(interval));
        let inventory_interval = self.inventory_interval.or(others.inventory_interval.map(at_least));
        Self {
            protocol: self.protocol.or(others.protocol),
            credentials: self.credentials.or(others.credentials),
            site: self.site.or(others.site),
            rack: self.rack.or(others.rack),
            device_type: self.device_type.or(others.device_type),
            room: self.room.or(others.room),
            rack_unit: self.rack_unit.or(others.rack_unit),
            power_feed: self.power_feed.or(others.power_feed),
            asset_tag: self.asset_tag.or(others.asset_tag),
            interval: self.interval.or(others.interval),
            timeout,
            deadline,
            inventory_interval,
            tls: self.tls.or(others.tls),
            budget: match (self.budget, others.budget) {
                (Some(own), Some(other)) => Some(own.or(other)),
                (own, other) => own.or(other),
            },
            max_repetitions: self.max_repetitions.or(others.max_repetitions),
            fallback: self.fallback.or(others.fallback),
        }
    }
}

impl Budget {
    fn or(self, other: Self) -> Self {
        Self {
            requests_in_flight: self.requests_in_flight.or(other.requests_in_flight),
            requests_per_second: self.requests_per_second.or(other.requests_per_second),
        }
    }
}
