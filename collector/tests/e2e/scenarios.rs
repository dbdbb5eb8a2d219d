//! The incidents of the mock facility, as the program sees them: what changes, what does not, and that it ends.

use std::time::{Duration, Instant};

use mocks::facility::{Facility, write_config};
use mocks::scenario::{Scenario, names};
use tempfile::TempDir;

use super::support::{PATIENCE, Program};

/// What is expected of a sum of series (`metric; label=value; …`): from and to, before and after an incident, and
/// from and to meanwhile.
type Expected = (&'static str, [f64; 2], [f64; 2]);

/// What nobody sees while nothing happens. An incident shows those that it names, and no other.
const WOES: [(&str, &str); 7] = [
    ("failed", "hw_status; hw_state=failed"),
    ("degraded", "hw_status; hw_state=degraded"),
    ("redundancy degraded", "oob_redundancy_state; state=degraded"),
    ("redundancy lost", "oob_redundancy_state; state=lost"),
    ("on battery", "oob_ups_state; state=on_battery"),
    ("tripped", "oob_circuit_state; state=tripped"),
    ("open", "oob_contact_open"),
];

/// An incident, the moment that is looked at, and what is seen then.
struct Incident {
    name: &'static str,
    seconds: u64,
    woes: &'static [(&'static str, f64)],
    expected: &'static [Expected],
}

