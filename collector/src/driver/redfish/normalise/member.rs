//! Identity of the members of an array.
//!
//! A member is known by its `MemberId` (or `Id`), which survives a change of order. Some BMCs repeat
//! one: the second and later members of that name get their position as well.

use std::collections::HashSet;

use serde_json::Value;

/// Places given out in one array.
#[derive(Default)]
pub(crate) struct Members {
    given: HashSet<String>,
    position: usize,
}

impl Members {
    /// The place of the next member, for example `PowerSupplies/0`.
    pub(crate) fn place(&mut self, array: &str, member: &Value) -> String {
        let position = self.position;
        self.position = position.saturating_add(1);
        let word = ["MemberId", "Id"].iter().find_map(|key| match member.get(*key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let word = word.unwrap_or_else(|| position.to_string());
        if self.given.insert(word.clone()) {
            return format!("{array}/{word}");
        }
        let word = format!("{word}.{position}");
        self.given.insert(word.clone());
        format!("{array}/{word}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn repeated_identities_stay_apart() {
        let mut members = Members::default();
        let places: Vec<String> =
            [json!({"MemberId": "0"}), json!({"MemberId": "0"}), json!({"MemberId": 7}), json!({})]
                .iter()
                .map(|member| members.place("Fans", member))
                .collect();
        assert_eq!(places, ["Fans/0", "Fans/0.1", "Fans/7", "Fans/3"]);
    }
}
