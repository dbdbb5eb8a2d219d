//! From configured credentials to the library's, with their mistakes in words.
//!
//! Turning a pass phrase into a key costs a hash over a megabyte (RFC 3414, appendix A.2), so master
//! keys are kept by credentials, whatever number of targets use them. Keys for one engine are derived
//! from them when it is discovered, and kept by the session.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_snmp::{Auth, AuthProtocol as WireAuth, MasterKeys, PrivProtocol as WirePrivacy, UsmConfig};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::error::WireError;
use crate::target::{AuthProtocol, CommunityVersion, Credentials, PrivacyProtocol, Usm};

/// Most credentials whose keys are kept at the same time. More are rare; they only cost time.
const MAX_KEYS: usize = 256;

/// Fewest octets of a pass phrase (RFC 3414, section 11.2).
const MIN_PASSWORD: usize = 8;

/// Most octets of a user name (RFC 3414, section 5, usmUserName).
const MAX_USER: usize = 32;

/// Most octets of a context name (RFC 3415, section 4).
const MAX_CONTEXT: usize = 32;

/// Master keys, by a digest of what they were derived from.
pub(super) type Keys = HashMap<[u8; 32], MasterKeys>;

/// Finds the mistakes in credentials for SNMP. Asks no device.
///
/// # Errors
/// What is wrong and what to write instead; never a part of a secret.
pub fn check(credentials: &Credentials) -> Result<(), String> {
    match credentials {
        Credentials::Password { .. } | Credentials::Ipmi(_) => {
            Err("SNMP takes a community or an SNMPv3 user: these credentials are a user and a password"
                .into())
        }
        Credentials::Community { community, .. } if community.expose_secret().is_empty() => {
            Err("the community is empty: write the one that the device has".into())
        }
        Credentials::Community { .. } => Ok(()),
        Credentials::Usm(usm) => check_usm(usm),
    }
}

fn check_usm(usm: &Usm) -> Result<(), String> {
    if usm.user.is_empty() || usm.user.len() > MAX_USER {
        return Err(format!(
            "the SNMPv3 user name has {} octets: 1 to {MAX_USER} are allowed",
            usm.user.len()
        ));
    }
    if usm.context.len() > MAX_CONTEXT {
        return Err(format!(
            "the SNMPv3 context name has {} octets: at most {MAX_CONTEXT} are allowed",
            usm.context.len()
        ));
    }
    if usm.privacy.is_some() && usm.auth.is_none() {
        return Err("SNMPv3 privacy needs authentication too: add its protocol and password".into());
    }
    let auth = usm.auth.as_ref().map(|(_, password)| ("authentication", password));
    let privacy = usm.privacy.as_ref().map(|(_, password)| ("privacy", password));
    for (name, password) in auth.into_iter().chain(privacy) {
        let length = password.expose_secret().len();
        if length < MIN_PASSWORD {
            return Err(format!(
                "the SNMPv3 {name} password has {length} octets: at least {MIN_PASSWORD} are needed (RFC 3414)"
            ));
        }
    }
    Ok(())
}

/// Makes the library's form. Keys are looked up in `keys`, and derived where they are new.
pub(super) fn auth(credentials: Option<&Credentials>, keys: &Mutex<Keys>) -> Result<Auth, WireError> {
    let Some(credentials) = credentials else {
        return Err(WireError::Config(
            "the target has no credentials: SNMP needs a community or a user".into(),
        ));
    };
    check(credentials).map_err(WireError::Config)?;
    match credentials {
        Credentials::Community { version: CommunityVersion::V1, community } => {
            Ok(Auth::v1(community.expose_secret()))
        }
        Credentials::Community { version: CommunityVersion::V2c, community } => {
            Ok(Auth::v2c(community.expose_secret()))
        }
        Credentials::Usm(usm) => self::usm(usm, keys).map(Auth::Usm),
        Credentials::Password { .. } | Credentials::Ipmi(_) => {
            Err(WireError::Config("SNMP takes no password login".into()))
        }
    }
}

fn usm(usm: &Usm, keys: &Mutex<Keys>) -> Result<UsmConfig, WireError> {
    let refused = |error: async_snmp::CryptoError| WireError::Config(format!("SNMPv3 credentials: {error}"));
    let config = UsmConfig::new(usm.user.clone()).context_name(usm.context.clone());
    let Some(auth) = &usm.auth else {
        return Ok(config);
    };
    let digest = digest(auth, usm.privacy.as_ref());
    let known = keys.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
    let master = match known {
        Some(master) => master,
        None => {
            let master = derive(auth, usm.privacy.as_ref()).map_err(refused)?;
            let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
            if keys.len() >= MAX_KEYS {
                keys.clear();
            }
            keys.insert(digest, master.clone());
            master
        }
    };
    config.with_master_keys(master).map_err(refused)
}

