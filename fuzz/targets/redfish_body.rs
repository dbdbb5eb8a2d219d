//! Bodies of Redfish answers: repaired at most, never changed where they are valid JSON.

#![no_main]

use collector::driver::redfish::client::body;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let decoded = body::decode(bytes);
    if let Ok(valid) = serde_json::from_slice::<serde_json::Value>(bytes)
        && let Ok(decoded) = decoded
    {
        assert_eq!(decoded, valid);
    }
});
