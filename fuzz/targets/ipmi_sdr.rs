//! Sensor data records, and readings by them.

#![no_main]

use collector::driver::ipmi::untrusted;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| untrusted::sdr(bytes));
