//! The two patterns that name things in a tree: paths with `*`, and JSON pointers with `*`.
//!
//! JSON pointers follow RFC 6901; `*` as a whole segment stands for every element or member.

use serde_json::Value;

/// Whether `path` fits `pattern`, in which each `*` stands for any run of characters.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == path;
    };
    let Some(tail) = path.strip_prefix(head) else {
        return false;
    };
    rest.is_empty() || (0..=tail.len()).any(|at| tail.get(at..).is_some_and(|tail| matches(rest, tail)))
}

/// Calls `change` with each value that `pointer` names, and with its pointer without `*`.
pub(super) fn visit(document: &mut Value, pointer: &str, change: &mut dyn FnMut(&str, &mut Value)) {
    let segments: Vec<&str> = pointer.split('/').skip(1).collect();
    descend(document, &segments, &mut String::new(), change);
}

fn descend(value: &mut Value, segments: &[&str], at: &mut String, change: &mut dyn FnMut(&str, &mut Value)) {
    let Some((segment, rest)) = segments.split_first() else {
        return change(at, value);
    };
    let length = at.len();
    let mut enter = |name: &str, child: &mut Value| {
        at.push('/');
        at.push_str(name);
        descend(child, rest, at, change);
        at.truncate(length);
    };
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let name = index.to_string();
                if *segment == "*" || *segment == name {
                    enter(&name, item);
                }
            }
        }
        Value::Object(members) => {
            let name = segment.replace("~1", "/").replace("~0", "~");
            for (key, member) in members.iter_mut() {
                if *segment == "*" || *key == name {
                    enter(&key.replace('~', "~0").replace('/', "~1"), member);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        assert!(matches("*", "/redfish/v1"));
        assert!(matches("/redfish/v1/Chassis/*/Power", "/redfish/v1/Chassis/1/Power"));
        assert!(matches("/redfish/v1*", "/redfish/v1"));
        assert!(!matches("/redfish/v1", "/redfish/v1/Chassis"));
        assert!(!matches("/redfish/v1/Chassis/*/Power", "/redfish/v1/Chassis/1/Thermal"));
    }

    #[test]
    fn a_pointer_with_stars_visits_each_element() {
        let mut document = json!({"Fans": [{"Reading": 1}, {"Reading": 2}], "a/b": 3});
        let mut seen = Vec::new();
        visit(&mut document, "/Fans/*/Reading", &mut |at, value| seen.push((at.to_owned(), value.take())));
        assert_eq!(
            seen,
            [("/Fans/0/Reading".to_owned(), json!(1)), ("/Fans/1/Reading".to_owned(), json!(2))]
        );
        visit(&mut document, "/a~1b", &mut |_, value| *value = json!(4));
        assert_eq!(document["a/b"], json!(4));
    }
}
