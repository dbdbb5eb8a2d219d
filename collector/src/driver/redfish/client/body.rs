//! From the bytes of a body to a JSON document, bounded, and with patience for what BMCs send.
//!
//! RFC 8259 first. Only where that fails a second pass repairs what is known from devices: raw control
//! characters in strings (iLO passes on what LLDP neighbours say), invalid UTF-8, commas before a
//! closing bracket (XCC), `NaN`, stray backslashes. It never invents a value.

use serde_json::Value;

/// Most memory that a document may take once it is decoded, by a coarse estimate from its
/// punctuation. The largest expanded collections known are about 5 MB of text and half of this.
pub const MAX_DOCUMENT_MEMORY: usize = 64 * 1024 * 1024;

/// What an object takes at least, its tree node included.
const OBJECT_MEMORY: usize = 700;
/// What any other value takes at least.
const VALUE_MEMORY: usize = 64;

/// Why a body is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum BodyError {
    #[error("the body is empty")]
    Empty,
    #[error("HTML where JSON is expected: a login or error page")]
    Html,
    #[error("the document would take more than {MAX_DOCUMENT_MEMORY} bytes of memory")]
    TooComplex,
    #[error("no valid JSON: {0}")]
    Json(String),
}

/// Decodes one document. Nesting is bounded by serde_json at 128 levels.
///
/// # Errors
/// There is no JSON in it.
pub fn decode(body: &[u8]) -> Result<Value, BodyError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    match body.first() {
        None => return Err(BodyError::Empty),
        Some(b'<') => return Err(BodyError::Html),
        Some(_) => {}
    }
    if estimate(body) > MAX_DOCUMENT_MEMORY {
        return Err(BodyError::TooComplex);
    }
    serde_json::from_slice(body)
        .or_else(|error| serde_json::from_str(&repair(body)).map_err(|_| BodyError::Json(error.to_string())))
}

/// Memory that a body will take once it is decoded, coarsely.
///
/// Punctuation inside of strings counts as well: the estimate is too high rather than too low.
pub(super) fn estimate(body: &[u8]) -> usize {
    body.iter().fold(body.len(), |sum, byte| {
        sum.saturating_add(match byte {
            b'{' => OBJECT_MEMORY,
            b',' | b'[' => VALUE_MEMORY,
            _ => 0,
        })
    })
}

/// What the next character is a part of.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Outside,
    String,
    /// After a backslash in a string.
    Escape,
}

fn repair(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut repaired = String::with_capacity(text.len());
    let mut place = Place::Outside;
    let mut rest = text.as_ref();
    while let Some(next) = rest.chars().next() {
        if place == Place::Outside
            && let Some(word) = not_a_number(rest)
        {
            repaired.push_str("null");
            rest = rest.get(word.len()..).unwrap_or_default();
            continue;
        }
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
        place = match place {
            Place::Outside => outside(&mut repaired, next, rest),
            Place::String => in_string(&mut repaired, next),
            Place::Escape => escaped(&mut repaired, next),
        };
    }
    repaired
}

fn not_a_number(text: &str) -> Option<&'static str> {
    ["NaN", "nan", "-NaN", "-nan", "Infinity", "-Infinity", "inf", "-inf"]
        .into_iter()
        .filter(|word| text.starts_with(word))
        .max_by_key(|word| word.len())
}

fn outside(repaired: &mut String, next: char, rest: &str) -> Place {
    let dangling = next == ',' && rest.trim_start().starts_with([']', '}']);
    if !dangling && (!next.is_control() || next.is_ascii_whitespace()) {
        repaired.push(next);
    }
    if next == '"' { Place::String } else { Place::Outside }
}

fn in_string(repaired: &mut String, next: char) -> Place {
    match next {
        '"' => {
            repaired.push(next);
            Place::Outside
        }
        '\\' => Place::Escape,
        control if (control as u32) < 0x20 => {
            repaired.push_str(&format!("\\u{:04x}", control as u32));
            Place::String
        }
        _ => {
            repaired.push(next);
            Place::String
        }
    }
}

fn escaped(repaired: &mut String, next: char) -> Place {
    repaired.push('\\');
    if "\"\\/bfnrtu".contains(next) {
        repaired.push(next);
        return Place::String;
    }
    repaired.push('\\'); // a backslash that escapes nothing stands for itself
    in_string(repaired, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_devices_get_wrong_is_repaired() {
        for (name, body, expected) in [
            ("valid", br#"{"a":"b\n\u00e9"}"#.as_slice(), json!({"a": "b\né"})),
            ("byte order mark", b"\xef\xbb\xbf{\"a\":1}", json!({"a": 1})),
            ("raw carriage return", b"{\"Port\":\"Gi1/0/1\r\"}", json!({"Port": "Gi1/0/1\r"})),
            ("raw tab and zero", b"{\"a\":\"\t\0\"}", json!({"a": "\t\0"})),
            ("invalid UTF-8", b"{\"a\":\"\xb0C\"}", json!({"a": "\u{fffd}C"})),
            ("comma before a bracket", b"{\"a\":[1,2,\n ],\n}", json!({"a": [1, 2]})),
            ("commas in strings stay", b"{\"a\":\",]\",}", json!({"a": ",]"})),
            (
                "no number",
                b"{\"a\":NaN,\"b\":-Infinity,\"c\":nan,}",
                json!({"a": null, "b": null, "c": null}),
            ),
            ("NaN in a string stays", b"{\"a\":\"NaN\",}", json!({"a": "NaN"})),
            (
                "a stray backslash",
                br#"{"a":"C:\Sensors\x","b":"\""}"#,
                json!({"a": "C:\\Sensors\\x", "b": "\""}),
            ),
        ] {
            assert_eq!(decode(body), Ok(expected), "{name}");
        }
    }

    #[test]
    fn what_is_no_document_is_named() {
        assert_eq!(decode(b""), Err(BodyError::Empty));
        assert_eq!(decode(b" \r\n"), Err(BodyError::Empty));
        assert_eq!(decode(b"<!DOCTYPE html><html>"), Err(BodyError::Html));
        for body in [b"{\"a\":".as_slice(), b"{\"error\":{}}{\"a\":1}", b"not found", b"\"\\"] {
            assert!(matches!(decode(body), Err(BodyError::Json(_))), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn nesting_and_memory_are_bounded() {
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert!(matches!(decode(&deep), Err(BodyError::Json(_))));
        let many = [b"[".as_slice(), &b"{\"\":0},".repeat(200_000), b"0]"].concat();
        assert_eq!(decode(&many), Err(BodyError::TooComplex));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(body: Vec<u8>) {
            let _ = decode(&body);
        }

        /// Damage in a document: it decodes or it doesn't, and what is valid JSON comes out as it is.
        #[test]
        fn what_is_repaired_is_at_most_what_was_broken(text in r#"[\[\]{},:"\\ nNaI0-9\r\x{e9}]{0,60}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                proptest::prop_assert_eq!(decode(text.as_bytes()), Ok(value));
            } else {
                let _ = decode(text.as_bytes());
            }
        }
    }
}
