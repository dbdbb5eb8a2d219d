//! Users of the User-based Security Model (RFC 3414): names, protocols and keys.
//!
//! Keeps keys, never passwords; neither shows in `Debug`.

use std::fmt;
use std::str::FromStr;

use super::keys::{AuthProtocol, PrivProtocol};

/// The shortest password, RFC 3414 section 11.2.
const MIN_PASSWORD: usize = 8;

/// What a message is protected by, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecurityLevel {
    /// Neither authenticated nor encrypted.
    NoAuthNoPriv,
    /// Authenticated.
    AuthNoPriv,
    /// Authenticated and encrypted.
    AuthPriv,
}

/// A user and its keys, still for no engine.
#[derive(Clone)]
pub struct User {
    pub(crate) name: Box<[u8]>,
    pub(crate) auth: Option<(AuthProtocol, Vec<u8>)>,
    pub(crate) privacy: Option<(PrivProtocol, Vec<u8>)>,
}

/// Why a user cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The text has not one, three or five fields.
    #[error("a user is NAME, NAME:AUTH:PASSWORD or NAME:AUTH:PASSWORD:PRIV:PASSWORD")]
    Fields,
    /// The authentication protocol is not known.
    #[error("authentication protocol '{0}' is none of md5, sha1, sha224, sha256, sha384, sha512")]
    Auth(String),
    /// The privacy protocol is not known.
    #[error("privacy protocol '{0}' is none of des, aes128, aes192, aes256, aes192c, aes256c")]
    Priv(String),
    /// A password is too short.
    #[error("a password has at least {MIN_PASSWORD} characters")]
    ShortPassword,
}

impl User {
    /// A user without keys: noAuthNoPriv.
    pub fn new(name: &str) -> Self {
        Self { name: name.as_bytes().into(), auth: None, privacy: None }
    }

    /// Gives the user a password to authenticate with.
    pub fn with_auth(mut self, protocol: AuthProtocol, password: &str) -> Result<Self, UserError> {
        self.auth = Some((protocol, password_key(protocol, password)?));
        Ok(self)
    }

    /// Gives an authenticating user a password to encrypt with; of a user that does not authenticate it
    /// is not used.
    pub fn with_priv(mut self, protocol: PrivProtocol, password: &str) -> Result<Self, UserError> {
        if let Some((auth, _)) = &self.auth {
            self.privacy = Some((protocol, password_key(*auth, password)?));
        }
        Ok(self)
    }

    /// The level the user's messages must have.
    pub fn level(&self) -> SecurityLevel {
        match (&self.auth, &self.privacy) {
            (None, _) => SecurityLevel::NoAuthNoPriv,
            (Some(_), None) => SecurityLevel::AuthNoPriv,
            (Some(_), Some(_)) => SecurityLevel::AuthPriv,
        }
    }
}

fn password_key(protocol: AuthProtocol, password: &str) -> Result<Vec<u8>, UserError> {
    if password.len() < MIN_PASSWORD {
        return Err(UserError::ShortPassword);
    }
    Ok(protocol.password_key(password.as_bytes()))
}

impl FromStr for User {
    type Err = UserError;

    fn from_str(text: &str) -> Result<Self, UserError> {
        let auth_protocol =
            |name: &str| AuthProtocol::from_name(name).ok_or_else(|| UserError::Auth(name.into()));
        let priv_protocol =
            |name: &str| PrivProtocol::from_name(name).ok_or_else(|| UserError::Priv(name.into()));
        match *text.split(':').collect::<Vec<_>>() {
            [name] => Ok(Self::new(name)),
            [name, auth, password] => Self::new(name).with_auth(auth_protocol(auth)?, password),
            [name, auth, password, privacy, priv_password] => Self::new(name)
                .with_auth(auth_protocol(auth)?, password)?
                .with_priv(priv_protocol(privacy)?, priv_password),
            _ => Err(UserError::Fields),
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &String::from_utf8_lossy(&self.name))
            .field("auth", &self.auth.as_ref().map(|(protocol, _)| protocol))
            .field("privacy", &self.privacy.as_ref().map(|(protocol, _)| protocol))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let user: User = "ops:sha256:authpass1:aes128:privpass1".parse().unwrap();
        assert_eq!(user.level(), SecurityLevel::AuthPriv);
        let shown = format!("{user:?}");
        assert_eq!(shown, r#"User { name: "ops", auth: Some(Sha256), privacy: Some(Aes128) }"#);
        assert_eq!("guest".parse::<User>().unwrap().level(), SecurityLevel::NoAuthNoPriv);
        let error = |text: &str| text.parse::<User>().unwrap_err().to_string();
        assert!(error("ops:sha3:authpass1").contains("'sha3'"));
        assert!(error("ops:sha1:authpass1:rot13:privpass1").contains("'rot13'"));
        assert!(error("ops:sha1:short").contains("at least 8"));
        assert!(error("ops:sha1").starts_with("a user is"));
    }
}
