use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::target::{Budget, Credentials, Privilege, Protocol, Tls};

fn parse(text: &str) -> Result<Config, Problems> {
    let variable = |name: &str| (name == "SECRET").then(|| "long enough secret\n".to_owned());
    Config::parse("f.yml", text, &Surroundings { folder: Path::new("/nowhere"), variable: &variable })
}

#[test]
fn what_is_not_said_has_a_default() {
    let text = "site: {name: dc1}\ntargets:\n  - {name: a, address: a, protocol: redfish}\n";
    let config = parse(text).unwrap();
    assert_eq!(config.web, Web { listen: DEFAULT_LISTEN, config_file: None, timestamps: false });
    assert_eq!(DEFAULT_LISTEN.to_string(), "127.0.0.1:9808");
    let target = &config.targets[0];
    assert_eq!(target.interval, Duration::from_secs(60));
    assert_eq!(target.deadline, Duration::from_secs(60));
    assert_eq!(target.timeout, Duration::from_secs(5));
    assert_eq!(target.inventory_interval, Duration::from_secs(3600));
    assert_eq!(target.budget, Budget { concurrency: 2, rate: 10.0 });
    assert_eq!((target.tls.clone(), target.max_repetitions), (Tls::Verify, None));
    assert_eq!((&*target.device.site, target.address.to_string()), ("dc1", "a:443".to_owned()));
}

#[test]
fn a_target_goes_before_the_defaults() {
    let text = "site: {name: dc1}
defaults: {protocol: redfish, interval: 10m, timeout: 2s, rack: A1, tls: insecure, budget: {requests_in_flight: 1}}
targets:
  - {name: a, address: a, timeout: 3s, site: dc2, tls: plain, budget: {requests_per_second: 1.5}}
";
    let target = &parse(text).unwrap().targets[0];
    assert_eq!((target.interval, target.timeout), (Duration::from_secs(600), Duration::from_secs(3)));
    assert_eq!(target.deadline, Duration::from_secs(120), "the longest that is not asked for");
    assert_eq!(target.budget, Budget { concurrency: 1, rate: 1.5 });
    assert_eq!((&*target.device.site, &*target.device.rack), ("dc2", "A1"));
    assert_eq!(target.tls, Tls::Plain);
}

#[test]
fn a_time_that_is_taken_over_fits_the_interval() {
    let text = "site: {name: dc1}
defaults: {protocol: redfish, interval: 60s, deadline: 50s, timeout: 20s, inventory_interval: 1h}
targets: [{name: a, address: a, interval: 10s}, {name: b, address: b, interval: 2h}]
";
    let config = parse(text).unwrap();
    let seconds = |index: usize| {
        let target = &config.targets[index];
        [target.interval, target.deadline, target.timeout, target.inventory_interval]
            .map(|time| time.as_secs())
    };
    assert_eq!(seconds(0), [10, 10, 10, 3600]);
    assert_eq!(seconds(1), [7200, 50, 20, 7200]);
}

#[test]
fn a_long_interval_lengthens_the_inventory_interval() {
    let text = "site: {name: a}\ntargets: [{name: a, address: a, protocol: redfish, interval: 6h}]\n";
    assert_eq!(parse(text).unwrap().targets[0].inventory_interval, Duration::from_secs(6 * 3600));
}

#[test]
fn a_secret_is_read_without_its_line_break_and_never_printed() {
    let text = "site: {name: dc1}
credentials: {v3: {type: snmp_v3, user: u, auth: {protocol: sha512, passphrase_env: SECRET}}}
targets: [{name: a, address: a, protocol: snmp, credentials: v3}]
";
    let config = parse(text).unwrap();
    let Some(Credentials::Usm(usm)) = &config.targets[0].credentials else { panic!("no user") };
    assert_eq!(usm.auth.as_ref().unwrap().1.expose_secret(), "long enough secret");
    assert!(!format!("{config:?}").contains("long enough"), "{config:?}");
}

#[test]
fn a_pin_is_read_with_and_without_colons() {
    let digits = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff";
    let pairs: Vec<String> =
        digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into()).collect();
    for pin in [digits.to_owned(), pairs.join(":")] {
        let text = format!(
            "site: {{name: a}}\ntargets: [{{name: a, address: a, protocol: redfish, tls: {{pinned_sha256: '{pin}'}}}}]\n"
        );
        let Tls::Pinned(bytes) = parse(&text).unwrap().targets[0].tls else { panic!("{pin}") };
        assert_eq!(bytes[..4], [0x00, 0x11, 0x22, 0x33]);
        assert_eq!(bytes[30..], [0xee, 0xff]);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lightsout.yml");
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(error.contains("lightsout.yml: cannot read the file"), "{error}");
    std::fs::write(&path, b"site: \xff").unwrap();
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(error.contains("lightsout.yml: byte 6 is no UTF-8 text; save the file as UTF-8"), "{error}");
    std::fs::write(&path, "site: {name: dc1}\n").unwrap();
    assert_eq!(Config::load(&path).unwrap().site.name, "dc1");
}

