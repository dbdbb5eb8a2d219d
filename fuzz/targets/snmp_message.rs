//! Datagrams: what the library makes of them, and what is made of its values.

#![no_main]

use async_snmp::message::Message;
use async_snmp::DecodeConfig;
use collector::driver::snmp::value::{fold, straighten};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let datagram = bytes::Bytes::copy_from_slice(datagram);
    let Ok(outcome) = Message::decode(datagram, DecodeConfig::default()) else { return };
    let Some(pdu) = outcome.value.into_pdu() else { return };
    let mut bound = pdu.varbinds().to_vec();
    straighten(bound.iter_mut().map(|bound| &mut bound.value), &outcome.anomalies);
    for bound in &bound {
        let _ = fold(&bound.value);
    }
});
