//! A target from the command line: a URL and options, or a name of the configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use secrecy::SecretString;

use crate::config::{Config, ad_hoc, discovery, parse_address};
use crate::target::{
    AuthProtocol, CommunityVersion, Credentials, PrivacyProtocol, Protocol, Target, Tls, Usm,
};

/// Largest file that holds a secret.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Which device, and how to log in.
#[derive(Debug, Args)]
pub(super) struct TargetOptions {
    /// A URL (snmp://HOST[:PORT], redfish://HOST[:PORT], ipmi://HOST[:PORT], https://HOST,
    /// http://HOST), or with --config the name of a target
    pub(super) target: String,
    /// Configuration that names the target
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// SNMP community
    #[arg(long, env = "LIGHTSOUT_COMMUNITY", hide_env_values = true)]
    pub(super) community: Option<String>,
    /// SNMP version of the community
    #[arg(long, value_enum, default_value_t = Version::V2c)]
    pub(super) snmp_version: Version,
    /// User of SNMPv3, Redfish or IPMI
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// File with the password of the Redfish or IPMI user
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
    /// SNMPv3 authentication
    #[arg(long, value_enum, requires = "auth_file")]
    pub(super) auth: Option<Auth>,
    /// File with the pass phrase of SNMPv3 authentication
    #[arg(long, value_name = "FILE", requires = "auth")]
    pub(super) auth_file: Option<PathBuf>,
    /// SNMPv3 encryption
    #[arg(long, value_enum, requires = "privacy_file", requires = "auth")]
    pub(super) privacy: Option<Privacy>,
    /// File with the pass phrase of SNMPv3 encryption
    #[arg(long, value_name = "FILE", requires = "privacy")]
    pub(super) privacy_file: Option<PathBuf>,
    /// SNMPv3 context
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) context: String,
    /// PEM file with the authorities of the device's certificate
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// SHA-256 fingerprint of the device's certificate
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "ca_file")]
    pub(super) pin: Option<String>,
    /// Don't verify the device's certificate: anybody in between can read the password
    #[arg(long, conflicts_with_all = ["ca_file", "pin"])]
    pub(super) insecure: bool,
    /// Seconds allowed for the whole poll
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(super) deadline: u64,
}

/// Community-based SNMP versions.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Version {
    /// SNMPv1
    #[value(name = "1")]
    V1,
    /// SNMPv2c
    #[value(name = "2c")]
    V2c,
}

/// SNMPv3 authentication protocols.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub(super) enum Auth {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// SNMPv3 privacy protocols.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub(super) enum Privacy {
    Des,
    Aes128,
    Aes192,
    Aes256,
}

impl TargetOptions {
    /// The target that is meant.
    pub(super) fn resolve(&self) -> anyhow::Result<Arc<Target>> {
        match (&self.config, self.target.split_once("://")) {
            (Some(config), _) => self.named(config),
            (None, Some((scheme, rest))) => self.of_url(scheme, rest),
            (None, None) => {
                bail!(
                    "{:?} is no URL: write snmp://{0}, redfish://{0} or ipmi://{0}, or add --config FILE",
                    self.target
                )
            }
        }
    }

    fn named(&self, path: &Path) -> anyhow::Result<Arc<Target>> {
        let config = Config::load(path)?;
        let found: Vec<_> = config.target_files.iter().map(|source| source.read()).collect();
        let (targets, _) = discovery::combine(&config.targets, &found);
        targets.into_iter().find(|target| target.device.name == self.target).with_context(|| {
            format!("no target {:?} in {} or the files that it names", self.target, path.display())
        })
    }

    fn of_url(&self, scheme: &str, rest: &str) -> anyhow::Result<Arc<Target>> {
        let protocol = match scheme {
            "snmp" => Protocol::Snmp,
            "ipmi" => Protocol::Ipmi,
            "redfish" | "https" | "http" => Protocol::Redfish,
            other => {
                bail!("{other:?} is no protocol: write snmp://, redfish://, ipmi://, https:// or http://")
            }
        };
        let default_port = if scheme == "http" { 80 } else { protocol.default_port() };
        let address = parse_address(rest.trim_end_matches('/'), default_port)?;
        let deadline = Duration::from_secs(self.deadline.clamp(1, 3600));
        let tls = if scheme == "http" { Tls::Plain } else { self.tls()? };
        let credentials = self.credentials(protocol)?;
        let target = ad_hoc(&address.host.clone(), protocol, address, credentials);
        Ok(Arc::new(Target { tls, deadline, timeout: target.timeout.min(deadline), ..target }))
    }

    fn credentials(&self, protocol: Protocol) -> anyhow::Result<Option<Credentials>> {
        match (protocol, &self.user) {
            (Protocol::Redfish, None) => Ok(None),
            (Protocol::Ipmi, None) => bail!("add --user NAME and --password-file FILE"),
            (Protocol::Redfish | Protocol::Ipmi, Some(user)) => {
                let file = self.password_file.as_deref().context("add --password-file FILE")?;
                Ok(Some(Credentials::Password { user: user.clone(), password: secret(file)? }))
            }
            (Protocol::Snmp, Some(user)) => Ok(Some(Credentials::Usm(self.usm(user)?))),
            (Protocol::Snmp, None) => {
                let community =
                    self.community.clone().context("add --community NAME, or --user NAME for SNMPv3")?;
                let version = match self.snmp_version {
                    Version::V1 => CommunityVersion::V1,
                    Version::V2c => CommunityVersion::V2c,
                };
                Ok(Some(Credentials::Community { version, community: community.into() }))
            }
        }
    }

