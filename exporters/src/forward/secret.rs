//! Secrets of a destination: given, or read from their files each time, so that a renewed token counts at once.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// Largest secret file, in bytes: a password or token, not a document.
const MAX_SECRET: u64 = 64 << 10;

/// A secret, or where it is.
#[derive(Clone, Debug)]
pub enum Secret {
    /// Itself.
    Value(SecretString),
    /// In a file; a line break at its end is no part of it.
    File(PathBuf),
}

impl Secret {
    fn read(&self) -> std::io::Result<SecretString> {
        let path = match self {
            Self::Value(secret) => return Ok(secret.clone()),
            Self::File(path) => path,
        };
        let named = |error: Error| Error::new(error.kind(), format!("{}: {error}", path.display()));
        let bytes = read_limited(path, MAX_SECRET).map_err(named)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| named(Error::new(ErrorKind::InvalidData, "no UTF-8 text")))?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(named(Error::new(ErrorKind::InvalidData, "empty"))),
            secret => Ok(secret.into()),
        }
    }
}

/// How a sender says who it is.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Not at all, or by its certificate.
    #[default]
    None,
    /// RFC 6750.
    Bearer(Secret),
    /// RFC 7617.
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: Secret,
    },
}

impl Auth {
    /// Value of the header `Authorization`, marked as sensitive.
    ///
    /// # Errors
    /// The file of the secret cannot be read or holds no secret.
    pub(crate) fn header(&self) -> std::io::Result<Option<HeaderValue>> {
        let text = match self {
            Self::None => return Ok(None),
            Self::Bearer(token) => format!("Bearer {}", token.read()?.expose_secret()),
            Self::Basic { user, password } => {
                let pair = format!("{user}:{}", password.read()?.expose_secret());
                format!("Basic {}", STANDARD.encode(pair))
            }
        };
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| Error::new(ErrorKind::InvalidData, "the secret holds control characters"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// A whole file of no more than `limit` bytes.
pub(crate) fn read_limited(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read > limit) {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_anew_each_time_and_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let auth = Auth::Bearer(Secret::File(file.path().into()));
        assert!(auth.header().is_err());
        for token in ["first", "second"] {
            std::fs::write(file.path(), format!("{token}\n")).unwrap();
            let header = auth.header().unwrap().unwrap();
            assert_eq!(header.to_str().unwrap(), format!("Bearer {token}"));
            assert!(!format!("{header:?}").contains(token));
        }
        std::fs::write(file.path(), vec![b'a'; 65_537]).unwrap();
        assert!(auth.header().is_err());
    }

    /// The example of RFC 7617, section 2.
    #[test]
    fn basic_authentication() {
        let password = Secret::Value("open sesame".into());
        let auth = Auth::Basic { user: "Aladdin".into(), password };
        let header = auth.header().unwrap().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{auth:?}").contains("sesame"));
    }
}
