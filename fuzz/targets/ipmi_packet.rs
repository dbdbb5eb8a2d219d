//! Packets of BMCs: neither believed without their code, nor the end of the program.

#![no_main]

use collector::driver::ipmi::untrusted;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| untrusted::packet(bytes));
