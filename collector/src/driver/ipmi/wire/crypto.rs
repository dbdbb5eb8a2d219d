//! Keys and codes of the two cipher suites that are used (sections 13.28 to 13.33).

use aes::Aes128;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Block of AES, and length of the initialisation vector, in bytes.
pub(crate) const BLOCK: usize = 16;

/// Length of a password and of K_g, in bytes: shorter ones are filled up with zeros.
pub(crate) const KEY_LENGTH: usize = 20;

/// A cipher suite (table 22-20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    /// Suite 17: RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
    Sha256,
    /// Suite 3: RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128.
    Sha1,
}

impl Suite {
    /// Numbers of the algorithms for authentication, integrity and confidentiality (tables 13-17 to 13-19).
    pub(crate) const fn algorithms(self) -> [u8; 3] {
        match self {
            Self::Sha256 => [3, 4, 1],
            Self::Sha1 => [1, 1, 1],
        }
    }

    /// Length of an integrity code, in bytes.
    pub(crate) const fn code_length(self) -> usize {
        match self {
            Self::Sha256 => 16,
            Self::Sha1 => 12,
        }
    }

    /// The HMAC of the parts, one after the other.
    pub(crate) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Sha256 => hmac::<Hmac<Sha256>>(key, parts),
            Self::Sha1 => hmac::<Hmac<Sha1>>(key, parts),
        }
    }

    /// An HMAC cut to the length of an integrity code.
    pub(crate) fn code(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut code = self.hmac(key, parts).to_vec();
        code.truncate(self.code_length());
        code
    }
}

fn hmac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    // HMAC takes keys of any length: the error cannot arise, and an empty code matches nothing.
    let Ok(mac) = M::new_from_slice(key) else { return Zeroizing::default() };
    let mac = parts.iter().fold(mac, |mac, part| mac.chain_update(part));
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}

/// Additional key material (section 13.32): K1 and K2 for 1 and 2. The constants have 20 bytes whatever the
/// suite.
pub(crate) fn key(suite: Suite, sik: &[u8], number: u8) -> Zeroizing<Vec<u8>> {
    suite.hmac(sik, &[&[number; KEY_LENGTH]])
}

/// The keys of one session, made ready once: each packet takes copies. Every copy of them is wiped when it goes.
#[derive(Clone)]
pub(crate) struct Keys {
    /// With K1.
    integrity: Integrity,
    /// With K2, as far as AES-128 takes it.
    cipher: Aes128,
}

#[derive(Clone)]
enum Integrity {
    Sha256(Hmac<Sha256>),
    Sha1(Hmac<Sha1>),
}

impl Keys {
    /// From the session integrity key. `None` if it is none.
    pub(crate) fn derive(suite: Suite, sik: &[u8]) -> Option<Self> {
        let (k1, k2) = (key(suite, sik, 1), key(suite, sik, 2));
        let integrity = match suite {
            Suite::Sha256 => Integrity::Sha256(Hmac::new_from_slice(&k1).ok()?),
            Suite::Sha1 => Integrity::Sha1(Hmac::new_from_slice(&k1).ok()?),
        };
        Some(Self { integrity, cipher: Aes128::new_from_slice(k2.get(..BLOCK)?).ok()? })
    }

    /// Length of an integrity code, in bytes.
    pub(crate) const fn code_length(&self) -> usize {
        match self.integrity {
            Integrity::Sha256(_) => Suite::Sha256.code_length(),
            Integrity::Sha1(_) => Suite::Sha1.code_length(),
        }
    }

    /// Appends the integrity code of what follows the first `skipped` bytes.
    pub(crate) fn sign(&self, packet: &mut Vec<u8>, skipped: usize) {
        let covered = packet.get(skipped..).unwrap_or_default();
        match &self.integrity {
            Integrity::Sha256(mac) => {
                let code = mac.clone().chain_update(covered).finalize().into_bytes();
                packet.extend(code.iter().take(self.code_length()));
            }
            Integrity::Sha1(mac) => {
                let code = mac.clone().chain_update(covered).finalize().into_bytes();
                packet.extend(code.iter().take(self.code_length()));
            }
        }
    }

    /// Whether that is the integrity code of these bytes, in a time that doesn't tell where it differs.
    pub(crate) fn proves(&self, covered: &[u8], code: &[u8]) -> bool {
        if code.len() != self.code_length() {
            return false;
        }
        match &self.integrity {
            Integrity::Sha256(mac) => mac.clone().chain_update(covered).verify_truncated_left(code).is_ok(),
            Integrity::Sha1(mac) => mac.clone().chain_update(covered).verify_truncated_left(code).is_ok(),
        }
    }

    /// Encrypts whole blocks: section 13.29.
    pub(crate) fn encrypt(&self, iv: &[u8; BLOCK], data: &mut [u8]) -> Option<()> {
        let length = data.len();
        let cipher = cbc::Encryptor::inner_iv_init(&self.cipher, iv.into());
        cipher.encrypt_padded::<NoPadding>(data, length).ok().map(drop)
    }

    /// Decrypts whole blocks.
    pub(crate) fn decrypt(&self, iv: &[u8; BLOCK], data: &[u8]) -> Option<Vec<u8>> {
        let mut data = data.to_vec();
        let cipher = cbc::Decryptor::inner_iv_init(&self.cipher, iv.into());
        cipher.decrypt_padded::<NoPadding>(&mut data).ok()?;
        Some(data)
    }
}

/// Whether two codes are the same, in a time that doesn't tell where they differ.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    left.ct_eq(right).into()
}
