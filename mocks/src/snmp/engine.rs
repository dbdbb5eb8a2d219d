//! The authoritative engine of the User-based Security Model.
//!
//! Incoming messages go through the steps of RFC 3414 section 3.2 in their order; what they refuse is
//! answered by a report (RFC 3412 section 7.1) when the sender takes reports. Section 4 of RFC 3414
//! (discovery of engine and clock) follows from that. The engine knows no clock and no socket.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use snmp2::asn1::{TYPE_OCTETSTRING, TYPE_SEQUENCE};
use snmp2::snmp;

use super::ber;
use super::codec::{Message, Pdu, Request, Scoped, V3Header, V3Message, push_binding};
use super::keys::{AuthProtocol, PrivProtocol, Vector};
use super::live::mix;
use super::oid::Oid;
use super::user::{SecurityLevel, User};
use super::value::Value;

/// How far a message's clock may be off, in seconds, RFC 3414 section 2.2.3.
const TIME_WINDOW: u32 = 150;

/// The beginning of engine ids: enterprise 32473, reserved for documentation by RFC 5612, then octets of
/// the maker's choice (RFC 3411 section 5, `SnmpEngineID`).
const ENGINE_PREFIX: [u8; 5] = [0x80, 0x00, 0x7e, 0xd9, 0x05];

/// Why a message was refused: the last arc of the counter under `usmStats`, RFC 3414 section 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    UnsupportedSecLevels = 1,
    NotInTimeWindows = 2,
    UnknownUserNames = 3,
    UnknownEngineIds = 4,
    WrongDigests = 5,
    DecryptionErrors = 6,
}

/// Keys of one user for this engine.
#[derive(Clone, Debug)]
struct LocalKeys {
    auth: Option<(AuthProtocol, Vec<u8>)>,
    privacy: Option<(PrivProtocol, Vec<u8>)>,
}

/// One engine: its identity, its clock and its users.
#[derive(Debug)]
pub(crate) struct Engine {
    id: Vec<u8>,
    boots: u32,
    booted: Duration,
    users: Arc<[User]>,
    /// By user, made at the user's first message.
    keys: Vec<Option<LocalKeys>>,
    /// How often each [`Refused`] happened.
    refusals: [u32; 6],
    salt: u64,
}

/// What came of a message.
pub(crate) enum Incoming<'a> {
    /// It is genuine. `below` says that it has less protection than its user must use.
    Genuine { exchange: Exchange<'a>, scoped: Cow<'a, [u8]>, below: bool },
    /// It is refused with this report.
    Refused(Vec<u8>),
    /// It gets no answer.
    Ignored,
}

/// What an answer takes from its request.
#[derive(Clone, Debug)]
pub(crate) struct Exchange<'a> {
    id: i64,
    level: SecurityLevel,
    user: &'a [u8],
    keys: LocalKeys,
    pub(crate) max_size: usize,
}

impl Engine {
    /// The engine of the agent with number `seed`, in its `generation`-th replacement, booted at `now`.
    pub(crate) fn new(seed: u64, generation: u32, users: Arc<[User]>, now: Duration) -> Self {
        let number = mix(seed ^ u64::from(generation).rotate_left(32));
        let id = [&ENGINE_PREFIX[..], &number.to_be_bytes()].concat();
        let keys = vec![None; users.len()];
        Self { id, boots: 1, booted: now, users, keys, refusals: [0; 6], salt: mix(number) }
    }

    /// The engine's identity.
    pub(crate) fn id(&self) -> &[u8] {
        &self.id
    }

    /// Restarts the engine: one more boot, its clock at zero.
    pub(crate) fn reboot(&mut self, now: Duration) {
        self.boots = self.boots.saturating_add(1).min(i32::MAX.cast_unsigned());
        self.booted = now;
    }

    fn time(&self, now: Duration) -> u32 {
        u32::try_from(now.saturating_sub(self.booted).as_secs()).unwrap_or(u32::MAX)
            & i32::MAX.cast_unsigned()
    }

