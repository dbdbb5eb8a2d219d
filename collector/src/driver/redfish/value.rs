//! Tolerant decoding of JSON as BMCs send it.
//!
//! Numbers come as strings, lists as single objects, strings as lists, `[]` for null and blanks around
//! names (DSP0268 allows none of it). Each helper takes what can be understood and says which of the
//! closed [`Rejection`] words fits what cannot. Nothing here panics, recurses or invents a value.

use model::Rejection;
use model::state::Status;
use serde_json::Value;

use crate::calendar;

/// Most elements taken of one array. The largest real ones, voltages of a blade chassis, hold some hundreds.
pub(crate) const MAX_ITEMS: usize = 2048;

/// Words that mean "no reading" where a number belongs.
const NO_READING: &[&str] =
    &["", "n/a", "na", "nan", "-", "--", "null", "nil", "none", "unknown", "not available", "no reading"];

/// A number, from a number or a numeric string; `None` where there is nothing.
///
/// # Errors
/// [`Rejection::Na`] for a word that says "no reading", [`Rejection::Parse`] for anything else.
pub(crate) fn number(value: Option<&Value>) -> Result<Option<f64>, Rejection> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) if list.is_empty() => Ok(None),
        Some(Value::Number(number)) => number.as_f64().map(Some).ok_or(Rejection::Parse),
        Some(Value::String(text)) => {
            let text = trim(text);
            if NO_READING.iter().any(|word| text.eq_ignore_ascii_case(word)) {
                return Err(Rejection::Na);
            }
            let number: f64 = text.parse().map_err(|_| Rejection::Parse)?;
            number.is_finite().then_some(Some(number)).ok_or(Rejection::Na)
        }
        Some(_) => Err(Rejection::Parse),
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control())
}

/// A string without the blanks around it: itself, a number's digits are no string, or the first of a list.
pub(crate) fn text<'a>(doc: &'a Value, key: &str) -> Option<&'a str> {
    let value = match doc.get(key)? {
        Value::Array(list) => list.first()?,
        other => other,
    };
    let text = trim(value.as_str()?);
    let empty = text.is_empty() || ["nil", "null", "n/a"].iter().any(|word| text.eq_ignore_ascii_case(word));
    (!empty).then_some(text)
}

/// A flag, from a boolean or its word.
pub(crate) fn flag(doc: &Value, key: &str) -> Option<bool> {
    match doc.get(key)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The objects of a list; an object in a list's place is a list of one.
pub(crate) fn items<'a>(doc: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    let value = doc.get(key);
    let list = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let single = value.filter(|value| value.is_object());
    list.iter().filter(|item| item.is_object()).chain(single).take(MAX_ITEMS)
}

/// Path of a linked resource (`{"@odata.id": …}`, or the path alone), if it is one.
pub(crate) fn link<'a>(doc: &'a Value, key: &str) -> Option<&'a str> {
    path_of(doc.get(key)?)
}

/// Paths of a list of linked resources.
pub(crate) fn links<'a>(doc: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    let list = doc.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(path_of).chain(link(doc, key)).take(MAX_ITEMS)
}

/// The `@odata.id` of an object, or the text of a bare path, without a trailing slash.
pub(crate) fn path_of(value: &Value) -> Option<&str> {
    let path = value.as_str().or_else(|| value.get("@odata.id")?.as_str())?;
    let path = trim(path).trim_end_matches('/');
    path.starts_with('/').then_some(path)
}

/// Name for people: `Name`, else what identifies it.
pub(crate) fn name(doc: &Value) -> &str {
    ["Name", "FanName", "DeviceName", "MemberId", "Id"].iter().find_map(|key| text(doc, key)).unwrap_or("")
}

/// Whether `Status.State` says that nothing is there to be read.
///
/// A live device's PSU may be called absent by mistake: see the power supplies for how that is told apart.
pub(crate) fn is_absent(doc: &Value) -> bool {
    is_off(doc) || state(doc) == Some("Absent")
}

/// Whether a device says of a part that it is there and off.
pub(crate) fn is_off(doc: &Value) -> bool {
    matches!(state(doc), Some("Disabled" | "UnavailableOffline" | "Offline"))
}

/// Whether a device says of a whole that it may not list all its parts: it is off, in standby, or starts.
pub(crate) fn is_asleep(doc: &Value) -> bool {
    is_off(doc) || matches!(state(doc), Some("StandbyOffline" | "Starting"))
}

fn state(doc: &Value) -> Option<&str> {
    text(doc.get("Status")?, "State")
}

/// The component's own health; where it has none, that of what it holds.
pub(crate) fn health(doc: &Value) -> Option<Status> {
    let status = doc.get("Status")?;
    let word = text(status, "Health").or_else(|| text(status, "HealthRollup"))?;
    match word {
        "OK" | "Ok" | "ok" => Some(Status::Ok),
        "Warning" => Some(Status::Degraded),
        "Critical" => Some(Status::Failed),
        _ => None,
    }
}

