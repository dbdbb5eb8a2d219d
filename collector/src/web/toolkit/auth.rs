//! Basic authentication against bcrypt hashes.
//!
//! Hashing runs beside the async threads, a few at a time, so that a flood of wrong passwords neither stops
//! polls nor takes the machine. Who is right is remembered, as a keyed digest; who is wrong is not. An
//! unknown user costs the same time as a wrong password. Passwords are never logged or kept.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

/// Successful checks remembered: more users than this at once only cost time.
const MAX_REMEMBERED: usize = 64;

/// Hashes computed at once.
const MAX_HASHING: usize = 2;

/// Longest credentials looked at. bcrypt itself reads 72 bytes of a password.
const MAX_CREDENTIALS_BYTES: usize = 512;

/// Cost of the hash that stands in for an unknown user, if there is no user to take it from.
const DEFAULT_COST: u32 = 10;

/// Users and the bcrypt hashes of their passwords.
#[derive(Clone, Default)]
pub(super) struct Users {
    hashes: BTreeMap<String, String>,
    /// What an unknown user's password is compared with.
    stand_in: String,
}

impl Users {
    /// Takes hashes that [`is_hash`] accepts.
    pub(super) fn new(hashes: BTreeMap<String, String>) -> Self {
        let cost = hashes.values().filter_map(|hash| cost(hash)).max().unwrap_or(DEFAULT_COST);
        // A salt and digest of zeros in bcrypt's alphabet: well-formed, and no known password's.
        Self { hashes, stand_in: format!("$2b${cost:02}${}", ".".repeat(53)) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

/// Whether `text` is a bcrypt hash: `$2b$10$` and 53 characters.
pub(super) fn is_hash(text: &str) -> bool {
    cost(text).is_some() && text.parse::<bcrypt::HashParts>().is_ok()
}

fn cost(hash: &str) -> Option<u32> {
    let mut parts = hash.split('$').skip(1);
    let version = parts.next()?;
    let cost = parts.next()?.parse().ok()?;
    (matches!(version, "2a" | "2b" | "2x" | "2y") && (4..=31).contains(&cost)).then_some(cost)
}

/// Checks passwords and remembers the right ones.
pub(super) struct Authenticator {
    /// Makes the digests useless outside of this process.
    key: [u8; 32],
    remembered: Mutex<HashSet<[u8; 32]>>,
    hashing: Arc<Semaphore>,
}

impl Authenticator {
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        // Without randomness nothing is remembered safely: the digests then lack a key, and are still digests
        // of user, bcrypt hash and password together, held in memory only.
        if rustls::crypto::ring::default_provider().secure_random.fill(&mut key).is_err() {
            tracing::warn!("no randomness from the system");
        }
        Self { key, remembered: Mutex::default(), hashing: Arc::new(Semaphore::new(MAX_HASHING)) }
    }

    /// Whether `credentials`, `user:password`, are those of a user.
    pub(super) async fn accepts(&self, users: &Users, credentials: Option<&[u8]>) -> bool {
        let Some((user, password)) = credentials.and_then(split) else { return false };
        let known = users.hashes.get(user);
        let hash = known.unwrap_or(&users.stand_in).clone();
        let digest = self.digest(user, &hash, password);
        if known.is_some() && self.lock().contains(&digest) {
            return true;
        }
        let Ok(permit) = Arc::clone(&self.hashing).acquire_owned().await else { return false };
        let password = secrecy::SecretSlice::from(password.to_vec());
        let check = tokio::task::spawn_blocking(move || {
            use secrecy::ExposeSecret;
            let right = bcrypt::verify(password.expose_secret(), &hash).unwrap_or(false);
            drop(permit);
            right
        });
        let right = check.await.unwrap_or(false) && known.is_some();
        if right {
            self.remember(digest);
        }
        right
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut remembered = self.lock();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(digest);
    }

    /// The lengths keep `a` + `bc` and `ab` + `c` apart.
    fn digest(&self, user: &str, hash: &str, password: &[u8]) -> [u8; 32] {
        let mut digest = Sha256::new().chain_update(self.key);
        for part in [user.as_bytes(), hash.as_bytes(), password] {
            digest = digest.chain_update((part.len() as u64).to_be_bytes()).chain_update(part);
        }
        digest.finalize().into()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn split(credentials: &[u8]) -> Option<(&str, &[u8])> {
    if credentials.len() > MAX_CREDENTIALS_BYTES {
        return None;
    }
    let colon = credentials.iter().position(|&byte| byte == b':')?;
    let (user, password) = credentials.split_at_checked(colon)?;
    Some((std::str::from_utf8(user).ok()?, password.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(password: &str) -> Users {
        Users::new(BTreeMap::from([("anna".to_owned(), bcrypt::hash(password, 4).unwrap())]))
    }

    #[tokio::test]
    async fn only_success_is_remembered_and_only_for_the_same_hash() {
        let authenticator = Authenticator::new();
        let first = users("right");
        let remembered = || authenticator.lock().len();
        for wrong in [&b"anna:wrong"[..], b"otto:right", b"anna", b"\xff:right", &[b'a'; 1000]] {
            assert!(!authenticator.accepts(&first, Some(wrong)).await);
        }
        assert_eq!(remembered(), 0);
        assert!(authenticator.accepts(&first, Some(b"anna:right")).await);
        assert!(authenticator.accepts(&first, Some(b"anna:right")).await);
        assert_eq!(remembered(), 1);
        assert!(!authenticator.accepts(&users("other"), Some(b"anna:right")).await);
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded() {
        let authenticator = Authenticator::new();
        for number in 0..u32::try_from(MAX_REMEMBERED * 3).unwrap() {
            authenticator.remember(Sha256::digest(number.to_be_bytes()).into());
            assert!(authenticator.lock().len() <= MAX_REMEMBERED);
        }
    }

    #[test]
    fn an_unknown_user_costs_as_much_as_a_known_one() {
        let users = Users::new(BTreeMap::from([("anna".to_owned(), bcrypt::hash("right", 5).unwrap())]));
        assert_eq!(cost(&users.stand_in), Some(5));
        assert!(is_hash(&users.stand_in));
        assert_eq!(bcrypt::verify("", &users.stand_in).ok(), Some(false));
    }

    #[test]
    fn hashes_are_told_from_other_text() {
        // From `htpasswd -nbBC 10 user test`, the form of the exporter-toolkit's documentation.
        assert!(is_hash("$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"));
        for text in ["", "hunter2", "$2y$10$short", "$1$10$QOauhQNbBCuQDKes6eFzPe", "$2y$99$abc"] {
            assert!(!is_hash(text), "{text}");
        }
    }
}
