//! Named logins: their secrets read, their parts checked against each other.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::flaw::Flaw;
use super::logins::{self, Login};
use super::secret::{Reference, Surroundings, read};
use crate::target::{
    AuthProtocol, CommunityVersion, Credentials, IpmiLogin, PrivacyProtocol, Privilege, Protocol, Usm,
};

/// Shortest pass phrase that the key derivation of SNMP v3 takes (RFC 3414, section 11.2).
const MIN_PASSPHRASE_CHARS: usize = 8;

/// Reads the secrets of a login.
pub(super) fn resolve(login: &Login, around: &Surroundings<'_>) -> Result<Credentials, Vec<Flaw>> {
    match login {
        Login::SnmpV1(login) => community(login, CommunityVersion::V1, around),
        Login::SnmpV2c(login) => community(login, CommunityVersion::V2c, around),
        Login::SnmpV3(login) => usm(login, around),
        Login::Password(login) => {
            let secret = Reference {
                file: (login.password_file.as_deref(), "password_file"),
                variable: (login.password_env.as_deref(), "password_env"),
            };
            let password = read(&secret, around).map_err(|flaw| vec![flaw])?;
            Ok(Credentials::Password { user: login.user.clone(), password })
        }
        Login::Ipmi(login) => ipmi(login, around),
    }
}

/// The protocols that credentials are for, and what they are called.
pub(super) fn kind(credentials: &Credentials) -> (&'static [Protocol], &'static str) {
    match credentials {
        Credentials::Community { version: CommunityVersion::V1, .. } => (&[Protocol::Snmp], "snmp_v1"),
        Credentials::Community { version: CommunityVersion::V2c, .. } => (&[Protocol::Snmp], "snmp_v2c"),
        Credentials::Usm(_) => (&[Protocol::Snmp], "snmp_v3"),
        Credentials::Password { .. } => (&[Protocol::Redfish, Protocol::Ipmi], "password"),
        Credentials::Ipmi(_) => (&[Protocol::Ipmi], "ipmi"),
    }
}

fn community(
    login: &logins::Community,
    version: CommunityVersion,
    around: &Surroundings<'_>,
) -> Result<Credentials, Vec<Flaw>> {
    let secret = Reference {
        file: (login.community_file.as_deref(), "community_file"),
        variable: (login.community_env.as_deref(), "community_env"),
    };
    let community = read(&secret, around).map_err(|flaw| vec![flaw])?;
    Ok(Credentials::Community { version, community })
}

fn ipmi(login: &logins::Ipmi, around: &Surroundings<'_>) -> Result<Credentials, Vec<Flaw>> {
    let password = Reference {
        file: (login.password_file.as_deref(), "password_file"),
        variable: (login.password_env.as_deref(), "password_env"),
    };
    let group_key = Reference {
        file: (login.group_key_file.as_deref(), "group_key_file"),
        variable: (login.group_key_env.as_deref(), "group_key_env"),
    };
    let has_group_key = login.group_key_file.is_some() || login.group_key_env.is_some();
    let group_key = has_group_key.then(|| read(&group_key, around)).transpose();
    match (read(&password, around), group_key) {
        (Ok(password), Ok(group_key)) => {
            let privilege = match login.privilege {
                logins::Privilege::User => Privilege::User,
                logins::Privilege::Operator => Privilege::Operator,
            };
            Ok(Credentials::Ipmi(IpmiLogin { user: login.user.clone(), password, group_key, privilege }))
        }
        (password, group_key) => Err(password.err().into_iter().chain(group_key.err()).collect()),
    }
}

fn usm(login: &logins::Usm, around: &Surroundings<'_>) -> Result<Credentials, Vec<Flaw>> {
    let mut flaws = Vec::new();
    if login.privacy.is_some() && login.auth.is_none() {
        let help = "add auth: SNMP v3 encrypts only what it authenticates";
        flaws.push(Flaw::new("privacy", "stands without auth", help));
    }
    let mut secret = |file: Option<&Path>, variable: Option<&str>, names: [&'static str; 3]| {
        let [file_key, variable_key, protection] = names;
        let reference = Reference { file: (file, file_key), variable: (variable, variable_key) };
        match read(&reference, around).and_then(|secret| long_enough(secret, protection)) {
            Ok(secret) => Some(secret),
            Err(flaw) => {
                flaws.push(flaw);
                None
            }
        }
    };
    let auth = login.auth.as_ref().and_then(|auth| {
        let names = ["auth.passphrase_file", "auth.passphrase_env", "auth"];
        let secret = secret(auth.passphrase_file.as_deref(), auth.passphrase_env.as_deref(), names);
        secret.map(|secret| (auth.protocol.into(), secret))
    });
    let privacy = login.privacy.as_ref().and_then(|privacy| {
        let names = ["privacy.passphrase_file", "privacy.passphrase_env", "privacy"];
        let secret = secret(privacy.passphrase_file.as_deref(), privacy.passphrase_env.as_deref(), names);
        secret.map(|secret| (privacy.protocol.into(), secret))
    });
    if flaws.is_empty() {
        let (user, context) = (login.user.clone(), login.context.clone());
        Ok(Credentials::Usm(Usm { user, context, auth, privacy }))
    } else {
        Err(flaws)
    }
}

fn long_enough(secret: SecretString, field: &'static str) -> Result<SecretString, Flaw> {
    if secret.expose_secret().chars().count() >= MIN_PASSPHRASE_CHARS {
        return Ok(secret);
    }
    let message = format!("the pass phrase has fewer than {MIN_PASSPHRASE_CHARS} characters");
    Err(Flaw::new(field, message, "SNMP v3 takes no shorter one: set a longer one on the device"))
}

impl From<logins::AuthProtocol> for AuthProtocol {
    fn from(protocol: logins::AuthProtocol) -> Self {
        match protocol {
            logins::AuthProtocol::Md5 => Self::Md5,
            logins::AuthProtocol::Sha1 => Self::Sha1,
            logins::AuthProtocol::Sha224 => Self::Sha224,
            logins::AuthProtocol::Sha256 => Self::Sha256,
            logins::AuthProtocol::Sha384 => Self::Sha384,
            logins::AuthProtocol::Sha512 => Self::Sha512,
        }
    }
}

impl From<logins::PrivacyProtocol> for PrivacyProtocol {
    fn from(protocol: logins::PrivacyProtocol) -> Self {
        match protocol {
            logins::PrivacyProtocol::Des => Self::Des,
            logins::PrivacyProtocol::Aes128 => Self::Aes128,
            logins::PrivacyProtocol::Aes192 => Self::Aes192,
            logins::PrivacyProtocol::Aes256 => Self::Aes256,
        }
    }
}
