//! Where bytes of a BMC come in, for fuzz targets: each function takes any bytes and must come to its end.
//!
//! What is asserted here holds for bytes of any kind. Nothing of a poll goes through this module.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::bytes::Reader;
use super::decode::{chassis, dcmi, discrete, fru, sdr, sel};
use super::wire::Next;
use super::wire::crypto::{Keys, Suite};
use super::wire::login::{Login, Nonce, Progress};
use super::wire::message::Request;
use super::wire::packet::{Packet, seal, unseal};
use super::wire::rakp::Account;
use super::wire::session::Session;
use crate::target::Privilege;

const SUITES: [Suite; 2] = [Suite::Sha256, Suite::Sha1];

/// This console's id of a session.
const CONSOLE: u32 = 0x0403_0201;

const PATIENCE: Duration = Duration::from_secs(5);

/// Keys of a session with each suite, derived once and not for every input.
static KEYS: LazyLock<Vec<Keys>> =
    LazyLock::new(|| SUITES.into_iter().filter_map(|suite| Keys::derive(suite, &[1; 20])).collect());

/// A session whose first command was sent and waits for its reply.
fn waiting(keys: &Keys, now: Instant) -> Session {
    let mut session = Session::new(keys.clone(), 1, CONSOLE);
    session.ask(Request::new(6, 1, &[]), now, PATIENCE);
    assert!(matches!(session.next(now, || Some([0; 16])), Some(Next::Send(_))), "the command is not sent");
    session
}

/// One packet: outside of a session, within one, and as what an integrity code was right for.
///
/// # Panics
/// Bytes without a code were believed.
pub fn packet(bytes: &[u8]) {
    let _ = Packet::parse(bytes).map(|packet| packet.console());
    let now = Instant::now();
    for keys in &*KEYS {
        let mut session = waiting(keys, now);
        assert!(session.receive(bytes).is_none(), "a packet without its code is believed");
        let mut signed = bytes.to_vec();
        keys.sign(&mut signed, 0);
        let _ = unseal(keys, &signed);
        // What was not believed has changed nothing: the session still waits.
        if let Some(sealed) = seal(keys, CONSOLE, 1, &[0; 16], bytes) {
            let _ = session.receive(&sealed);
        }
    }
}

/// The packets of a login, each after its length in one byte.
///
/// # Panics
/// There is a session without a password.
pub fn login(bytes: &[u8]) {
    let key = Zeroizing::new(b"never sent".to_vec());
    let account = Account { user: b"u".to_vec(), key, group_key: None, privilege: Privilege::User };
    let now = Instant::now();
    let mut login = Login::new(&account, Nonce { console: CONSOLE, random: [7; 16] }, None, now, PATIENCE);
    let mut reader = Reader::new(bytes);
    while let Some(packet) = reader.u8().and_then(|length| reader.take(length.into())) {
        let _ = login.next(now);
        let Ok(progress) = login.receive(packet, now) else { return };
        assert!(matches!(progress, Progress::On), "a session without a password");
    }
}

/// A sensor data record, and a reading of its sensors by the last bytes.
///
/// # Panics
/// A name holds control characters.
pub fn sdr(bytes: &[u8]) {
    let _ = (sdr::chunk(bytes), sdr::body_length(bytes));
    let Some(sdr::Record::Sensors(sensors)) = sdr::decode(bytes) else { return };
    let Some(&[low, high]) = bytes.last_chunk() else { return };
    for sensor in sensors {
        assert!(!sensor.name.contains(char::is_control), "{:?}", sensor.name);
        let _ = sensor.conversion.map(|conversion| conversion.apply(low));
        let _ = discrete::told(sensor.kind, sensor.reading, sensor.states, u16::from_le_bytes([low, high]));
    }
}

/// The inventory's area.
///
/// # Panics
/// A text of it holds control characters.
pub fn fru(bytes: &[u8]) {
    let Some(fru) = fru::decode(bytes) else { return };
    for part in [&fru.chassis, &fru.board, &fru.product] {
        for text in [&part.manufacturer, &part.name, &part.part_number, &part.serial] {
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
}

/// The reply to Get SEL Info and Get SEL Entry, and the small replies of chassis and DCMI.
pub fn sel(bytes: &[u8]) {
    let _ = sel::Info::decode(bytes).map(|info| info.was_erased_since(&info));
    if let Some((_, record)) = sel::entry(bytes) {
        let _ = (sel::id(&record), sel::severity(&record));
    }
    let _ = (chassis::Chassis::decode(bytes), chassis::has_intrusion(bytes));
    let _ = (dcmi::power(bytes), dcmi::temperatures(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reply to Get Device ID that a session of `packet` waits for, with the right code.
    #[test]
    fn the_check_of_packets_fails_where_one_is_believed() {
        assert_eq!(KEYS.len(), SUITES.len());
        for keys in &*KEYS {
            let reply = [0x81, 0x1c, 0x63, 0x20, 0x04, 0x01, 0x00, 0xdb];
            let sealed = seal(keys, CONSOLE, 1, &[0; 16], &reply).unwrap();
            let caught = std::panic::catch_unwind(|| packet(&sealed)).unwrap_err();
            let text = caught.downcast_ref::<&str>().copied();
            assert_eq!(text, Some("a packet without its code is believed"), "{}", keys.code_length());
        }
    }
}