/// The values follow from the scenarios' files and the recordings, with room for what drifts.
const INCIDENTS: [Incident; 8] = [
    Incident {
        name: "fan-fails",
        seconds: 300,
        woes: &[("failed", 1.0), ("redundancy degraded", 1.0)],
        expected: &[
            ("hw_fan_speed_rpm; host_name=server-r1-02; hw_name=Fan 3", [7700.0, 9100.0], [0.0, 0.0]),
            (
                "hw_fan_speed_rpm; host_name=server-r1-02; hw_name=Fan 1",
                [7700.0, 9100.0],
                [10_900.0, 12_300.0],
            ),
            ("hw_fan_speed_rpm; host_name=server-r1-01; hw_name=Fan 3", [7700.0, 9100.0], [7700.0, 9100.0]),
            (
                "hw_temperature_celsius; host_name=server-r1-02; hw_name=CPU 1 temperature",
                [51.0, 66.0],
                [60.0, 75.0],
            ),
            ("hw_status; host_name=server-r1-02; hw_name=Fan 3; hw_state=failed", [0.0, 0.0], [1.0, 1.0]),
        ],
    },
    Incident {
        name: "inlet-heats",
        seconds: 400,
        woes: &[],
        expected: &[
            ("hw_host_ambient_temperature_celsius; host_name=server-r1-01", [22.0, 25.0], [33.5, 36.5]),
            ("hw_host_ambient_temperature_celsius; host_name=server-r1-02", [22.0, 25.0], [33.5, 36.5]),
            ("hw_host_ambient_temperature_celsius; host_name=server-r2-01", [22.0, 25.0], [22.0, 25.0]),
            ("hw_temperature_celsius; host_name=pdu-r1-b; hw_name=cold aisle", [20.9, 23.9], [31.9, 34.9]),
            ("hw_temperature_celsius; host_name=pdu-r1-b; hw_name=hot aisle", [32.3, 35.3], [42.3, 45.3]),
            (
                "hw_temperature_limit_celsius; host_name=pdu-r1-b; hw_name=hot aisle; hw_limit_type=high.degraded",
                [55.0, 55.0],
                [55.0, 55.0],
            ),
        ],
    },
    Incident {
        name: "branch-overload",
        seconds: 60,
        woes: &[],
        expected: &[
            ("oob_circuit_current_amperes; host_name=pdu-r1-a; hw_id=bank3", [3.3, 3.9], [15.5, 16.1]),
            (
                "oob_circuit_current_limit_amperes; host_name=pdu-r1-a; hw_id=bank3; hw_limit_type=max",
                [16.0, 16.0],
                [16.0, 16.0],
            ),
            ("oob_circuit_current_amperes; host_name=pdu-r1-a; hw_id=phase2", [7.6, 8.6], [19.8, 20.8]),
            (
                "oob_circuit_current_limit_amperes; host_name=pdu-r1-a; hw_id=phase2; hw_limit_type=max",
                [32.0, 32.0],
                [32.0, 32.0],
            ),
            ("oob_circuit_current_amperes; host_name=pdu-r1-a; hw_id=outlet9", [1.3, 1.7], [7.4, 7.8]),
            ("oob_circuit_current_amperes; host_name=pdu-r1-b; hw_id=bank3", [3.3, 3.9], [3.3, 3.9]),
            ("oob_circuit_current_amperes; host_name=ups-1; hw_id=output2", [23.8, 26.4], [36.0, 38.6]),
        ],
    },
    Incident {
        name: "feed-lost",
        seconds: 60,
        woes: &[("failed", 1.0), ("redundancy lost", 1.0)],
        expected: &[
            (
                "oob_circuit_voltage_volts; host_name=server-r1-02; hw_name=Power Supply 1",
                [228.0, 232.0],
                [0.0, 0.0],
            ),
            (
                "oob_circuit_voltage_volts; host_name=server-r1-02; hw_name=Power Supply 2",
                [228.0, 232.0],
                [228.0, 232.0],
            ),
            (
                "hw_power_supply_usage_watts; host_name=server-r1-02; hw_name=Power Supply 1",
                [170.0, 240.0],
                [0.0, 0.0],
            ),
            (
                "hw_power_supply_usage_watts; host_name=server-r1-02; hw_name=Power Supply 2",
                [150.0, 210.0],
                [350.0, 415.0],
            ),
            (
                "hw_status; host_name=server-r1-02; hw_name=Power Supply 1; hw_state=failed",
                [0.0, 0.0],
                [1.0, 1.0],
            ),
            ("oob_circuit_current_amperes; host_name=pdu-r1-a; hw_id=outlet2", [0.6, 0.8], [0.0, 0.0]),
            ("oob_circuit_current_amperes; host_name=pdu-r1-b; hw_id=outlet2", [0.6, 0.8], [1.2, 1.6]),
            ("oob_circuit_current_amperes; host_name=pdu-r1-a; hw_id=bank1", [3.4, 4.0], [2.7, 3.3]),
            ("oob_circuit_current_amperes; host_name=pdu-r1-b; hw_id=bank1", [3.4, 4.0], [4.1, 4.7]),
        ],
    },
    Incident {
        name: "on-battery",
        seconds: 470,
        woes: &[("on battery", 1.0)],
        expected: &[
            ("oob_ups_state; host_name=ups-1; state=on_battery", [0.0, 0.0], [1.0, 1.0]),
            ("oob_ups_state; host_name=ups-1; state=online", [1.0, 1.0], [0.0, 0.0]),
            ("hw_battery_charge_ratio; host_name=ups-1", [1.0, 1.0], [0.79, 0.79]),
            ("hw_battery_time_left_seconds; host_name=ups-1", [2160.0, 2400.0], [1560.0, 1740.0]),
            ("oob_circuit_voltage_volts; host_name=ups-1; hw_id=input1", [231.0, 231.0], [0.0, 0.0]),
            ("oob_circuit_power_watts; host_name=ups-1; hw_id=output2", [5350.0, 5930.0], [5350.0, 5930.0]),
        ],
    },
    Incident {
        name: "firmware-change",
        seconds: 60,
        woes: &[],
        expected: &[
            (
                "oob_firmware_info; host_name=server-r2-01; component=bmc; version=3.11.0",
                [0.0, 0.0],
                [1.0, 1.0],
            ),
            (
                "oob_firmware_info; host_name=server-r2-01; component=bmc; version=3.10.2",
                [1.0, 1.0],
                [0.0, 0.0],
            ),
            ("oob_firmware_info; component=bmc; version=3.10.2", [4.0, 4.0], [3.0, 3.0]),
        ],
    },
    Incident {
        name: "link-dies",
        seconds: 60,
        woes: &[],
        expected: &[
            ("oob_device_up; site=demo-pole-7", [3.0, 3.0], [0.0, 0.0]),
            ("oob_device_up; site=demo-dc", [11.0, 11.0], [11.0, 11.0]),
        ],
    },
    Incident {
        name: "rack-dark",
        seconds: 60,
        woes: &[],
        expected: &[
            ("oob_device_up; rack=r1", [6.0, 6.0], [0.0, 0.0]),
            ("oob_device_up; rack=r2", [4.0, 4.0], [4.0, 4.0]),
        ],
    },
];

