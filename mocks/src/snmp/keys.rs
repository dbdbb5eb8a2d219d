//! Keys, digests and ciphers of the User-based Security Model, which `snmp2` keeps to its client side.
//!
//! Keys from passwords and for an engine: RFC 3414 section 2.6 and A.2. Digests: RFC 3414 sections 6 and 7
//! (MD5, SHA-1), RFC 7860 (SHA-2). Ciphers: RFC 3414 section 8 (DES), RFC 3826 (AES-128),
//! draft-blumenthal-aes-usm-04 (AES-192 and AES-256; also with the key extension of
//! draft-reeder-snmpv3-usm-3desede section 2.1, as Cisco uses it). For a mock only: nothing here takes care
//! against timing or wipes memory.

use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Digest;

/// How much of the repeated password is hashed, RFC 3414 section A.2.
const PASSWORD_STRETCH: usize = 1 << 20;

/// How messages are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AuthProtocol {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// How messages are encrypted. `Aes192C` and `Aes256C` extend short keys in Cisco's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PrivProtocol {
    Des,
    Aes128,
    Aes192,
    Aes256,
    Aes192C,
    Aes256C,
}

fn hashed<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = D::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().to_vec()
}

fn keyed<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length: the error cannot arise, and an empty digest matches nothing.
    M::new_from_slice(key)
        .map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

impl AuthProtocol {
    /// The protocol of a name such as `sha256`, `SHA-256` or `md5`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.replace('-', "").to_ascii_lowercase().as_str() {
            "md5" => Self::Md5,
            "sha" | "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    fn hash(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Md5 => hashed::<md5::Md5>(parts),
            Self::Sha1 => hashed::<sha1::Sha1>(parts),
            Self::Sha224 => hashed::<sha2::Sha224>(parts),
            Self::Sha256 => hashed::<sha2::Sha256>(parts),
            Self::Sha384 => hashed::<sha2::Sha384>(parts),
            Self::Sha512 => hashed::<sha2::Sha512>(parts),
        }
    }

    /// Octets of the digest in a message.
    pub(crate) fn digest_length(self) -> usize {
        match self {
            Self::Md5 | Self::Sha1 => 12,
            Self::Sha224 => 16,
            Self::Sha256 => 24,
            Self::Sha384 => 32,
            Self::Sha512 => 48,
        }
    }

    /// The digest of a message whose digest field is zeroed.
    pub(crate) fn digest(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut digest = match self {
            Self::Md5 => keyed::<Hmac<md5::Md5>>(key, message),
            Self::Sha1 => keyed::<Hmac<sha1::Sha1>>(key, message),
            Self::Sha224 => keyed::<Hmac<sha2::Sha224>>(key, message),
            Self::Sha256 => keyed::<Hmac<sha2::Sha256>>(key, message),
            Self::Sha384 => keyed::<Hmac<sha2::Sha384>>(key, message),
            Self::Sha512 => keyed::<Hmac<sha2::Sha512>>(key, message),
        };
        digest.truncate(self.digest_length());
        digest
    }

    /// The user's key of a password, the same for all engines: a megabyte is hashed, so keep the result.
    pub(crate) fn password_key(self, password: &[u8]) -> Vec<u8> {
        let stretched: Vec<u8> = password.iter().copied().cycle().take(PASSWORD_STRETCH).collect();
        self.hash(&[&stretched])
    }

    /// A user's key for one engine.
    pub(crate) fn localize(self, key: &[u8], engine: &[u8]) -> Vec<u8> {
        self.hash(&[key, engine, key])
    }
}

