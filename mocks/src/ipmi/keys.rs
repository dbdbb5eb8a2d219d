//! Digests, keys and the cipher of RMCP+ sessions.
//!
//! IPMI 2.0 rev 1.1 sections 13.28 (authentication, integrity and confidentiality algorithms), 13.29 (AES-CBC),
//! 13.31 (session integrity key), 13.32 (additional keying material). For a mock only: nothing here takes care
//! against timing or wipes memory.

use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};

/// Octets of an AES block, an initialisation vector and an AES-128 key.
const BLOCK: usize = 16;

/// Octets of the constants that further keys are made from, section 13.32.
const CONSTANT: usize = 20;

/// A cipher suite with authentication, integrity and confidentiality, section 22.15.2 and table 22-20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Suite {
    /// Suite 3: RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128.
    Sha1,
    /// Suite 17: RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
    Sha256,
}

/// A number that names no cipher suite of the mock.
#[derive(Debug, thiserror::Error)]
#[error("there is no cipher suite {0} here: expected 3 or 17")]
pub struct SuiteError(u8);

impl TryFrom<u8> for Suite {
    type Error = SuiteError;

    fn try_from(id: u8) -> Result<Self, SuiteError> {
        Self::ALL.into_iter().find(|suite| suite.id() == id).ok_or(SuiteError(id))
    }
}

impl From<Suite> for u8 {
    fn from(suite: Suite) -> Self {
        suite.id()
    }
}

impl Suite {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sha1, Self::Sha256];

    /// The suite's number.
    pub fn id(self) -> u8 {
        match self {
            Self::Sha1 => 3,
            Self::Sha256 => 17,
        }
    }

    /// Numbers of the authentication, integrity and confidentiality algorithms, tables 13-17 to 13-19.
    pub(crate) fn algorithms(self) -> [u8; 3] {
        match self {
            Self::Sha1 => [0x01, 0x01, 0x01],
            Self::Sha256 => [0x03, 0x04, 0x01],
        }
    }

    /// Octets of an integrity check value.
    fn check_length(self) -> usize {
        match self {
            Self::Sha1 => 12,
            Self::Sha256 => 16,
        }
    }

    /// The whole digest of `parts`.
    pub(crate) fn digest(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha1 => keyed::<Hmac<sha1::Sha1>>(key, parts),
            Self::Sha256 => keyed::<Hmac<sha2::Sha256>>(key, parts),
        }
    }

    /// The digest of `parts`, cut as integrity check values are.
    pub(crate) fn check_value(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut value = self.digest(key, parts);
        value.truncate(self.check_length());
        value
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of any length: the error cannot arise, and an empty digest matches nothing.
    let Ok(mut mac) = M::new_from_slice(key) else { return Vec::new() };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// The keys of one session.
#[derive(Clone, Debug)]
pub(crate) struct SessionKeys {
    suite: Suite,
    integrity: Vec<u8>,
    cipher: Vec<u8>,
}

impl SessionKeys {
    /// The keys that follow from a session integrity key.
    pub(crate) fn new(suite: Suite, session_integrity_key: &[u8]) -> Self {
        let key = |number| suite.digest(session_integrity_key, &[&[number; CONSTANT]]);
        let mut cipher = key(2);
        cipher.truncate(BLOCK);
        Self { suite, integrity: key(1), cipher }
    }

    /// The authentication code of a packet, from its authentication type to its next header.
    pub(crate) fn code(&self, packet: &[u8]) -> Vec<u8> {
        self.suite.check_value(&self.integrity, &[packet])
    }

    /// Splits a packet into what is authenticated and its code, when the code is right.
    pub(crate) fn verified<'p>(&self, packet: &'p [u8]) -> Option<&'p [u8]> {
        let (covered, code) =
            packet.split_at_checked(packet.len().checked_sub(self.suite.check_length())?)?;
        (self.code(covered) == code).then_some(covered)
    }

    /// Encrypts a payload: the initialisation vector, then the payload padded by 1, 2, 3 … and their number.
    pub(crate) fn encrypt(&self, vector: [u8; BLOCK], payload: &[u8]) -> Option<Vec<u8>> {
        let mut data = payload.to_vec();
        let padding = (data.len() + 1).next_multiple_of(BLOCK) - data.len() - 1;
        let padding = u8::try_from(padding).ok()?;
        data.extend(1..=padding);
        data.push(padding);
        let length = data.len();
        let cipher = cbc::Encryptor::<aes::Aes128>::new_from_slices(&self.cipher, &vector).ok()?;
        cipher.encrypt_padded::<NoPadding>(&mut data, length).ok()?;
        Some([&vector[..], &data].concat())
    }

    /// Decrypts a payload and takes its padding off.
    pub(crate) fn decrypt(&self, encrypted: &[u8]) -> Option<Vec<u8>> {
        let (vector, encrypted) = encrypted.split_first_chunk::<BLOCK>()?;
        let mut data = encrypted.to_vec();
        let cipher = cbc::Decryptor::<aes::Aes128>::new_from_slices(&self.cipher, vector).ok()?;
        cipher.decrypt_padded::<NoPadding>(&mut data).ok()?;
        let padding = data.pop()?;
        let length = data.len().checked_sub(padding.into())?;
        let right = data.get(length..)?.iter().copied().eq(1..=padding);
        data.truncate(length);
        right.then_some(data)
    }
}
