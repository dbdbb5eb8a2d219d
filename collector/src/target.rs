//! A target as drivers see it: validated, with its secrets read. The configuration makes these.
//!
//! Holds values only; secrets print as `[REDACTED]`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::Device;
use secrecy::{ExposeSecret, SecretString};

/// Protocol by which a target is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// SNMP v1, v2c or v3 over UDP.
    Snmp,
    /// Redfish over HTTPS.
    Redfish,
    /// IPMI 2.0 over RMCP+.
    Ipmi,
}

impl Protocol {
    /// Value of the `protocol` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Snmp => "snmp",
            Self::Redfish => "redfish",
            Self::Ipmi => "ipmi",
        }
    }

    /// Port that is used where an address names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Snmp => 161,
            Self::Redfish => 443,
            Self::Ipmi => 623,
        }
    }
}

/// Where a target answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Name or IP address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// What a driver logs in with. Equal where all of it is, secrets included.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// SNMP v1 and v2c.
    Community {
        /// Version.
        version: CommunityVersion,
        /// Community name: a secret.
        community: SecretString,
    },
    /// SNMP v3, RFC 3414.
    Usm(Usm),
    /// User and password, for Redfish and IPMI.
    Password {
        /// User.
        user: String,
        /// Password.
        password: SecretString,
    },
    /// User, password and what only IPMI asks for.
    Ipmi(IpmiLogin),
}

impl Credentials {
    /// The user of a BMC's account.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Password { user, .. } => Some(user),
            Self::Ipmi(login) => Some(&login.user),
            Self::Community { .. } | Self::Usm(_) => None,
        }
    }
}

/// A login of IPMI 2.0.
#[derive(Clone, Debug)]
pub struct IpmiLogin {
    /// User.
    pub user: String,
    /// Password.
    pub password: SecretString,
    /// The device's key K_g, where one is set.
    pub group_key: Option<SecretString>,
    /// What is asked for.
    pub privilege: Privilege,
}

/// Privilege levels of IPMI that a monitor asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Privilege {
    /// Reads.
    #[default]
    User,
    /// Reads on BMCs that give a user too little.
    Operator,
}

/// Community-based versions of SNMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommunityVersion {
    /// SNMPv1: no GETBULK, no 64-bit counters.
    V1,
    /// SNMPv2c.
    V2c,
}

/// A user of SNMPv3's User-based Security Model.
#[derive(Clone, Debug)]
pub struct Usm {
    /// Security name.
    pub user: String,
    /// Context name; empty for the default one.
    pub context: String,
    /// Authentication protocol and pass phrase.
    pub auth: Option<(AuthProtocol, SecretString)>,
    /// Privacy protocol and pass phrase; needs `auth`.
    pub privacy: Option<(PrivacyProtocol, SecretString)>,
}

/// USM authentication (RFC 3414, RFC 7860).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum AuthProtocol {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// USM privacy (RFC 3414, RFC 3826, and the AES-192 and AES-256 drafts in use).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum PrivacyProtocol {
    Des,
    Aes128,
    Aes192,
    Aes256,
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Community { version, community },
                Self::Community { version: other_version, community: other_community },
            ) => version == other_version && same(community, other_community),
            (Self::Usm(usm), Self::Usm(other)) => usm == other,
            (
                Self::Password { user, password },
                Self::Password { user: other_user, password: other_password },
            ) => user == other_user && same(password, other_password),
            (Self::Ipmi(login), Self::Ipmi(other)) => login == other,
            _ => false,
        }
    }
}

impl PartialEq for IpmiLogin {
    fn eq(&self, other: &Self) -> bool {
        let same_group_key = match (&self.group_key, &other.group_key) {
            (Some(key), Some(other)) => same(key, other),
            (None, None) => true,
            _ => false,
        };
        self.user == other.user
            && same(&self.password, &other.password)
            && same_group_key
            && self.privilege == other.privilege
    }
}

impl PartialEq for Usm {
    fn eq(&self, other: &Self) -> bool {
        self.user == other.user
            && self.context == other.context
            && same_protocol(self.auth.as_ref(), other.auth.as_ref())
            && same_protocol(self.privacy.as_ref(), other.privacy.as_ref())
    }
}

fn same(left: &SecretString, right: &SecretString) -> bool {
    left.expose_secret() == right.expose_secret()
}

fn same_protocol<P: PartialEq>(left: Option<&(P, SecretString)>, right: Option<&(P, SecretString)>) -> bool {
    match (left, right) {
        (Some((protocol, secret)), Some((other, other_secret))) => {
            protocol == other && same(secret, other_secret)
        }
        (None, None) => true,
        _ => false,
    }
}

/// How a server's certificate is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Against the public roots (Mozilla's list).
    #[default]
    Verify,
    /// Against the authorities in a PEM file.
    CaFile {
        /// The file.
        path: PathBuf,
        /// SHA-256 of what it held when the configuration was read: with other authorities it is another
        /// target. None where nothing is ever reloaded.
        sha256: Option<[u8; 32]>,
    },
    /// Only the certificate with this SHA-256 of its DER form.
    Pinned([u8; 32]),
    /// Not at all: said by name for this target.
    Insecure,
    /// No TLS: plain HTTP, said by name for this target.
    Plain,
}

/// How much a device is asked at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Requests in flight.
    pub concurrency: u32,
    /// Requests per second.
    pub rate: f64,
}

/// One device to poll. Two are equal where a reload need not touch the running one.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Identity and labels.
    pub device: Arc<Device>,
    /// Protocol.
    pub protocol: Protocol,
    /// Where it answers.
    pub address: Address,
    /// What to log in with, if anything.
    pub credentials: Option<Credentials>,
    /// Time from one poll to the next.
    pub interval: Duration,
    /// Time allowed for a whole poll.
    pub deadline: Duration,
    /// Time allowed for one request.
    pub timeout: Duration,
    /// Time from one reading of slow resources (inventory, firmware) to the next.
    pub inventory_interval: Duration,
    /// How the certificate is judged.
    pub tls: Tls,
    /// How much it is asked at once.
    pub budget: Budget,
    /// Most rows of one GETBULK answer, where the default is too many for this device.
    pub max_repetitions: Option<u32>,
    /// The same device over another protocol, for when this one gives no answer.
    pub fallback: Option<Arc<Target>>,
}