impl PrivProtocol {
    /// The protocol of a name such as `aes128`, `AES-256` or `des`; `aes` is AES-128.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.replace('-', "").to_ascii_lowercase().as_str() {
            "des" => Self::Des,
            "aes" | "aes128" => Self::Aes128,
            "aes192" => Self::Aes192,
            "aes256" => Self::Aes256,
            "aes192c" => Self::Aes192C,
            "aes256c" => Self::Aes256C,
            _ => return None,
        })
    }

    fn key_length(self) -> usize {
        match self {
            Self::Des | Self::Aes128 => 16,
            Self::Aes192 | Self::Aes192C => 24,
            Self::Aes256 | Self::Aes256C => 32,
        }
    }

    /// A user's privacy key for one engine, extended or cut to the cipher's length.
    pub(crate) fn localize(self, auth: AuthProtocol, key: &[u8], engine: &[u8]) -> Vec<u8> {
        let mut local = auth.localize(key, engine);
        let mut last = local.clone();
        while local.len() < self.key_length() {
            last = match self {
                Self::Aes192C | Self::Aes256C => auth.localize(&auth.password_key(&last), engine),
                _ => auth.hash(&[&local]),
            };
            local.extend_from_slice(&last);
        }
        local.truncate(self.key_length());
        local
    }

    /// Encrypts a scoped PDU. The salt goes into the message.
    pub(crate) fn encrypt(self, key: &[u8], vector: Vector, plain: &[u8]) -> Option<Vec<u8>> {
        let mut data = plain.to_vec();
        if self == Self::Des {
            data.resize(plain.len().next_multiple_of(8), 0);
            let length = data.len();
            let (key, iv) = vector.des(key)?;
            let cipher = cbc::Encryptor::<des::Des>::new_from_slices(key, &iv).ok()?;
            cipher.encrypt_padded::<NoPadding>(&mut data, length).ok()?;
            return Some(data);
        }
        let iv = vector.aes();
        match self.key_length() {
            24 => cfb_mode::Encryptor::<aes::Aes192>::new_from_slices(key, &iv).ok()?.encrypt(&mut data),
            32 => cfb_mode::Encryptor::<aes::Aes256>::new_from_slices(key, &iv).ok()?.encrypt(&mut data),
            _ => cfb_mode::Encryptor::<aes::Aes128>::new_from_slices(key, &iv).ok()?.encrypt(&mut data),
        }
        Some(data)
    }

    /// Decrypts a scoped PDU; what padding it had stays behind it.
    pub(crate) fn decrypt(self, key: &[u8], vector: Vector, encrypted: &[u8]) -> Option<Vec<u8>> {
        let mut data = encrypted.to_vec();
        if self == Self::Des {
            let (key, iv) = vector.des(key)?;
            let cipher = cbc::Decryptor::<des::Des>::new_from_slices(key, &iv).ok()?;
            cipher.decrypt_padded::<NoPadding>(&mut data).ok()?;
            return Some(data);
        }
        let iv = vector.aes();
        match self.key_length() {
            24 => cfb_mode::Decryptor::<aes::Aes192>::new_from_slices(key, &iv).ok()?.decrypt(&mut data),
            32 => cfb_mode::Decryptor::<aes::Aes256>::new_from_slices(key, &iv).ok()?.decrypt(&mut data),
            _ => cfb_mode::Decryptor::<aes::Aes128>::new_from_slices(key, &iv).ok()?.decrypt(&mut data),
        }
        Some(data)
    }
}

/// What the initialisation vector of a message is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vector {
    /// Boots and time of the engine, as in the message.
    pub(crate) boots: u32,
    pub(crate) time: u32,
    /// The privacy parameters of the message.
    pub(crate) salt: [u8; 8],
}

impl Vector {
    /// RFC 3826 section 3.1.2.1.
    fn aes(self) -> [u8; 16] {
        let [b0, b1, b2, b3] = self.boots.to_be_bytes();
        let [t0, t1, t2, t3] = self.time.to_be_bytes();
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.salt;
        [b0, b1, b2, b3, t0, t1, t2, t3, s0, s1, s2, s3, s4, s5, s6, s7]
    }

    /// RFC 3414 section 8.1.1.1: the key's first half, and its second half combined with the salt.
    fn des(self, key: &[u8]) -> Option<(&[u8], [u8; 8])> {
        let (key, pre) = key.split_first_chunk::<8>()?;
        let mut iv = self.salt;
        iv.iter_mut().zip(pre).for_each(|(octet, pre)| *octet ^= pre);
        Some((key.as_slice(), iv))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// RFC 3414 sections A.3.1 and A.3.2.
    #[test]
    fn keys_of_the_standard() {
        let engine = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        let key = AuthProtocol::Md5.password_key(b"maplesyrup");
        assert_eq!(hex(&key), "9faf3283884e92834ebc9847d8edd963");
        assert_eq!(hex(&AuthProtocol::Md5.localize(&key, &engine)), "526f5eed9fcce26f8964c2930787d82b");
        let key = AuthProtocol::Sha1.password_key(b"maplesyrup");
        assert_eq!(hex(&key), "9fb5cc0381497b3793528939ff788d5d79145211");
        let local = AuthProtocol::Sha1.localize(&key, &engine);
        assert_eq!(hex(&local), "6695febc9288e36282235fc7151f128497b38f3f");
    }
}
