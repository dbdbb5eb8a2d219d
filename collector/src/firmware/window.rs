//! Maintenance windows: times in which a change of firmware is expected. Pure; all times are UTC.

use model::Timestamp;

/// Milliseconds.
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
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

/// Minutes since midnight of `HH:MM`, up to `24:00`.
pub(super) fn clock(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let minutes = digits(hours, 2)? * 60 + digits(minutes, 2).filter(|minutes| *minutes < 60)?;
    (minutes <= 24 * 60).then_some(minutes)
}

/// Milliseconds since 1970 of an RFC 3339 time, with its zone; fractions of seconds are cut.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let (clock, zone) = rest.split_at_checked(rest.find(['Z', 'z', '+', '-'])?)?;
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (digits(date.next()?, 4)?, digits(date.next()?, 2)?, digits(date.next()?, 2)?);
    let mut clock = clock.split('.').next()?.splitn(3, ':');
    let (hour, minute) = (digits(clock.next()?, 2)?, digits(clock.next()?, 2)?);
    let second = clock.next().map_or(Some(0), |second| digits(second, 2))?;
    let valid = year >= 1970
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset(zone)?;
    valid.then_some(minutes * MINUTE + second * 1_000)
}

/// RFC 3339 of a time, to the second, in UTC.
pub fn written(at: Timestamp) -> String {
    let seconds = at.div_euclid(1_000);
    let (mut days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let mut year = 1970;
    while days >= 365 + i64::from(days_of(year, 2) == 29) && year < 9_999 {
        days -= 365 + i64::from(days_of(year, 2) == 29);
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days >= days_of(year, month) {
        days -= days_of(year, month);
        month += 1;
    }
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Minutes by which a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return (zone.len() == 1).then_some(0),
    };
    zone.get(1..).and_then(clock).map(|minutes| sign * minutes)
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    (year - 1970) * 365 + leap_days(before) - leap_days(1969) + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_zone() {
        // date --utc -d TEXT +%s
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-12-01T22:00:00Z", 1_796_162_400),
            ("2026-12-01T23:00+01:00", 1_796_162_400),
            ("2026-12-01 12:00:00.5-10:00", 1_796_162_400),
            ("2024-02-29T00:00:00Z", 1_709_164_800),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(time(text), Some(seconds * 1_000), "{text}");
        }
        for text in [
            "",
            "2026-12-01",
            "2026-12-01T22:00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "26-12-01T00:00:00Z",
            "2026-12-01T24:00:00Z",
            "2026-12-01T22:00:00Zulu",
            "2026-12-01T2:00:00Z",
            "2026-12-01T22:00:00+1",
            "é026-12-01T22:00:00Z",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_written_as_it_is_read() {
        for text in
            ["1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2026-12-31T12:00:01Z", "2100-03-01T00:00:00Z"]
        {
            assert_eq!(written(time(text).unwrap()), text);
        }
        assert!(written(i64::MAX).starts_with("9999-12-"), "a clock that is far off");
    }

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
        assert_eq!((clock("24:01"), clock("7:00"), clock("07:60"), clock("07.00")), (None, None, None, None));
    }
}
