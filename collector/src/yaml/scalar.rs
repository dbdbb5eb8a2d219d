//! What a plain scalar means: the core schema of YAML 1.2 (section 10.3.2).
//!
//! `yes`, `no`, `on` and `off` are text, and so is a time such as `12:30`.

use serde_json::{Number, Value};

/// The JSON value of a plain (unquoted) scalar.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

/// Numbers that JSON has none of (`.inf`, `.nan`) stay text.
fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return unsigned(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return unsigned(digits, 8);
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') {
        return None;
    }
    if let Ok(whole) = digits.parse::<u64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = digits.parse::<i64>() {
        return Some(whole.into());
    }
    let only_number_characters = digits.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    let value: f64 = if only_number_characters { digits.parse().ok()? } else { return None };
    Number::from_f64(value)
}

fn unsigned(digits: &str, radix: u32) -> Option<Number> {
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(Number::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_follow_the_core_schema() {
        // YAML 1.2.2, section 10.3.2, and its example 10.9 of what resolves to what.
        for (text, expected) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("True", json!(true)),
            ("FALSE", json!(false)),
            ("0", json!(0)),
            ("0o7", json!(7)),
            ("0x3A", json!(58)),
            ("-19", json!(-19)),
            ("+12", json!(12)),
            ("0.", json!(0.0)),
            ("-0.0", json!(-0.0)),
            (".5", json!(0.5)),
            ("+12e03", json!(12000.0)),
            ("-2E+05", json!(-200_000.0)),
            ("18446744073709551615", json!(u64::MAX)),
            ("yes", json!("yes")),
            ("12:30", json!("12:30")),
            ("1.2.3", json!("1.2.3")),
            (".inf", json!(".inf")),
            ("infinity", json!("infinity")),
            ("1e999", json!("1e999")),
            ("-", json!("-")),
            ("0x", json!("0x")),
            ("0x+5", json!("0x+5")),
        ] {
            assert_eq!(resolve(text), expected, "{text:?}");
        }
    }
}
