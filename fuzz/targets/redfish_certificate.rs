//! Certificates of devices, before anything is known of them.

#![no_main]

use collector::driver::redfish::client::certificate::Certificate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|der: &[u8]| {
    let certificate = Certificate::read(der);
    assert!(!certificate.subject.contains(char::is_control));
    assert_eq!(certificate.fingerprint_hex().len(), 64);
});