/// Milliseconds since 1970 of an RFC 3339 time, also with the offset written `-0600`.
///
/// Years before 1970 or after 2200, and days that no calendar has, are no time.
pub(crate) fn time(text: &str) -> Option<i64> {
    let (date, rest) = text.trim().split_once(['T', ' '])?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let clock_end = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(clock_end)?;
    let mut clock = clock.split(':');
    let hour: i64 = clock.next()?.parse().ok()?;
    let minute: i64 = clock.next()?.parse().ok()?;
    let second: f64 = clock.next().unwrap_or("0").parse().ok()?;
    let valid = (1970..=2200).contains(&year)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0.0..61.0).contains(&second);
    if !valid {
        return None;
    }
    let days = calendar::days_since_1970(year, month, day)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 - zone_seconds(zone)?;
    Some(seconds * 1_000 + (second * 1_000.0).round() as i64)
}

fn zone_seconds(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next() {
        None | Some('Z' | 'z') => return Some(0),
        Some('-') => -1,
        Some(_) => 1,
    };
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let value: i64 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    Some(sign * (value / 100 * 3_600 + value % 100 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_come_in_many_clothes() {
        let number = |value: Value| number(Some(&value));
        assert_eq!(number(json!(12.5)), Ok(Some(12.5)));
        assert_eq!(number(json!(" 5500 ")), Ok(Some(5500.0)));
        assert_eq!(number(json!(null)), Ok(None));
        assert_eq!(number(json!([])), Ok(None));
        assert_eq!(number(json!("N/A")), Err(Rejection::Na));
        assert_eq!(number(json!("")), Err(Rejection::Na));
        assert_eq!(number(json!("inf")), Err(Rejection::Na));
        assert_eq!(number(json!("warm")), Err(Rejection::Parse));
        assert_eq!(number(json!(true)), Err(Rejection::Parse));
        assert_eq!(number(json!({"Reading": 1})), Err(Rejection::Parse));
        assert_eq!(super::number(None), Ok(None));
    }

    #[test]
    fn strings_may_be_lists_and_padded() {
        let doc = json!({"A": ["ProLiant  ", "x"], "B": "  R750\u{0}", "C": "nil", "D": [], "E": 5});
        assert_eq!(text(&doc, "A"), Some("ProLiant"));
        assert_eq!(text(&doc, "B"), Some("R750"));
        assert_eq!((text(&doc, "C"), text(&doc, "D"), text(&doc, "E")), (None, None, None));
    }

    #[test]
    fn an_object_is_a_list_of_one_and_rubbish_an_empty_one() {
        let doc = json!({"A": {"x": 1}, "B": [{"x": 1}, 5, null, {"x": 2}], "C": "x", "D": null});
        let count = |key| items(&doc, key).count();
        assert_eq!((count("A"), count("B"), count("C"), count("D"), count("E")), (1, 2, 0, 0, 0));
    }

    #[test]
    fn links_are_absolute_paths() {
        let doc = json!({"A": {"@odata.id": "/redfish/v1/Chassis/"}, "B": "/redfish/v1/Systems", "C": {"@odata.id": "x"},
            "D": [{"@odata.id": "/a"}, null, "/b"]});
        assert_eq!(link(&doc, "A"), Some("/redfish/v1/Chassis"));
        assert_eq!(link(&doc, "B"), Some("/redfish/v1/Systems"));
        assert_eq!(link(&doc, "C"), None);
        assert_eq!(links(&doc, "D").collect::<Vec<_>>(), ["/a", "/b"]);
    }

    #[test]
    fn a_missing_name_falls_back_to_the_identity() {
        assert_eq!(name(&json!({"MemberId": "3", "Id": "x"})), "3");
        assert_eq!(name(&json!({"Name": " ", "Id": "x"})), "x");
        assert_eq!(name(&json!({})), "");
    }

    #[test]
    fn times_are_read_and_absurd_ones_are_not() {
        // Checked with `date -u -d @1700000000`.
        assert_eq!(time("2023-11-14T22:13:20Z"), Some(1_700_000_000_000));
        assert_eq!(time("2023-11-14T16:13:20-06:00"), Some(1_700_000_000_000));
        assert_eq!(time("2023-11-14T16:13:20.500-0600"), Some(1_700_000_000_500));
        assert_eq!(time("2024-02-29T00:00:00+00:00"), Some(1_709_164_800_000));
        assert_eq!(time("1970-01-01T00:00:00Z"), Some(0));
        for absurd in
            ["0000-00-00T00:00:00Z", "00:00:00Z", "", "T", "2023-13-01T00:00:00Z", "9999-01-01T00:00:00Z"]
        {
            assert_eq!(time(absurd), None, "{absurd}");
        }
    }
}