    fn usm(&self, user: &str) -> anyhow::Result<Usm> {
        let auth = match (self.auth, &self.auth_file) {
            (Some(protocol), Some(file)) => Some((protocol.into(), secret(file)?)),
            _ => None,
        };
        let privacy = match (self.privacy, &self.privacy_file) {
            (Some(protocol), Some(file)) => Some((protocol.into(), secret(file)?)),
            _ => None,
        };
        Ok(Usm { user: user.to_owned(), context: self.context.clone(), auth, privacy })
    }

    fn tls(&self) -> anyhow::Result<Tls> {
        Ok(match (&self.ca_file, &self.pin, self.insecure) {
            (Some(file), _, _) => Tls::CaFile { path: file.clone(), sha256: None },
            (_, Some(pin), _) => Tls::Pinned(fingerprint(pin)?),
            (_, _, true) => Tls::Insecure,
            _ => Tls::Verify,
        })
    }
}

impl From<Auth> for AuthProtocol {
    fn from(auth: Auth) -> Self {
        match auth {
            Auth::Md5 => Self::Md5,
            Auth::Sha1 => Self::Sha1,
            Auth::Sha224 => Self::Sha224,
            Auth::Sha256 => Self::Sha256,
            Auth::Sha384 => Self::Sha384,
            Auth::Sha512 => Self::Sha512,
        }
    }
}

impl From<Privacy> for PrivacyProtocol {
    fn from(privacy: Privacy) -> Self {
        match privacy {
            Privacy::Des => Self::Des,
            Privacy::Aes128 => Self::Aes128,
            Privacy::Aes192 => Self::Aes192,
            Privacy::Aes256 => Self::Aes256,
        }
    }
}

/// A fingerprint of 64 hexadecimal digits, with or without colons.
pub(super) fn fingerprint(text: &str) -> anyhow::Result<[u8; 32]> {
    let digits: Vec<u32> = text.chars().filter(|&c| c != ':').map_while(|c| c.to_digit(16)).collect();
    let length = text.chars().filter(|&c| c != ':').count();
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .filter_map(|pair| {
            pair.iter().try_fold(0u8, |byte, &digit| u8::try_from(u32::from(byte) * 16 + digit).ok())
        })
        .collect();
    match (length, <[u8; 32]>::try_from(bytes)) {
        (64, Ok(bytes)) => Ok(bytes),
        _ => bail!("{text:?} is no SHA-256 fingerprint: write 64 hexadecimal digits"),
    }
}

/// The first line of a file.
fn secret(path: &Path) -> anyhow::Result<SecretString> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_SECRET_BYTES).read_to_string(&mut text))
        .with_context(|| format!("cannot read the secret in {}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        options: TargetOptions,
    }

    fn resolve(arguments: &[&str]) -> Result<Arc<Target>, String> {
        let command = Command::try_parse_from(std::iter::once(&"lightsout").chain(arguments));
        let command = command.map_err(|error| error.to_string())?;
        command.options.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_names_protocol_address_and_tls() {
        let target = resolve(&["snmp://127.0.0.1:1161", "--community", "public"]).unwrap();
        assert_eq!(
            (target.protocol, target.address.to_string().as_str()),
            (Protocol::Snmp, "127.0.0.1:1161")
        );
        let target = resolve(&["https://[::1]/", "--insecure"]).unwrap();
        assert_eq!(target.address.to_string(), "[::1]:443");
        assert_eq!(target.tls, Tls::Insecure);
        assert_eq!(resolve(&["http://bmc"]).unwrap().tls, Tls::Plain);
        assert_eq!(resolve(&["redfish://bmc"]).unwrap().tls, Tls::Verify);
    }

    #[test]
    fn what_is_missing_is_said() {
        for (arguments, words) in [
            (&["10.0.0.1"][..], "write snmp://10.0.0.1"),
            (&["gopher://10.0.0.1"][..], "is no protocol"),
            (&["snmp://10.0.0.1"][..], "add --community"),
            (&["https://bmc", "--user", "admin"][..], "add --password-file"),
            (&["https://bmc", "--pin", "00:11"][..], "64 hexadecimal digits"),
            (&["snmp://a", "--user", "u", "--auth", "sha256"][..], "--auth-file"),
        ] {
            let error = resolve(arguments).unwrap_err();
            assert!(error.contains(words), "{error:?} lacks {words:?}");
        }
    }

    #[test]
    fn a_fingerprint_is_64_digits_with_or_without_colons() {
        let plain = "00ff".repeat(16);
        assert_eq!(fingerprint(&plain).unwrap()[..4], [0, 255, 0, 255]);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(fingerprint(&colons).unwrap(), [0xab; 32]);
        for wrong in ["", "zz", &"0".repeat(63), &"0".repeat(65), &format!("{}zz", "0".repeat(62))] {
            assert!(fingerprint(wrong).is_err(), "{wrong}");
        }
    }
}
