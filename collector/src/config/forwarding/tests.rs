use std::path::Path;
use std::time::Duration;

use exporters::buffer::Order;
use exporters::remote_write::encode::Version;

use super::*;
use crate::config::{Config, Surroundings};
use crate::yaml::Problems;

fn parse(text: &str) -> Result<Config, Problems> {
    let variable = |name: &str| match name {
        "TOKEN" => Some("a secret token".to_owned()),
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("https://otel.example:4318".to_owned()),
        _ => None,
    };
    Config::parse("f.yml", text, &Surroundings { folder: Path::new("/nowhere"), variable: &variable })
}

#[test]
fn what_is_not_said_has_a_default() {
    let text = "site: {name: a}\nstate_dir: state\nbuffer: {}\n\
        destinations: [{name: c, type: remote_write, url: 'https://c.example/api/v1/write'}]\n";
    let config = parse(text).unwrap_or_else(|problems| panic!("{}", problems.render()));
    let expected = Buffer {
        dir: "/nowhere/state/buffer".into(),
        limit_bytes: 64 << 20,
        max_age: None,
        sync: Duration::from_secs(5),
        clock_floor: None,
    };
    assert_eq!(config.buffer, Some(expected));
    let destination = &config.destinations[0];
    assert_eq!((destination.order, destination.batch_bytes), (Order::InOrder, 256 << 10));
    let Protocol::RemoteWrite(options) = &destination.protocol else { panic!("{destination:?}") };
    assert_eq!(options.endpoint.url, "https://c.example/api/v1/write");
}

#[test]
fn a_version_that_is_named_stays() {
    for (written, version, fall_back) in
        [("auto", Version::V2, true), ("'2'", Version::V2, false), ("'1'", Version::V1, false)]
    {
        let text = format!(
            "site: {{name: a}}\nbuffer: {{dir: b}}\ndestinations: \
            [{{name: c, type: remote_write, url: 'http://c.example/', remote_write_version: {written}}}]\n"
        );
        let config = parse(&text).unwrap_or_else(|problems| panic!("{}", problems.render()));
        let Protocol::RemoteWrite(options) = &config.destinations[0].protocol else {
            panic!("no remote-write")
        };
        assert_eq!((options.version, options.fall_back), (version, fall_back), "{written}");
    }
}

#[test]
fn the_variables_of_opentelemetry_are_defaults_and_secrets_are_not_printed() {
    let text = "site: {name: a}\nbuffer: {dir: b}\n\
        destinations: [{name: o, type: otlp, auth: {type: bearer, token_env: TOKEN}}]\n";
    let config = parse(text).unwrap_or_else(|problems| panic!("{}", problems.render()));
    let Protocol::Otlp(options) = &config.destinations[0].protocol else { panic!("no OTLP") };
    assert_eq!(options.endpoint.url, "https://otel.example:4318/v1/metrics");
    assert!(!format!("{config:?}").contains("a secret token"));
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let text = "site: {name: a}
buffer: {size: 1MiB, clock_floor: 2026-02-30}
destinations:
  - {name: a, type: remote_write}
  - {name: a, type: otlp, batch: 1GiB, auth: {type: basic, user: u}}
  - {name: b, type: remote_write, url: 'ftp://x', compression: gzip}
  - {name: c, type: remote_write, url: 'http://x', keep: [{metric: hw_temperature_celcius}]}
  - {name: d, type: remote_write, url: 'http://x', thin: [{every: 0s}]}
  - {name: e, type: remote_write, url: 'http://x', keep: [{metric: hw_temprature_*}]}
  - {name: g, type: otlp, url: 'https://u:hunter2@x/v1/metrics'}
  - {name: f, type: remote_write, url: 'http://x', keep: [{labels: {host: pdu-a}}]}
";
    let problems = parse(text).unwrap_err().render();
    for part in [
        "buffer has no folder",
        "too small",
        "no such day",
        "the address is missing",
        "name of another destination",
        "no size for a request",
        "the secret is missing",
        "is not for remote-write",
        "did you mean \"hw_temperature_celsius\"?",
        "thins nothing",
        "there is no metric \"hw_temprature_*\"",
        "there is no label \"host\"",
        "a login does not stand in a URL",
    ] {
        assert!(problems.contains(part), "{part} is not in\n{problems}");
    }
    let without = parse("site: {name: a}\ndestinations: [{name: a, type: remote_write, url: 'http://x'}]\n");
    assert!(without.unwrap_err().render().contains("destinations need a buffer"));
}
