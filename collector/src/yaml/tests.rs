//! Each mistake that a person makes, and the words that it is answered with.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;

/// Stands for what is decoded elsewhere: every feature of schemas that types here use.
#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-instead" = {"password": "write password_file or password_env"}))]
struct File {
    /// Name of the site. One word.
    site: String,
    every: Option<Duration>,
    #[serde(default)]
    targets: Vec<Lenient<Target>>,
    #[serde(default)]
    named: BTreeMap<String, Lenient<Login>>,
    #[serde(default)]
    states: BTreeMap<Kind, u8>,
    scale: Option<Scale>,
    #[serde(default)]
    flag: bool,
    community: Option<u16>,
    trust: Option<Trust>,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
struct Target {
    /// Host name or IP address.
    address: String,
    #[serde(default)]
    kind: Option<Kind>,
    #[schemars(range(min = 1, max = 100))]
    rows: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Pdu,
    Switch,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(tag = "protocol", rename_all = "snake_case", deny_unknown_fields)]
enum Login {
    Snmp { version: u8 },
    Redfish { user: String },
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Trust {
    /// Everything.
    All,
    /// Nothing.
    Nobody,
    /// Who is in this file.
    File(String),
    /// Who has this number.
    Number(u8),
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(untagged)]
enum Scale {
    Constant(f64),
    Column { column: String },
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(untagged, deny_unknown_fields)]
enum Part {
    Fixed { fixed: u8 },
    Named { name: String, length: u8 },
}

#[test]
fn a_mapping_of_several_keys_beside_one_of_a_single_key_is_found() {
    let decode = |text: &str| Document::parse("f.yml", text).unwrap().decode::<Vec<Part>>();
    let named = Part::Named { name: "a".into(), length: 3 };
    assert_eq!(decode("- {fixed: 1}\n- {name: a, length: 3}\n").unwrap(), [Part::Fixed { fixed: 1 }, named]);
    assert!(decode("- {nome: a}\n").is_err());
}

fn problems(text: &str) -> Vec<String> {
    let document = match Document::parse("f.yml", text) {
        Ok(document) => document,
        Err(problems) => return problems.iter().map(ToString::to_string).collect(),
    };
    let problems = document.decode::<File>().expect_err("a mistake");
    problems.iter().map(ToString::to_string).collect()
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(problems(text), expected, "{text}");
}

#[test]
fn what_is_right_is_decoded() {
    let text = "site: 12\nevery: 1m30s\ntargets:\n  - {address: a, kind: pdu}\n  - {address: b, rows: 0x10}\n\
                named:\n  x: {protocol: snmp, version: 2}\nstates: {switch: 7}\nscale: {column: c}\nflag: true\n";
    let file: File = Document::parse("f.yml", text).unwrap().decode().unwrap();
    assert_eq!(file.site, "12", "an unquoted number is text where text is expected");
    assert_eq!(file.every, Some("1m30s".parse().unwrap()));
    let first = Target { address: "a".into(), kind: Some(Kind::Pdu), rows: None };
    let second = Target { address: "b".into(), kind: None, rows: Some(16) };
    assert_eq!(file.targets, [Lenient(Some(first)), Lenient(Some(second))]);
    assert_eq!(file.named["x"], Lenient(Some(Login::Snmp { version: 2 })));
    assert_eq!(file.states[&Kind::Switch], 7);
    assert_eq!(file.scale, Some(Scale::Column { column: "c".into() }));
    assert!(file.flag);
}

#[test]
fn all_mistakes_come_at_once_in_order() {
    check(
        "every: 10x\ntargets:\n  - adress: a\n    rows: 500\n  - kind: swich\nflag: yes\nsites: b\n",
        &[
            "f.yml:1:8: every: expected a duration, found \"10x\"; write for example 30s, 5m or 1h",
            "f.yml:3:5: targets[0].adress: unknown key; did you mean \"address\"?",
            "f.yml:4:11: targets[0].rows: \"500\" is more than the most allowed, 100",
            "f.yml:5:5: targets[1]: the key \"address\" is missing; add it: Host name or IP address",
            "f.yml:5:11: targets[1].kind: expected pdu or switch, found \"swich\"; did you mean \"switch\"?",
            "f.yml:6:7: flag: expected true or false, found \"yes\"",
            "f.yml:7:1: sites: unknown key; did you mean \"site\"?",
        ],
    );
}

#[test]
fn wrong_types_are_named() {
    check("[]\n", &["f.yml:1:1: expected a mapping, found a list"]);
    check("", &["f.yml:1:1: expected a mapping, found nothing"]);
    check("site: [a]\n", &["f.yml:1:7: site: expected text, found a list"]);
    check("site:\n", &["f.yml:1:5: site: expected text, found nothing"]);
    check(
        "site: s\ntargets: [{address: a, rows: \"5\"}]\n",
        &["f.yml:2:30: targets[0].rows: expected a whole number, found \"5\"; leave out the quotes"],
    );
    check("site: s\nscale: [1]\n", &["f.yml:2:8: scale: expected a number or a mapping, found a list"]);
}

#[test]
fn alternatives_are_told_apart_by_their_tag() {
    check(
        "site: s\nnamed:\n  a: {protocol: snmpp, version: 2}\n  b: {version: 2}\n  c: {protocol: redfish, version: 2}\n",
        &[
            "f.yml:3:17: named.a.protocol: expected snmp or redfish, found \"snmpp\"; did you mean \"snmp\"?",
            "f.yml:4:6: named.b: the key \"protocol\" is missing; add \"protocol\": snmp or redfish",
            "f.yml:5:6: named.c: the key \"user\" is missing",
            "f.yml:5:26: named.c.version: unknown key; the keys here are protocol, user",
        ],
    );
}

#[test]
fn alternatives_are_told_apart_by_their_key() {
    let trust = |text: &str| Document::parse("f.yml", text).unwrap().decode::<File>().unwrap().trust.unwrap();
    assert_eq!(trust("site: s\ntrust: nobody\n"), Trust::Nobody);
    assert_eq!(trust("site: s\ntrust: {file: a.pem}\n"), Trust::File("a.pem".into()));
    check(
        "site: s\ntrust: al\n",
        &["f.yml:2:8: trust: expected all or nobody, found \"al\"; did you mean \"all\"?"],
    );
    check("site: s\ntrust: {fil: a}\n", &["f.yml:2:9: trust.fil: unknown key; did you mean \"file\"?"]);
    check(
        "site: s\ntrust: {number: 300}\n",
        &["f.yml:2:17: trust.number: \"300\" is more than the most allowed, 255"],
    );
}

#[test]
fn keys_are_unique_and_known() {
    check(
        "site: s\nsite: t\n",
        &["f.yml:2:1: the key \"site\" stands in line 1 already; keep one of the two"],
    );
    check(
        "site: s\nstates: {swich: 1}\n",
        &["f.yml:2:10: states.swich: unknown key; did you mean \"switch\"?"],
    );
    check(
        "site: s\npassword: hunter2\n",
        &["f.yml:2:1: password: unknown key; write password_file or password_env"],
    );
}

#[test]
fn a_mistake_that_ends_the_reading_has_its_place() {
    for (text, place) in [
        ("site: [a\n", "f.yml:1:7"),
        ("a: b: c\n", "f.yml:1:5"),
        ("a: *b\n", "f.yml:1:4"),
        ("a: 1\n---\nb: 2\n", "f.yml:2:1"),
    ] {
        let problems = problems(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(place), "{problems:?}");
    }
}

#[test]
fn the_line_is_shown_with_a_caret_and_without_secrets() {
    let render = |text: &str| Document::parse("f.yml", text).unwrap().decode::<File>().unwrap_err().render();
    assert_eq!(
        render("site: s\nevery: 10x # soon\n"),
        "f.yml:2:8: every: expected a duration, found \"10x\"; write for example 30s, 5m or 1h\n  \
         2 | every: 10x # soon\n    |        ^"
    );
    assert_eq!(
        render("{community: hunter2hunter2, site: s}"),
        "f.yml:1:13: community: expected a whole number, found a value that is not shown\n  \
         1 | {community: ***, site: s}\n    |             ^"
    );
    assert_eq!(
        render("{site: s, community: 12345, every: 10x}"),
        "f.yml:1:36: every: expected a duration, found \"10x\"; write for example 30s, 5m or 1h\n  \
         1 | {site: s, community: ***, every: 10x}\n    |                                  ^"
    );
    let unknown = render("site: s\npasswort: hunter2\n");
    assert!(unknown.contains("2 | passwort…") && !unknown.contains("hunter2"), "{unknown}");
}

#[test]
fn a_broken_text_with_secrets_is_not_shown() {
    for text in
        ["password: \"hunter2\\q\"\n", "a: {password: hunter2\n", "community: >\n hunter2\n b\n\tc: d: e\n"]
    {
        let problems = Document::parse("f.yml", text).unwrap_err();
        assert!(!problems.render().contains("hunter2"), "{}", problems.render());
    }
}

#[test]
fn what_is_right_can_be_looked_at_beside_mistakes() {
    let text = "site: s\nevery: 10x\ntargets: [{}, {address: b}]\nnamed: {a: {}}\n";
    let (file, problems) = Document::parse("f.yml", text).unwrap().decode_partly::<File>();
    let file = file.unwrap();
    assert_eq!(problems.len(), 3);
    assert_eq!(file.every, None);
    assert_eq!(file.targets[0], Lenient(None));
    assert_eq!(file.targets[1].0.as_ref().unwrap().address, "b");
    assert_eq!(file.named["a"], Lenient(None));
    assert!(problems.touch(&Path::root().key("named")) && !problems.touch(&Path::root().key("site")));
}

#[test]
fn a_later_check_finds_the_place_of_a_value() {
    let document = Document::parse("f.yml", "a:\n  - b: 1\n    c: 2\n").unwrap();
    let entry = Path::root().key("a").index(0);
    assert_eq!(document.place(&entry.key("c")), Place { line: 3, column: 8 });
    assert_eq!(document.place(&entry.key("missing")), Place { line: 2, column: 5 });
    let problem = document.problem(&entry.key("c"), "is wrong", "write 3");
    assert_eq!(problem.to_string(), "f.yml:3:8: a[0].c: is wrong; write 3");
}

#[test]
fn merged_keys_give_way_to_own_ones() {
    let text = "a: &base {x: 1, y: 2}\nb: {<<: *base, y: 3}\nc: {<<: [*base, {z: 4}]}\n";
    let value: Value = Document::parse("f.yml", text).unwrap().decode().unwrap();
    let expected = serde_json::json!({
        "a": {"x": 1, "y": 2}, "b": {"y": 3, "x": 1}, "c": {"x": 1, "y": 2, "z": 4}
    });
    assert_eq!(value, expected);
}

#[test]
fn an_alias_bomb_ends_early() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
    }
    let problems = Document::parse("f.yml", &text).unwrap_err();
    assert!(problems.to_string().contains("more than 400000 values"), "{problems}");
}

#[test]
fn deep_nesting_ends_early() {
    let mut chain = "a0: &a0 []\n".to_owned();
    for level in 1..100 {
        chain.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    for text in ["[".repeat(10_000), "- ".repeat(10_000), chain] {
        assert!(Document::parse("f.yml", &text).is_err());
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _ = Document::parse("f.yml", &text).map(|d| d.decode::<File>().map_err(|p| p.render()));
    }

    /// Fragments of YAML, so that more of them are read as such.
    #[test]
    fn no_fragments_make_it_panic(parts in proptest::collection::vec(0..FRAGMENTS.len(), 0..40)) {
        let text: String = parts.into_iter().map(|part| FRAGMENTS[part]).collect();
        let _ = Document::parse("f.yml", &text).map(|d| d.decode::<File>().map_err(|p| p.render()));
    }
}

const FRAGMENTS: [&str; 26] = [
    "site", "targets", "named", "address", "password", ": ", ":", "- ", "\n", "\n  ", "[", "]", "{", "}",
    ", ", "&a ", "*a", "<<", "!!str ", "\"", "'", "|\n", "#", "10", "ü€", "---\n",
];
