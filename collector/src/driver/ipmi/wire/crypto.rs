//! Keys and codes of the two cipher suites that are used (sections 13.28 to 13.33).

use aes::Aes128;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
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

/// The keys of one session. Every copy of them is wiped when it goes.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) suite: Suite,
    /// K1.
    pub(crate) integrity: Zeroizing<Vec<u8>>,
    /// K2, as far as AES-128 takes it.
    cipher: Zeroizing<Vec<u8>>,
}

impl Keys {
    /// From the session integrity key: section 13.32. Both constants have 20 bytes whatever the suite.
    pub(crate) fn derive(suite: Suite, sik: &[u8]) -> Self {
        let mut cipher = suite.hmac(sik, &[&[2; KEY_LENGTH]]);
        cipher.truncate(BLOCK);
        Self { suite, integrity: suite.hmac(sik, &[&[1; KEY_LENGTH]]), cipher }
    }

    #[cfg(test)]
    pub(crate) fn cipher_key(&self) -> &[u8] {
        &self.cipher
    }

    /// Encrypts whole blocks: section 13.29.
    pub(crate) fn encrypt(&self, iv: &[u8; BLOCK], mut data: Vec<u8>) -> Option<Vec<u8>> {
        let length = data.len();
        let cipher = cbc::Encryptor::<Aes128>::new_from_slices(&self.cipher, iv).ok()?;
        cipher.encrypt_padded::<NoPadding>(&mut data, length).ok()?;
        Some(data)
    }

    /// Decrypts whole blocks.
    pub(crate) fn decrypt(&self, iv: &[u8; BLOCK], data: &[u8]) -> Option<Vec<u8>> {
        let mut data = data.to_vec();
        let cipher = cbc::Decryptor::<Aes128>::new_from_slices(&self.cipher, iv).ok()?;
        cipher.decrypt_padded::<NoPadding>(&mut data).ok()?;
        Some(data)
    }
}

/// Whether two codes are the same, in a time that doesn't tell where they differ.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    left.ct_eq(right).into()
}