fn derive(
    (auth, password): &(AuthProtocol, SecretString),
    privacy: Option<&(PrivacyProtocol, SecretString)>,
) -> async_snmp::CryptoResult<MasterKeys> {
    let keys = MasterKeys::new(wire_auth(*auth), password.expose_secret().as_bytes())?;
    match privacy {
        Some((protocol, password)) => {
            keys.with_privacy(wire_privacy(*protocol), password.expose_secret().as_bytes())
        }
        None => Ok(keys),
    }
}

fn digest(
    (auth, password): &(AuthProtocol, SecretString),
    privacy: Option<&(PrivacyProtocol, SecretString)>,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |protocol: String, secret: &SecretString| {
        let secret = secret.expose_secret().as_bytes();
        hash.update(format!("{protocol}:{}:", secret.len()));
        hash.update(secret);
    };
    add(format!("{auth:?}"), password);
    if let Some((protocol, password)) = privacy {
        add(format!("{protocol:?}"), password);
    }
    hash.finalize().into()
}

fn wire_auth(protocol: AuthProtocol) -> WireAuth {
    match protocol {
        AuthProtocol::Md5 => WireAuth::Md5,
        AuthProtocol::Sha1 => WireAuth::Sha1,
        AuthProtocol::Sha224 => WireAuth::Sha224,
        AuthProtocol::Sha256 => WireAuth::Sha256,
        AuthProtocol::Sha384 => WireAuth::Sha384,
        AuthProtocol::Sha512 => WireAuth::Sha512,
    }
}

/// AES-192 and AES-256 extend short keys as net-snmp does (draft-blumenthal-aes-usm-04). Some Cisco
/// devices extend them otherwise when the hash is shorter than the key; SHA-256 and up need none.
fn wire_privacy(protocol: PrivacyProtocol) -> WirePrivacy {
    match protocol {
        PrivacyProtocol::Des => WirePrivacy::Des,
        PrivacyProtocol::Aes128 => WirePrivacy::Aes128,
        PrivacyProtocol::Aes192 => WirePrivacy::Aes192Blumenthal,
        PrivacyProtocol::Aes256 => WirePrivacy::Aes256Blumenthal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(auth: &str, privacy: Option<&str>) -> Usm {
        Usm {
            user: "monitor".into(),
            context: String::new(),
            auth: Some((AuthProtocol::Sha256, auth.into())),
            privacy: privacy.map(|password| (PrivacyProtocol::Aes128, password.into())),
        }
    }

    #[test]
    fn mistakes_are_said_in_words_and_without_the_secret() {
        let community =
            |text: &str| Credentials::Community { version: CommunityVersion::V2c, community: text.into() };
        let no_auth = Usm { auth: None, ..user("", Some("privatus12")) };
        let long_user = Usm { user: "u".repeat(33), ..user("auctoritas", None) };
        let wrong = [
            (community(""), "community is empty"),
            (Credentials::Usm(user("", None)), "authentication password has 0 octets"),
            (Credentials::Usm(user("s3cret7", None)), "authentication password has 7 octets"),
            (Credentials::Usm(user("auctoritas", Some("s3cret7"))), "privacy password has 7 octets"),
            (Credentials::Usm(no_auth), "needs authentication"),
            (Credentials::Usm(long_user), "33 octets"),
            (Credentials::Password { user: "root".into(), password: "x".into() }, "a user and a password"),
        ];
        for (credentials, words) in wrong {
            let error = check(&credentials).unwrap_err();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("s3cret7"), "{error}");
            assert!(auth(Some(&credentials), &Mutex::default()).is_err());
        }
        assert!(auth(None, &Mutex::default()).is_err());
        assert_eq!(check(&Credentials::Usm(user("auctoritas", Some("privatus12")))), Ok(()));
    }

    #[test]
    fn keys_are_derived_once_for_the_same_secrets() {
        let keys = Mutex::default();
        for _ in 0..3 {
            usm(&user("auctoritas", Some("privatus12")), &keys).unwrap();
        }
        assert_eq!(keys.lock().unwrap().len(), 1);
        usm(&user("auctoritas", None), &keys).unwrap();
        usm(&user("auctoritasX", None), &keys).unwrap();
        assert_eq!(keys.lock().unwrap().len(), 3);
    }
}