    /// Takes a message through authentication, clock and decryption.
    pub(crate) fn accept<'a>(
        &mut self,
        datagram: &[u8],
        message: &V3Message<'a>,
        now: Duration,
    ) -> Incoming<'a> {
        let Some(level) = level_of(message.flags) else { return Incoming::Ignored };
        let mut exchange = Exchange {
            id: message.id,
            level,
            user: message.user,
            keys: LocalKeys { auth: None, privacy: None },
            max_size: message.max_size,
        };
        let checked = self.check(datagram, message, &mut exchange, now);
        match checked {
            Ok((scoped, below)) => Incoming::Genuine { exchange, scoped, below },
            Err(refused) => self.report(message, exchange, refused, now),
        }
    }

    fn check<'a>(
        &mut self,
        datagram: &[u8],
        message: &V3Message<'a>,
        exchange: &mut Exchange<'a>,
        now: Duration,
    ) -> Result<(Cow<'a, [u8]>, bool), Refused> {
        if message.engine != self.id {
            return Err(Refused::UnknownEngineIds);
        }
        let index = self.users.iter().position(|user| *user.name == *message.user);
        let index = index.ok_or(Refused::UnknownUserNames)?;
        let user_level = self.users.get(index).map_or(SecurityLevel::NoAuthNoPriv, User::level);
        if exchange.level > user_level {
            return Err(Refused::UnsupportedSecLevels);
        }
        exchange.keys = self.local_keys(index).ok_or(Refused::UnknownUserNames)?;
        if exchange.level >= SecurityLevel::AuthNoPriv {
            check_digest(datagram, message, &exchange.keys)?;
            if message.boots != self.boots || message.time.abs_diff(self.time(now)) > TIME_WINDOW {
                return Err(Refused::NotInTimeWindows);
            }
        }
        Ok((scoped_content(message, exchange)?, exchange.level < user_level))
    }

    fn local_keys(&mut self, index: usize) -> Option<LocalKeys> {
        let (user, slot) = (self.users.get(index)?, self.keys.get_mut(index)?);
        let keys = slot.get_or_insert_with(|| LocalKeys {
            auth: user.auth.as_ref().map(|(auth, key)| (*auth, auth.localize(key, &self.id))),
            privacy: user
                .auth
                .as_ref()
                .zip(user.privacy.as_ref())
                .map(|((auth, _), (privacy, key))| (*privacy, privacy.localize(*auth, key, &self.id))),
        });
        Some(keys.clone())
    }

    fn report<'a>(
        &mut self,
        message: &V3Message<'a>,
        mut exchange: Exchange<'a>,
        refused: Refused,
        now: Duration,
    ) -> Incoming<'a> {
        let counter = self.refusals.get_mut(refused as usize - 1);
        let count = counter.map_or(0, |counter| {
            *counter = counter.wrapping_add(1);
            *counter
        });
        if !message.is_reportable() {
            return Incoming::Ignored;
        }
        // RFC 3414 section 3.2 step 7: only this report is authenticated, so that the clock can be trusted.
        exchange.level = match refused {
            Refused::NotInTimeWindows => SecurityLevel::AuthNoPriv,
            _ => SecurityLevel::NoAuthNoPriv,
        };
        let id = plain_request_id(message).unwrap_or(0);
        let mut bindings = Vec::new();
        if let Ok(name) = Oid::new([1, 3, 6, 1, 6, 3, 15, 1, 1, refused as u32, 0]) {
            push_binding(&mut bindings, &name, &Value::Counter32(count));
        }
        let pdu = Pdu { tag: snmp::MSG_REPORT, id, error_status: 0, error_index: 0, bindings };
        let sealed = self.seal(&exchange, &pdu.in_scope(&self.id, &[]), now);
        sealed.map_or(Incoming::Ignored, Incoming::Refused)
    }

    /// Encrypts and signs a scoped PDU as its request was.
    pub(crate) fn seal(&mut self, exchange: &Exchange<'_>, scoped: &[u8], now: Duration) -> Option<Vec<u8>> {
        let (boots, time) = (self.boots, self.time(now));
        let mut header = V3Header {
            id: exchange.id,
            flags: 0,
            engine: &self.id,
            boots,
            time,
            user: exchange.user,
            digest_length: 0,
            salt: &[],
        };
        let (auth, auth_key) = match &exchange.keys.auth {
            Some(keys) if exchange.level >= SecurityLevel::AuthNoPriv => keys,
            _ => return Some(header.message(scoped)),
        };
        header.flags |= snmp::V3_MSG_FLAGS_AUTH;
        header.digest_length = auth.digest_length();
        let mut message = match &exchange.keys.privacy {
            Some((privacy, key)) if exchange.level == SecurityLevel::AuthPriv => {
                self.salt = self.salt.wrapping_add(1);
                let salt = salt(*privacy, boots, self.salt);
                let encrypted = privacy.encrypt(key, Vector { boots, time, salt }, scoped)?;
                let mut data = Vec::new();
                ber::push(&mut data, TYPE_OCTETSTRING, &encrypted);
                header.flags |= snmp::V3_MSG_FLAGS_PRIVACY;
                header.salt = &salt;
                header.message(&data)
            }
            _ => header.message(scoped),
        };
        sign(&mut message, *auth, auth_key)?;
        Some(message)
    }
}

/// The level that a message's flags ask for; encryption without authentication is no level.
fn level_of(flags: u8) -> Option<SecurityLevel> {
    match (flags & snmp::V3_MSG_FLAGS_AUTH != 0, flags & snmp::V3_MSG_FLAGS_PRIVACY != 0) {
        (false, false) => Some(SecurityLevel::NoAuthNoPriv),
        (true, false) => Some(SecurityLevel::AuthNoPriv),
        (true, true) => Some(SecurityLevel::AuthPriv),
        (false, true) => None,
    }
}

