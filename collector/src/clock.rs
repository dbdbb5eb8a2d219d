//! What the kernel knows of time: the boot, the time since it, and whether the wall clock is right.
//!
//! Reads only; never sets a clock. Linux (`adjtimex(2)`, `clock_gettime(2)`).

use std::time::Duration;

use exporters::buffer::{Boot, Moment};
use model::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Where the kernel tells which boot this is (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The clocks of this machine, for what is kept across its starts. Copying is cheap.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    boot: Boot,
    /// A wall clock that shows this time or a later one is believed.
    floor: Option<Timestamp>,
}

impl Clock {
    /// `floor` stands for NTP where there is none.
    pub fn new(floor: Option<Timestamp>) -> Self {
        // Where the kernel does not tell, each start of the program counts as one of the machine.
        let boot = boot_id().unwrap_or_else(|| fastrand::u128(..));
        Self { boot: Boot(boot), floor }
    }

    /// What they say now.
    pub fn now(&self) -> Moment {
        let wall = wall_clock();
        let synchronised = self.floor.is_some_and(|floor| wall >= floor) || is_synchronised();
        Moment { boot: self.boot, monotonic: since_boot(), wall, synchronised }
    }
}

/// A number that is another one after each boot; nothing where the kernel does not tell.
pub fn boot_id() -> Option<u128> {
    let text = std::fs::read_to_string(BOOT_ID).ok()?;
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    u128::from_str_radix(&digits, 16).ok()
}

/// Wall time now, right or wrong.
pub fn wall_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(Timestamp::MAX)
}

/// Time since the boot, with that spent asleep.
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Whether something (NTP, PTP, GNSS) keeps the wall clock right, by the kernel's word.
pub fn is_synchronised() -> bool {
    // SAFETY: `timex` holds integers alone, for which zeros are valid; `modes` 0 asks and changes nothing.
    #[allow(unsafe_code, reason = "no maintained crate wraps adjtimex(2)")]
    let (state, status) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        let state = libc::adjtimex(&raw mut timex);
        (state, timex.status)
    };
    state >= 0 && state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_is_the_one_that_the_kernel_counts_from() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split_whitespace().next().unwrap().parse().unwrap();
        assert!((since_boot().as_secs_f64() - uptime).abs() < 5.0);
        assert!(boot_id().is_some());
        assert_eq!(boot_id(), boot_id());
    }
}
