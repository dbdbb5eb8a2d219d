//! The buffer and the destinations as people write them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::{Duration, Size};

/// Where readings wait on disk for destinations that cannot be reached.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "buffer")]
pub(in crate::config) struct Buffer {
    /// Folder of the buffer, for this program alone. Default: `buffer` below `state_dir`.
    pub(in crate::config) dir: Option<PathBuf>,
    /// Most bytes on disk. At least 4MiB; default 64MiB.
    pub(in crate::config) size: Option<Size>,
    /// Age at which readings are given up. Default: none but the size.
    pub(in crate::config) max_age: Option<Duration>,
    /// Longest time for which a power cut may take readings back: 0s writes through with each poll. Default 5s.
    pub(in crate::config) sync: Option<Duration>,
    /// A clock that shows this day or a later one is believed where nothing else says that it is right,
    /// for boxes without NTP whose clock has a battery. Written 2026-11-21.
    #[schemars(
        regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
        extend("x-expected" = "a day, for example 2026-11-21")
    )]
    pub(in crate::config) clock_floor: Option<String>,
}

/// A receiver of all readings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "destination", extend("x-instead" = {
    "token": "a secret is not written here: write auth: {type: bearer, token_file: PATH}",
    "password": "a secret is not written here: write auth: {type: basic, user: NAME, password_file: PATH}"
}))]
pub(in crate::config) struct Destination {
    /// Name of the destination, unique here: the label `destination` of its metrics.
    #[schemars(length(min = 1, max = 64), extend("x-expected" = "the name of the destination"))]
    pub(in crate::config) name: String,
    /// Protocol, remote_write or otlp.
    #[serde(rename = "type")]
    pub(in crate::config) kind: Kind,
    /// Where samples are sent. OTLP has a default: what the variables OTEL_EXPORTER_OTLP_… say. Those of headers and
    /// certificates hold for every destination of type otlp, with or without a url.
    pub(in crate::config) url: Option<String>,
    /// How OTLP travels: http (protobuf) or grpc. Default http.
    pub(in crate::config) otlp_protocol: Option<OtlpProtocol>,
    /// Version of remote-write: auto (2.0, and 1.0 where the receiver does not know it), 1 or 2. Default auto.
    pub(in crate::config) remote_write_version: Option<RemoteWriteVersion>,
    /// What goes first after an outage. Default in_order.
    pub(in crate::config) order: Option<Order>,
    /// Share of the link that what waited may take while newer readings flow, from 0.01 to 1. Default 0.5.
    /// For live_first.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub(in crate::config) backfill_share: Option<f64>,
    /// Most bytes that are sent in a second; a request then has no more than ten times as many. Default: no limit.
    pub(in crate::config) bytes_per_second: Option<Size>,
    /// Most bytes of one request, as it goes over the link; over gRPC, before it is compressed. From 16KiB to 16MiB;
    /// default 256KiB.
    pub(in crate::config) batch: Option<Size>,
    /// Time allowed for a request. Default 30s.
    pub(in crate::config) timeout: Option<Duration>,
    /// Compression of OTLP: gzip, none, or zstd over gRPC. Default: what OTEL_EXPORTER_OTLP_COMPRESSION says, or
    /// gzip. Remote-write always takes snappy.
    pub(in crate::config) compression: Option<Compression>,
    /// PEM file of the authorities that the receiver's certificate is judged by. Default: the public ones. Read again
    /// when it changes.
    pub(in crate::config) ca_file: Option<PathBuf>,
    /// Certificate that this program shows, and its key. Read again when they change.
    pub(in crate::config) client_certificate: Option<ClientCertificate>,
    /// Login.
    pub(in crate::config) auth: Option<Auth>,
    /// Headers that are added to each request, for example X-Scope-OrgID. No place for secrets.
    #[serde(default)]
    pub(in crate::config) headers: BTreeMap<String, String>,
    /// HTTP proxy, as http://HOST:PORT. Environment variables name none, and gRPC takes none.
    pub(in crate::config) proxy: Option<String>,
    /// Only these series are sent. Default: all.
    #[serde(default)]
    pub(in crate::config) keep: Vec<Selector>,
    /// These series are not sent.
    #[serde(default)]
    pub(in crate::config) drop: Vec<Selector>,
    /// These series are sent less often. The first entry that fits a series counts. Of the time that has begun when the
    /// program ends, what it had by then is sent at once, or after the next start.
    #[serde(default)]
    pub(in crate::config) thin: Vec<Thin>,
    /// These series are sent when they change, and else at the heartbeat.
    #[serde(default)]
    pub(in crate::config) on_change: Vec<OnChange>,
    /// Whether series are marked as ended when the program ends. Default false.
    #[serde(default)]
    pub(in crate::config) end_series_at_shutdown: bool,
}