/// RFC 3414 section 8.1.1.1 wants the boots and a count, RFC 3826 section 3.1.2.1 a count.
fn salt(protocol: PrivProtocol, boots: u32, count: u64) -> [u8; 8] {
    match protocol {
        PrivProtocol::Des => (u64::from(boots) << 32 | count & u64::from(u32::MAX)).to_be_bytes(),
        _ => count.to_be_bytes(),
    }
}

fn check_digest(datagram: &[u8], message: &V3Message<'_>, keys: &LocalKeys) -> Result<(), Refused> {
    let (auth, key) = keys.auth.as_ref().ok_or(Refused::UnsupportedSecLevels)?;
    let mut zeroed = datagram.to_vec();
    let field = zeroed.get_mut(message.digest.clone()).ok_or(Refused::WrongDigests)?;
    let claimed = field.to_vec();
    field.fill(0);
    let right = claimed.len() == auth.digest_length() && auth.digest(key, &zeroed) == claimed;
    if right { Ok(()) } else { Err(Refused::WrongDigests) }
}

fn scoped_content<'a>(message: &V3Message<'a>, exchange: &Exchange<'_>) -> Result<Cow<'a, [u8]>, Refused> {
    if exchange.level < SecurityLevel::AuthPriv {
        return Ok(Cow::Borrowed(message.data.content));
    }
    let (privacy, key) = exchange.keys.privacy.as_ref().ok_or(Refused::UnsupportedSecLevels)?;
    let salt = message.salt.try_into().map_err(|_| Refused::DecryptionErrors)?;
    let vector = Vector { boots: message.boots, time: message.time, salt };
    let plain = privacy.decrypt(key, vector, message.data.content).ok_or(Refused::DecryptionErrors)?;
    let mut reader = snmp2::AsnReader::from_bytes(&plain);
    let content = reader.read_raw(TYPE_SEQUENCE).map_err(|_| Refused::DecryptionErrors)?;
    Ok(Cow::Owned(content.to_vec()))
}

/// The request id of a message that is not encrypted.
fn plain_request_id(message: &V3Message<'_>) -> Option<i64> {
    if message.data.tag != TYPE_SEQUENCE {
        return None;
    }
    let scoped = Scoped::decode(message.data.content).ok()?;
    Request::decode(scoped.pdu).ok().map(|request| request.id)
}

fn sign(message: &mut [u8], auth: AuthProtocol, key: &[u8]) -> Option<()> {
    let Message::V3(read) = Message::decode(message).ok()? else { return None };
    let field = read.digest;
    let digest = auth.digest(key, message);
    message.get_mut(field)?.copy_from_slice(&digest);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a signed message with the clock `boots`, `time` fares 1,000 seconds after the engine's first boot:
    /// `None` when it is genuine, else the counter that the report names.
    fn fate(boots: u32, time: u32) -> Option<String> {
        let user: User = "reader:sha1:authpass1".parse().unwrap();
        let mut engine = Engine::new(1, 0, [user].into(), Duration::ZERO);
        let (auth, key) = engine.local_keys(0).unwrap().auth.unwrap();
        let id = engine.id.clone();
        let header = V3Header {
            id: 1,
            flags: snmp::V3_MSG_FLAGS_AUTH | snmp::V3_MSG_FLAGS_REPORTABLE,
            engine: &id,
            boots,
            time,
            user: b"reader",
            digest_length: auth.digest_length(),
            salt: &[],
        };
        let get = Pdu { tag: snmp::MSG_GET, id: 7, error_status: 0, error_index: 0, bindings: Vec::new() };
        let mut datagram = header.message(&get.in_scope(&id, &[]));
        sign(&mut datagram, auth, &key).unwrap();
        let Message::V3(message) = Message::decode(&datagram).unwrap() else { panic!() };
        match engine.accept(&datagram, &message, Duration::from_secs(1_000)) {
            Incoming::Genuine { below, .. } => {
                assert!(!below);
                None
            }
            Incoming::Refused(report) => {
                let Message::V3(message) = Message::decode(&report).unwrap() else { panic!() };
                assert_eq!((message.boots, message.time, message.flags), (1, 1_000, 1));
                let pdu = Scoped::decode(message.data.content).unwrap().pdu;
                assert_eq!(pdu.tag, snmp::MSG_REPORT);
                let request = Request::decode(pdu).unwrap();
                assert_eq!(request.id, 7);
                Some(request.names[0].to_string())
            }
            Incoming::Ignored => panic!("ignored"),
        }
    }

    /// RFC 3414 section 3.2 step 7a: the same boots, and at most 150 seconds apart.
    #[test]
    fn the_window_of_time() {
        let outside = Some("1.3.6.1.6.3.15.1.1.2.0".to_owned());
        assert_eq!(fate(1, 1_000), None);
        assert_eq!(fate(1, 850), None);
        assert_eq!(fate(1, 1_150), None);
        assert_eq!(fate(1, 849), outside);
        assert_eq!(fate(1, 1_151), outside);
        assert_eq!(fate(2, 1_000), outside);
        assert_eq!(fate(0, 1_000), outside);
    }
}
