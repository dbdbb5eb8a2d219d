//! The event log of BMCs, and their small replies.

#![no_main]

use collector::driver::ipmi::untrusted;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| untrusted::sel(bytes));