#[test]
fn the_hash_tells_configurations_apart() {
    let first = parse("site: {name: abc}\n").unwrap().hash;
    // printf 'site: {name: abc}\n' | sha256sum
    assert_eq!(first, "da1a74a1e1f61eee");
    assert_ne!(first, parse("site: {name: abd}\n").unwrap().hash);
}

#[test]
fn a_target_whose_authorities_changed_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let tls = "tls: {ca_file: ca.pem}";
    let text = format!("site: {{name: abc}}\ntargets: [{{name: a, address: a, protocol: redfish, {tls}}}]\n");
    let with = |authority: &str| {
        let pem = format!("-----BEGIN CERTIFICATE-----\n{authority}\n");
        std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
        let around = Surroundings { folder: folder.path(), variable: &|_| None };
        Config::parse("f.yml", &text, &around).unwrap().targets.remove(0)
    };
    assert_eq!(with("one"), with("one"));
    assert_ne!(with("one"), with("other"));
}

/// The example with its settings in comments switched on or left alone.
fn example(switched_on: bool) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    for made in ["secrets", "profiles", "targets"] {
        std::fs::create_dir(folder.path().join(made)).unwrap();
    }
    for secret in ["pdu-community", "bmc-password", "bmc-group-key", "netbox-token", "central-token"] {
        put(&format!("secrets/{secret}"), "a secret\n");
    }
    put("web.yml", "");
    put("firmware.yml", "components: []\n");
    put("bmc-ca.pem", "-----BEGIN CERTIFICATE-----\n");
    let own = rcgen::generate_simple_self_signed(["collector.example".to_owned()]).unwrap();
    for name in ["receiver-ca.pem", "client.pem"] {
        put(name, &own.cert.pem());
    }
    put("client.key", &own.signing_key.serialize_pem());
    let text = include_str!("../../../lightsout.example.yml");
    let switch = |line: &str| match line.trim_start().strip_prefix('#') {
        Some(setting) if switched_on && setting.starts_with(|c: char| c.is_ascii_lowercase()) => {
            line.replacen('#', "", 1)
        }
        _ => line.to_owned(),
    };
    let text: String = text.lines().map(|line| switch(line) + "\n").collect();
    let variable = |name: &str| name.ends_with("_PASSPHRASE").then(|| "long enough".to_owned());
    let around = Surroundings { folder: folder.path(), variable: &variable };
    Config::parse("lightsout.example.yml", &text, &around).unwrap_or_else(|p| panic!("{}", p.render()))
}

#[test]
fn the_example_is_right_as_it_is_and_with_all_its_settings() {
    let plain = example(false);
    assert_eq!(plain.targets.len(), 5);
    assert_eq!((plain.target_files.len(), plain.target_http.len()), (1, 1));
    assert_eq!((plain.state_dir, plain.targets[0].max_repetitions), (None, None));
    let full = example(true);
    assert!(full.state_dir.is_some() && full.web.config_file.is_some() && full.profile_dirs.len() == 1);
    assert!(plain.firmware.is_none() && full.firmware.is_some());
    assert_eq!(full.targets[0].max_repetitions, Some(10));
    assert_eq!(full.targets[0].device.description.asset_tag, "004711");
    assert_eq!(plain.destinations.len(), 2);
    assert_eq!(
        (full.destinations[0].bytes_per_second, full.destinations[1].filter.thin.len()),
        (Some(20 << 10), 2)
    );
    assert_eq!(
        plain.buffer,
        full.buffer.map(|buffer| super::forwarding::Buffer { max_age: None, clock_floor: None, ..buffer })
    );
}

