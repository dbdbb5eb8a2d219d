//! Numbers and times as people say them.

use std::time::Duration;

use model::Timestamp;

/// `1 target`, `2,000 targets`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} {}", if number == 1 { one } else { many })
}

/// `512 B`, `12 KiB`, `64 MiB`: whole units of which there are at least ten, or the smaller one.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [(u32, &str); 3] = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = UNITS.into_iter().find(|(shift, _)| number >> shift >= 10);
    unit.map_or_else(|| format!("{number} B"), |(shift, word)| format!("{} {word}", number >> shift))
}

/// `850 ms`, `12 s`, `3 min`, `5 h`, `2 days`: the largest unit of which there are two, or the smaller one.
pub(super) fn duration(time: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "days"), (3_600, "h"), (60, "min"), (1, "s")];
    let seconds = time.as_secs();
    if seconds == 0 {
        return format!("{} ms", time.subsec_millis());
    }
    for (unit, word) in UNITS {
        if seconds >= unit * 2 || (seconds == unit && unit < 3_600) {
            return format!("{} {word}", seconds / unit);
        }
    }
    format!("{seconds} s")
}

/// How long ago `at` was.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    match between(at, now) {
        Some(time) if time < Duration::from_secs(1) => "now".to_owned(),
        Some(time) => format!("{} ago", duration(time)),
        None => "in the future".to_owned(),
    }
}

/// How far away `at` is.
pub(super) fn in_time(at: Timestamp, now: Timestamp) -> String {
    match between(now, at) {
        Some(time) if time >= Duration::from_secs(1) => format!("in {}", duration(time)),
        _ => "due".to_owned(),
    }
}

fn between(from: Timestamp, to: Timestamp) -> Option<Duration> {
    (to >= from).then(|| Duration::from_millis(to.abs_diff(from)))
}

/// A value within the query of an address: RFC 3986, all but unreserved characters as percent and hex.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_one_unit() {
        let expected = [
            (0, "0 ms"),
            (850, "850 ms"),
            (1_000, "1 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (90_000, "90 s"),
            (150_000, "2 min"),
            (3_600_000, "60 min"),
            (7_200_000, "2 h"),
            (86_400_000, "24 h"),
            (172_800_000, "2 days"),
        ];
        for (millis, text) in expected {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(age(1_000, 31_500), "30 s ago");
        assert_eq!(age(1_000, 1_000), "now");
        assert_eq!(age(2_000, 1_000), "in the future");
        assert_eq!(in_time(61_000, 1_000), "in 1 min");
        assert_eq!(in_time(500, 1_000), "due");
        assert_eq!(age(i64::MIN, i64::MAX), "213503982334 days ago");
    }

    #[test]
    fn sizes_are_whole_units() {
        let expected = [(512, "512 B"), (10_239, "10239 B"), (10_240, "10 KiB"), (67_108_864, "64 MiB")];
        for (number, text) in expected {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(1, "target", "targets"), "1 target");
        assert_eq!(count(999, "target", "targets"), "999 targets");
        assert_eq!(count(1_234_567, "target", "targets"), "1,234,567 targets");
    }

    #[test]
    fn names_are_safe_in_an_address() {
        assert_eq!(encoded("pdu-a.fra1_~9"), "pdu-a.fra1_~9");
        assert_eq!(encoded("a b&c\"<é"), "a%20b%26c%22%3C%C3%A9");
    }
}
