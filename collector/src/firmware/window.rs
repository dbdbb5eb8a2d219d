//! Maintenance windows: times in which a change of firmware is expected. Pure; all times are UTC.

use model::Timestamp;

use crate::calendar::{DAY, MINUTE};

/// Milliseconds.
const WEEK: i64 = 7 * DAY;
/// 1970-01-05, the first Monday.
const FIRST_MONDAY: i64 = 4 * DAY;

/// A time in which changes are expected. The end is no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Once; milliseconds since 1970.
    Once {
        /// Beginning.
        start: Timestamp,
        /// End, after the beginning.
        end: Timestamp,
    },
    /// Every week.
    Weekly {
        /// Beginning, in milliseconds since Monday, 00:00.
        start: i64,
        /// Length in milliseconds, more than 0 and at most a day.
        length: i64,
    },
}

impl Window {
    /// Every week on a day (0 is Monday) from one time to another, each in minutes since midnight. A time that is not
    /// later than the first one is on the day after.
    pub fn weekly(day: i64, from: i64, to: i64) -> Self {
        let length = if to > from { to - from } else { to - from + 24 * 60 };
        Self::Weekly { start: day * DAY + from * MINUTE, length: length * MINUTE }
    }

    /// Whether it was open at any time from `since` to `until`, both included.
    pub fn was_open(&self, since: Timestamp, until: Timestamp) -> bool {
        match *self {
            Self::Once { start, end } => start <= until && since < end,
            Self::Weekly { start, length } => {
                let begin = FIRST_MONDAY + start;
                // The last beginning that is not after `until`.
                let last = until - (until - begin).rem_euclid(WEEK);
                since < last + length
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{clock, time};

    #[test]
    fn a_window_that_comes_once_is_open_once() {
        let window = Window::Once { start: 1_000, end: 2_000 };
        for (since, until, open) in [
            (0, 999, false),
            (0, 1_000, true),
            (1_500, 1_600, true),
            (1_999, 9_000, true),
            (2_000, 9_000, false),
        ] {
            assert_eq!(window.was_open(since, until), open, "{since} to {until}");
        }
    }

    #[test]
    fn a_weekly_window_may_pass_midnight() {
        // Sunday 22:00 to Monday 04:00. 2026-11-22 is a Sunday.
        let window = Window::weekly(6, clock("22:00").unwrap(), clock("04:00").unwrap());
        for (text, open) in [
            ("2026-11-22T21:59:59Z", false),
            ("2026-11-22T22:00:00Z", true),
            ("2026-11-23T03:59:59Z", true),
            ("2026-11-23T04:00:00Z", false),
            ("2026-11-25T22:30:00Z", false),
        ] {
            let at = time(text).unwrap();
            assert_eq!(window.was_open(at, at), open, "{text}");
        }
        let at = time("2026-11-23T04:30:00Z").unwrap();
        assert!(window.was_open(at - 60 * MINUTE, at), "a change is seen later than it was made");
        assert!(!window.was_open(at - 30 * MINUTE, at));
    }

    #[test]
    fn a_whole_day_is_a_window() {
        let window = Window::weekly(5, 0, clock("24:00").unwrap());
        assert_eq!(window, Window::Weekly { start: 5 * DAY, length: DAY });
    }
}