struct Stage {
    facility: Facility,
    program: Program,
    _folder: TempDir,
}

impl Stage {
    async fn start() -> Self {
        let facility = Facility::start_calm().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let config =
            write_config(folder.path(), facility.devices(), listen, Duration::from_secs(4), None).unwrap();
        let text = std::fs::read_to_string(&config).unwrap();
        let often = text.replace("inventory_interval: 30s", "inventory_interval: 4s");
        assert_ne!(text, often, "the form of the configuration has changed");
        std::fs::write(&config, often).unwrap();
        let program = Program::start(["run", "--config", &config.display().to_string()]).await;
        Self { facility, program, _folder: folder }
    }

    /// Waits until one scrape shows all that is expected, and no woe but these.
    async fn until(&self, when: &str, expected: &[(&str, [f64; 2])], woes: &[(&str, f64)]) {
        let quiet = WOES.iter().map(|(name, sum)| {
            let count = woes.iter().find(|(woe, _)| woe == name).map_or(0.0, |(_, count)| *count);
            (*sum, [count, count])
        });
        let expected: Vec<_> = quiet.chain(expected.iter().copied()).collect();
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.program.get("/metrics").await.body;
            let found = expected.iter().map(|(sum, range)| (*sum, range, total(&text, sum)));
            let wrong: Vec<_> =
                found.filter(|(_, [from, to], found)| !(*from..=*to).contains(found)).collect();
            if wrong.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "{when}, expected and found: {wrong:#?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The sum of the series that a selector names, 0 without any; rounded, so that tenths add up.
fn total(text: &str, selector: &str) -> f64 {
    let mut words = selector.split("; ");
    let name = words.next().unwrap();
    let labels: Vec<String> = words.map(|word| word.replacen('=', "=\"", 1) + "\"").collect();
    let series =
        text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
    let fits = series.filter(|line| labels.iter().all(|label| line.contains(label)));
    let sum: f64 = fits.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum();
    (sum * 1e6).round() / 1e6
}

#[tokio::test(flavor = "multi_thread")]
async fn each_incident_shows_itself_and_nothing_else_and_ends() {
    let stage = Stage::start().await;
    let all: Vec<&str> = INCIDENTS.iter().map(|incident| incident.name).collect();
    assert!(names().all(|name| all.contains(&name)), "each scenario is tried: {all:?}");
    for Incident { name, seconds, woes, expected } in INCIDENTS {
        let scenario = Scenario::named(name).unwrap();
        let usual: Vec<_> = expected.iter().map(|(sum, usual, _)| (*sum, *usual)).collect();
        let meanwhile: Vec<_> = expected.iter().map(|(sum, _, meanwhile)| (*sum, *meanwhile)).collect();
        stage.until(&format!("before {name}"), &usual, &[]).await;
        stage.facility.show(&scenario.at(Duration::from_secs(seconds)));
        stage.until(&format!("during {name}"), &meanwhile, woes).await;
        stage.facility.show(&scenario.at(scenario.length()));
        stage.until(&format!("after {name}"), &usual, &[]).await;
    }
    stage.program.terminate().await;
}
