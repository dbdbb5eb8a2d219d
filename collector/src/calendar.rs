//! The Gregorian calendar in UTC: days, and times as RFC 3339 writes them. Pure.

use model::Timestamp;

/// Milliseconds.
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const DAY: i64 = 24 * 60 * MINUTE;

/// Days from 1970-01-01 to a day of the years 1 to 9999; `None` for one that no calendar has.
pub(crate) fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let valid =
        (1..=9_999).contains(&year) && (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let months = || (1..month).map(|month| days_of(year, month)).sum::<i64>();
    valid.then(|| (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969) + months() + day - 1)
}

/// Start of a day of the form `YYYY-MM-DD`, from 1970 on, in milliseconds since 1970.
pub(crate) fn day(text: &str) -> Option<Timestamp> {
    let mut parts = text.splitn(3, '-');
    let (year, month) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?);
    let days = days_since_1970(year, month, digits(parts.next()?, 2)?)?;
    (days >= 0).then_some(days * DAY)
}

/// Milliseconds since 1970 of an RFC 3339 time, with its zone; fractions of seconds are cut.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let (clock, zone) = rest.split_at_checked(rest.find(['Z', 'z', '+', '-'])?)?;
    let mut clock = clock.split('.').next()?.splitn(3, ':');
    let (hour, minute) = (digits(clock.next()?, 2)?, digits(clock.next()?, 2)?);
    let second = clock.next().map_or(Some(0), |second| digits(second, 2))?;
    let valid = hour < 24 && minute < 60 && second <= 60;
    let minutes = hour * 60 + minute - offset(zone)?;
    valid.then_some(day(date)? + minutes * MINUTE + second * 1_000)
}

/// Minutes since midnight of `HH:MM`, up to `24:00`.
pub(crate) fn clock(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let minutes = digits(hours, 2)? * 60 + digits(minutes, 2).filter(|minutes| *minutes < 60)?;
    (minutes <= 24 * 60).then_some(minutes)
}

/// RFC 3339 of a time, to the second, in UTC.
pub(crate) fn written(at: Timestamp) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_1970() {
        // date --utc -d DAY +%s
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2026-11-21", 1_795_219_200),
            ("2100-03-01", 4_107_542_400),
        ] {
            assert_eq!(day(text), Some(seconds * 1_000), "{text}");
        }
        for text in ["2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "1969-12-31", "2026-11", "x"] {
            assert_eq!(day(text), None, "{text}");
        }
        assert_eq!(days_since_1970(1950, 1, 1), Some(-7_305));
        assert_eq!((days_since_1970(i64::MAX, 1, 1), days_since_1970(2026, i64::MIN, 1)), (None, None));
    }

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
        assert_eq!((clock("24:01"), clock("7:00"), clock("07:60"), clock("07.00")), (None, None, None, None));
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
}