/// Protocol of a destination.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum Kind {
    RemoteWrite,
    Otlp,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum OtlpProtocol {
    Http,
    Grpc,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[schemars(inline)]
pub(in crate::config) enum RemoteWriteVersion {
    #[serde(rename = "auto")]
    Auto,
    #[serde(rename = "1")]
    One,
    #[serde(rename = "2")]
    Two,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum Order {
    /// Oldest first.
    InOrder,
    /// The newest readings at once, what waited beside them. For receivers that take samples out of order.
    LiveFirst,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum Compression {
    Gzip,
    Zstd,
    None,
}

/// A certificate and its key, PEM files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ClientCertificate {
    /// File of the certificate chain.
    pub(in crate::config) cert_file: PathBuf,
    /// File of the private key.
    pub(in crate::config) key_file: PathBuf,
}

/// Login at a destination.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::config) enum Auth {
    Bearer(Bearer),
    Basic(Basic),
}

/// A token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("x-instead" = {
    "token": "a secret is not written here: write token_file: PATH or token_env: VARIABLE"
}))]
pub(in crate::config) struct Bearer {
    /// File that holds the token.
    pub(in crate::config) token_file: Option<PathBuf>,
    /// Environment variable that holds the token.
    pub(in crate::config) token_env: Option<String>,
}

/// User and password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("x-instead" = {
    "password": "a secret is not written here: write password_file: PATH or password_env: VARIABLE",
    "username": "write user"
}))]
pub(in crate::config) struct Basic {
    /// Name of the user.
    #[schemars(length(min = 1), extend("x-expected" = "the name of the user"))]
    pub(in crate::config) user: String,
    /// File that holds the password.
    pub(in crate::config) password_file: Option<PathBuf>,
    /// Environment variable that holds the password.
    pub(in crate::config) password_env: Option<String>,
}

/// Which series.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Selector {
    /// Prometheus name of the metric; `*` stands for anything. Default: any.
    pub(in crate::config) metric: Option<String>,
    /// Labels that the series must have; `*` stands for anything.
    #[serde(default)]
    pub(in crate::config) labels: BTreeMap<String, String>,
}

/// Series that are sent less often.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Thin {
    /// Prometheus name of the metric; `*` stands for anything. Default: any.
    pub(in crate::config) metric: Option<String>,
    /// Labels that the series must have; `*` stands for anything.
    #[serde(default)]
    pub(in crate::config) labels: BTreeMap<String, String>,
    /// Time from one sample to the next. Prometheus shows a series for five minutes after its last one.
    pub(in crate::config) every: Duration,
    /// Which value stands for the time between. Default last.
    pub(in crate::config) value: Option<Summary>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum Summary {
    Last,
    Min,
    Max,
    Mean,
}

/// Series that are sent when they change.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct OnChange {
    /// Prometheus name of the metric; `*` stands for anything. Default: any.
    pub(in crate::config) metric: Option<String>,
    /// Labels that the series must have; `*` stands for anything.
    #[serde(default)]
    pub(in crate::config) labels: BTreeMap<String, String>,
    /// Longest time without a sample. Default 4m: Prometheus shows a series for five minutes after its last one.
    pub(in crate::config) heartbeat: Option<Duration>,
}
