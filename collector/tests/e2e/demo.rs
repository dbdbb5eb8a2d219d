//! The demonstration, and what a real Prometheus and independent parsers make of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{Process, Program, http, root, run, wait_for};

/// Parses expositions, a JSON list of texts, into lists of name, labels and value.
const PARSE: &str = r#"
import json, sys
from prometheus_client.parser import text_string_to_metric_families as text
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
def read(each):
    families = (openmetrics if each.rstrip().endswith("\n# EOF") else text)(each)
    return [[s.name, s.labels, repr(float(s.value))] for family in families for s in family.samples]
json.dump([read(each) for each in json.load(sys.stdin)], sys.stdout)
"#;

/// A series: its name and labels.
type Series = (String, BTreeMap<String, String>);

/// Parses with Python's `prometheus_client`.
fn parse(texts: &[String]) -> Vec<BTreeMap<Series, f64>> {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("texts.json");
    std::fs::write(&input, json!(texts).to_string()).unwrap();
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let mut command = Command::new(&python);
    command.args(["-c", PARSE]).stdin(std::fs::File::open(&input).unwrap());
    let output = command.output().unwrap_or_else(|error| panic!("this test needs {python}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "this test needs Python's prometheus_client (PYTHON names it): {said}");
    type Parsed = Vec<Vec<(String, BTreeMap<String, String>, String)>>;
    let parsed: Parsed = serde_json::from_slice(&output.stdout).unwrap();
    let series = |samples: Vec<_>| {
        samples
            .into_iter()
            .map(|(name, labels, value): (_, _, String)| ((name, labels), value.parse().unwrap()))
    };
    parsed.into_iter().map(|samples| series(samples).collect()).collect()
}

/// The demonstration, once every device but the dead one was polled to the end.
async fn demo() -> Program {
    let program = Program::start(["demo", "--listen", "127.0.0.1:0"]).await;
    wait_for("14 devices to be up", async || {
        let text = program.get("/api/v1/targets?state=up").await.body;
        let value: Value = serde_json::from_str(&text).unwrap();
        (value["data"]["targets"].as_array().unwrap().len() == 14).then_some(())
    })
    .await;
    program
}

#[tokio::test]
async fn the_demo_ends_by_itself_and_says_what_it_came_to() {
    // At its usual pace, for two polls: with less time for each, a busy machine cuts them short.
    let ended = run(["demo", "--for", "12s", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.assert_clean();
    let line = |start: &str| {
        let found = ended.stdout.lines().find_map(|line| line.strip_prefix(start));
        found.unwrap_or_else(|| panic!("no {start:?} in {}", ended.stdout))
    };
    let states = line("devices: 15 (");
    assert!(states.ends_with(" 1 down)"), "only switch-r2 is dead: {}", ended.stdout);
    let samples: u64 = line("samples: ").split(' ').next().unwrap().parse().unwrap();
    assert!(samples > 1000, "{}", ended.stdout);
    line("faults: ");
    line("  switch-r2: timeout: ");
    assert!(!line("  status page   ").ends_with(":0/"), "an address that can be opened");
}

#[tokio::test]
async fn the_demo_says_what_happens_and_when() {
    let listed = run(["demo", "--scenario", "list"]).await;
    assert_eq!((listed.code, listed.stdout.lines().count()), (Some(0), 8), "{listed:?}");
    let arguments = "demo --scenario rack-dark --speed 200 --for 15s --interval 1s --listen 127.0.0.1:0";
    let ended = run(arguments.split(' ')).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told: Vec<&str> = ended.stdout.lines().filter(|line| line.starts_with("T+")).collect();
    // The phases at 20 s and 920 s, at 200 times the speed of life.
    assert_eq!(told, ["T+0.1s all devices of rack r1 fall silent", "T+4.6s rack r1 answers again"]);
    assert!(!ended.stdout.contains("dead on purpose"), "{}", ended.stdout);
    let unknown = run(["demo", "--scenario", "flood"]).await;
    assert!(unknown.code == Some(1) && unknown.stderr.contains("rack-dark"), "{unknown:?}");
}

#[tokio::test]
async fn both_formats_hold_the_same_and_independent_tools_read_them() {
    let program = demo().await;
    let text = program.get("/metrics").await.body;
    let openmetrics = ("Accept", "application/openmetrics-text; version=1.0.0");
    let openmetrics = http(program.address, "GET", "/metrics", &[openmetrics]).await.body;
    let parsed = parse(&[text.clone(), openmetrics]);
    let series: Vec<BTreeSet<&Series>> = parsed.iter().map(|samples| samples.keys().collect()).collect();
    assert!(series[0].len() > 1000, "{}", series[0].len());
    assert_eq!(series[0], series[1]);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics");
    std::fs::write(&file, text).unwrap();
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(file).unwrap())
        .output()
        .unwrap_or_else(|error| panic!("this test needs promtool (Debian: apt install prometheus): {error}"));
    let said = [promtool.stdout, promtool.stderr].concat();
    assert!(promtool.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
    program.terminate().await;
}

/// A real Prometheus that scrapes `/metrics`, and every target of `/sd` by `/probe`.
struct Prometheus {
    process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Prometheus {
    async fn start(scraped: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = root().join("alert-rules").canonicalize().unwrap();
        let config = format!(
            "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}}\n\
             rule_files: [{}/*.yml]\n\
             scrape_configs:\n  \
               - job_name: metrics\n    static_configs: [{{targets: ['{scraped}']}}]\n  \
               - job_name: probe\n    metrics_path: /probe\n    \
                 http_sd_configs: [{{url: 'http://{scraped}/sd', refresh_interval: 1s}}]\n    \
                 relabel_configs:\n      \
                   - {{source_labels: [__address__], target_label: __param_target}}\n      \
                   - {{source_labels: [__param_target], target_label: instance}}\n      \
                   - {{target_label: __address__, replacement: '{scraped}'}}\n    \
                 # The alert rules would find each series twice.\n    \
                 metric_relabel_configs: [{{target_label: site, replacement: by-probe}}]\n",
            rules.display()
        );
        let path = folder.path().join("prometheus.yml");
        std::fs::write(&path, config).unwrap();
        let address = mocks::ports::reserve().unwrap();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"));
        let mut process = Process::start(&mut command, "Prometheus (Debian: apt install prometheus)");
        process.until_listening(address).await;
        wait_for("Prometheus to be ready", async || {
            (http(address, "GET", "/-/ready", &[]).await.status == 200).then_some(())
        })
        .await;
        Self { process, address, _folder: folder }
    }

    async fn ask(&self, path: &str) -> Value {
        let answer = http(self.address, "GET", path, &[]).await;
        let value: Value = serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.body));
        value["data"].clone()
    }

    /// The series that a selector finds, without the labels of the scrape, and their values in `range`.
    async fn values(&self, job: &str, range: &str) -> BTreeMap<Series, Vec<f64>> {
        let found = self.ask(&format!("/api/v1/query?query=%7Bjob=%22{job}%22%7D%5B{range}%5D")).await;
        let series = |each: &Value| {
            let mut labels: BTreeMap<String, String> =
                serde_json::from_value(each["metric"].clone()).unwrap();
            let name = labels.remove("__name__").unwrap();
            labels.retain(|label, _| label != "job" && label != "instance");
            let value = |pair: &Value| pair[1].as_str().unwrap().parse().unwrap();
            ((name, labels), each["values"].as_array().unwrap().iter().map(value).collect())
        };
        found["result"].as_array().unwrap().iter().map(series).collect()
    }

    /// The number that a query without labels in its result gives.
    async fn number(&self, query: &str) -> Option<f64> {
        let found = self.ask(&format!("/api/v1/query?query={query}")).await;
        found["result"][0]["value"][1].as_str()?.parse().ok()
    }

    async fn until(&self, query: &str, expected: f64) {
        wait_for(query, async || (self.number(query).await == Some(expected)).then_some(())).await;
    }
}

/// Whether a series is Prometheus's own: of the scrape itself, of an alert or a recording rule.
fn is_of_prometheus(name: &str) -> bool {
    name == "up" || name.starts_with("scrape_") || name.starts_with("ALERTS") || name.contains(':')
}

#[tokio::test]
async fn prometheus_holds_what_the_demo_serves() {
    let program = demo().await;
    let prometheus = Prometheus::start(program.address).await;
    prometheus.until("count(up%7Bjob=%22probe%22%7D==1)", 15.0).await;
    // What is served after each of five scrapes.
    let mut served = Vec::new();
    let mut scraped = None;
    wait_for("five scrapes", async || {
        let scrapes = prometheus.number("count_over_time(up%7Bjob=%22metrics%22%7D%5B5m%5D)").await;
        if scrapes != scraped {
            scraped = scrapes;
            served.push(program.get("/metrics").await.body);
        }
        (served.len() > 5).then_some(())
    })
    .await;
    let stored = prometheus.values("metrics", "5m").await;
    let served = parse(&served);

    let mut compared = BTreeSet::new();
    for (series, values) in &stored {
        if is_of_prometheus(&series.0) {
            continue;
        }
        let known: Vec<f64> = served.iter().filter_map(|samples| samples.get(series).copied()).collect();
        assert!(!known.is_empty(), "{series:?} was not served");
        // The program's own counts go on with every poll of any device.
        let is_count = series.0.starts_with("oob_poll_duration_seconds_");
        let is_same = values.iter().any(|value| known.contains(value));
        assert!(is_same || is_count, "{series:?}: {values:?}, served {known:?}");
        compared.insert(series);
    }
    let always = served[0].keys().filter(|series| served.iter().all(|samples| samples.contains_key(series)));
    for series in always {
        assert!(compared.contains(series), "Prometheus lacks {series:?}");
    }
    for name in ["hw_temperature_celsius", "oob_circuit_current_amperes", "oob_device_up"] {
        assert!(compared.iter().any(|(each, _)| each == name), "{name}");
    }
    assert!(compared.iter().all(|(_, labels)| !labels.keys().any(|label| label.starts_with("exported_"))));

    prometheus.until("sum(probe_success)", 14.0).await;
    prometheus.until("probe_success%7Binstance=%22switch-r2%22%7D", 0.0).await;
    let same = "count(hw_temperature_celsius%7Bjob=%22probe%22%7D)-\
                count(hw_temperature_celsius%7Bjob=%22metrics%22%7D)";
    prometheus.until(same, 0.0).await;
    assert_undisturbed(&prometheus).await;
    program.terminate().await;
}

/// No scrape failed, no rule did, and Prometheus had nothing to warn of.
async fn assert_undisturbed(prometheus: &Prometheus) {
    let targets = prometheus.ask("/api/v1/targets").await;
    let targets = targets["activeTargets"].as_array().unwrap();
    assert_eq!(targets.len(), 16);
    for target in targets {
        assert!(target["health"] == "up" && target["lastError"] == "", "{target:#}");
    }
    let rules = prometheus.ask("/api/v1/rules").await;
    let rules =
        rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let health: Vec<_> = rules.map(|rule| (rule["name"].clone(), rule["health"].clone())).collect();
    assert!(!health.is_empty() && health.iter().all(|(_, health)| health != "err"), "{health:?}");
    let log = prometheus.process.stderr();
    assert!(log.contains("level=info"), "the log's form has changed: {log}");
    let bad: Vec<_> =
        log.lines().filter(|line| line.contains("level=warn") || line.contains("level=error")).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}