#[test]
fn a_login_of_ipmi_asks_for_little_unless_it_says_more() {
    let login = |more: &str| {
        let text = format!(
            "site: {{name: dc1}}\ncredentials: {{b: {{type: ipmi, user: u, password_env: SECRET{more}}}}}\n\
             targets: [{{name: a, address: a, protocol: ipmi, credentials: b}}]\n"
        );
        let config = parse(&text).unwrap_or_else(|problems| panic!("{}", problems.render()));
        let Some(Credentials::Ipmi(login)) = config.targets[0].credentials.clone() else {
            panic!("no login")
        };
        (login.privilege, login.group_key.map(|key| key.expose_secret().to_owned()))
    };
    assert_eq!(login(""), (Privilege::User, None));
    let key = Some("long enough secret".to_owned());
    assert_eq!(login(", privilege: operator, group_key_env: SECRET"), (Privilege::Operator, key));
    let wrong = "site: {name: dc1}\ncredentials: {b: {type: ipmi, user: u, group_key: x, privilege: administrator}}\n\
                 targets: [{name: a, address: a, protocol: redfish, credentials: b}]\n";
    let problems = parse(wrong).unwrap_err().render();
    for expected in ["write group_key_file: PATH or group_key_env: VARIABLE", "privilege"] {
        assert!(problems.contains(expected), "{problems}");
    }
}

#[test]
fn the_example_shows_every_key() {
    let text = include_str!("../../../lightsout.example.yml");
    let schema = schema();
    let mut keys = BTreeSet::new();
    collect_keys(&schema, &mut keys);
    assert!(keys.len() > 40, "{keys:?}");
    // Said in other words: a variable instead of a file, and what is rare.
    for left_out in
        ["community_env", "password_env", "group_key_env", "passphrase_file", "token_env", "context"]
    {
        assert!(keys.remove(left_out), "{left_out}");
    }
    let missing: Vec<_> = keys.iter().filter(|key| !text.contains(&format!("{key}:"))).collect();
    assert!(missing.is_empty(), "the example does not show {missing:?}");
}

fn collect_keys(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| collect_keys(value, keys));
        }
        Value::Array(list) => list.iter().for_each(|value| collect_keys(value, keys)),
        _ => {}
    }
}

#[test]
fn every_key_of_the_schema_is_described_and_every_pattern_is_one() {
    fn look(schema: &Value, path: &str, wrong: &mut Vec<String>) {
        let Value::Object(map) = schema else { return };
        if let Some(pattern) = map.get("pattern").and_then(Value::as_str)
            && regex_lite::Regex::new(pattern).is_err()
        {
            wrong.push(format!("{path}: {pattern}"));
        }
        for (key, value) in map {
            match value {
                Value::Object(properties) if key == "properties" && !path.ends_with(".labels") => {
                    for (name, property) in properties {
                        let is_tag = property.get("const").is_some();
                        // A variant of its own is described as a whole.
                        let is_tag = is_tag || map.contains_key("description");
                        if property.get("description").is_none() && property.get("$ref").is_none() && !is_tag
                        {
                            wrong.push(format!("{path}.{name} has no description"));
                        }
                        look(property, &format!("{path}.{name}"), wrong);
                    }
                }
                Value::Array(list) => list.iter().for_each(|value| look(value, path, wrong)),
                Value::Object(below) if key == "$defs" => {
                    below.iter().for_each(|(name, value)| look(value, name, wrong));
                }
                value => look(value, path, wrong),
            }
        }
    }
    let mut wrong = Vec::new();
    look(&schema(), "", &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(schema()["properties"]["site"]["$ref"], json!("#/$defs/Site"));
}

#[test]
fn a_target_from_the_command_line_has_the_defaults() {
    let target = ad_hoc("x", Protocol::Snmp, parse_address("::1", 161).unwrap(), None);
    assert_eq!((target.interval, target.timeout), (DEFAULT_INTERVAL, DEFAULT_TIMEOUT));
    assert_eq!(target.budget, default_budget(Protocol::Snmp));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0_u8.., 0..300)) {
        let _ = parse(&String::from_utf8_lossy(&bytes)).map_err(|problems| problems.render());
    }

    /// The example with something put into it, so that what lies behind the reader is reached too.
    #[test]
    fn no_change_of_the_example_makes_it_panic(at in 0..3_000_usize, length in 0..40_usize, put in ".{0,8}") {
        let text: Vec<char> = include_str!("../../../lightsout.example.yml").chars().collect();
        let kept = text.iter().enumerate().filter(|(index, _)| *index < at || *index >= at + length);
        let mut changed: String = String::new();
        for (index, character) in kept {
            if index >= at && !changed.contains('\u{1}') {
                changed.push_str(&put);
                changed.push('\u{1}');
            }
            changed.push(*character);
        }
        let _ = parse(&changed.replace('\u{1}', "")).map_err(|problems| problems.render());
    }
}
