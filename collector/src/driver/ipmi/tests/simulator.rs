//! OpenIPMI's `ipmi_sim` with a BMC of this test: formats, formulas, limits, states, an inventory in three ways of
//! writing, and a second controller behind it. It has cipher suite 3 and stays silent on 17.
//!
//! With `../shared/captures/ipmi` (or `LIGHTSOUT_CAPTURES`) also with the configuration there.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::fru;
use crate::config::{ad_hoc, parse_address};
use crate::target::{Credentials, Protocol, Target};

/// Measuring sensors: number, name, type, entity, unit, M, B, K2, K1, format, formula, raw reading.
type Analogue = (
    u8,
    &'static str,
    (u8, &'static str),
    &'static str,
    &'static str,
    [i16; 4],
    &'static str,
    &'static str,
    u8,
);

const TEMPERATURE: (u8, &str) = (1, "Temperature");
const VOLTAGE: (u8, &str) = (2, "Voltage");
const FAN: (u8, &str) = (4, "Fan");
const OTHER: (u8, &str) = (11, "Other_Units_Based_Sensor");
const UNSIGNED: &str = "unsigned";
const LINEAR: &str = "linear";

#[rustfmt::skip]
const ANALOGUE: &[Analogue] = &[
    (20, "Minus M", TEMPERATURE, "processor", "degrees_C", [-1, 100, 0, 0], UNSIGNED, LINEAR, 40),
    (21, "Signed", TEMPERATURE, "power_supply", "degrees_C", [1, 0, 0, 0], "2s_complement", LINEAR, 0xf6),
    (22, "Ones", TEMPERATURE, "processor", "degrees_C", [1, 0, 0, 0], "1s_complement", LINEAR, 0xf5),
    (23, "Exponents", VOLTAGE, "battery", "Volts", [25, 1, -3, 2], UNSIGNED, LINEAR, 120),
    (24, "Squared", OTHER, "system_board", "Watts", [1, 0, 0, 0], UNSIGNED, "sqr(x)", 15),
    (25, "PS1 Power In", OTHER, "power_supply", "Watts", [4, 0, 0, 0], UNSIGNED, LINEAR, 46),
    (26, "Fahrenheit", TEMPERATURE, "system_board", "degrees_F", [1, 0, 0, 0], UNSIGNED, LINEAR, 212),
    (28, "Inlet", TEMPERATURE, "system_board", "degrees_C", [1, 0, 0, 0], UNSIGNED, LINEAR, 24),
    (29, "Fan1", FAN, "system_board", "RPM", [100, 0, 0, 0], UNSIGNED, LINEAR, 64),
    (27, "Root", VOLTAGE, "system_board", "Volts", [1, 0, 0, 0], UNSIGNED, "sqrt(x)", 144),
];

/// Discrete sensors: number, name, type, entity, reading type, states. The last one shares its record with the
/// number behind it, which has the first state only.
type Discrete = (u8, &'static str, (u8, &'static str), &'static str, u8, &'static [u8]);

#[rustfmt::skip]
const DISCRETE: &[Discrete] = &[
    (30, "PS1 Status", (8, "Power_Supply"), "power_supply", 0x6f, &[0, 1]),
    (31, "PS Redundancy", (8, "Power_Supply"), "power_unit", 0x0b, &[1]),
    (32, "Intrusion", (5, "Physical_Security"), "system_board", 0x6f, &[0]),
    (33, "CPU1 Status", (7, "Processor"), "processor", 0x6f, &[7]),
    (36, "dimm1", (37, "Entity_Presence"), "memory_module", 0x6f, &[1]),
    (34, "Slot ", (13, "Drive_Slot"), "disk_or_disk_bay", 0x6f, &[0, 1]),
];

/// The BMC, with a log, and a controller behind it that has one sensor.
const CONTROLLERS: &str = "mc_setbmc 0x20\n\
    mc_add 0x20 0 no-device-sdrs 0x23 3 0x17 0x9f 0x1291 0xf02 persist_sdr\n\
    sel_enable 0x20 100 0x0a\n\
    mc_add 0x30 2 no-device-sdrs 0x98 1 1 0xa0 0x1291 0xf03\n\
    sensor_add 0x30 0 1 1 1\n";

const LAN: &str = "name \"bmc\"\nset_working_mc 0x20\n  startlan 1\n    priv_limit admin\n    \
    allowed_auths_admin md5\n    guid 00112233445566778899aabbccddeeff\n";

const USER: &str = "  user 2 true \"ipmiusr\" \"test\" admin 4 md5\n";

/// The record of the sensor behind the BMC: number and owner are those of its controller.
fn behind() -> String {
    let head = head(1, "system_board", "Temperature", 1).replace("owner_id 0x20", "owner_id 0x30");
    format!(
        "sdr type 1\n{head}analog_data_format unsigned\nbase_unit degrees_C\nlinearization linear\nm 1\n\
         sensor_maximum 255\nid_string \"SubTemp\"\nendsdr\n"
    )
}

fn analogue(emulation: &mut String, records: &mut String) {
    for (number, name, (code, kind), entity, unit, [m, b, r_exp, b_exp], format, formula, raw) in ANALOGUE {
        let _ = write!(
            emulation,
            "sensor_add 0x20 0 {number} {code:#x} 0x01\nsensor_set_value 0x20 0 {number} {raw:#x} 0\n\
             sensor_set_threshold 0x20 0 {number} settable 111111 0x30 0x2c 0x28 0x18 0x14 0x10\n{}",
            scanned(*number)
        );
        let _ = write!(
            records,
            "sdr type 1\n{}analog_data_format {format}\nrate_unit none\nmodifier_unit none\npercentage false\n\
             base_unit {unit}\nlinearization {formula}\nm {m}\nb {b}\nr_exp {r_exp}\nb_exp {b_exp}\n\
             sensor_direction input\nsensor_maximum 255\nsensor_minimum 0\nid_string \"{name}\"\nendsdr\n",
            head(*number, entity, kind, 1)
        );
    }
}

fn discrete(emulation: &mut String, records: &mut String) {
    for (number, name, (code, kind), entity, reading, states) in DISCRETE {
        let is_shared = name.ends_with(' ');
        for (number, states) in
            [(*number, *states), (number + 1, &[0])].iter().take(1 + usize::from(is_shared))
        {
            let _ = writeln!(emulation, "sensor_add 0x20 0 {number} {code:#x} {reading:#x}");
            for state in *states {
                let _ = writeln!(emulation, "sensor_set_bit 0x20 0 {number} {state} 1 0");
            }
            emulation.push_str(&scanned(*number));
        }
        let shared =
            "share_count 2\nid_string_modifier numeric\ninstance_modifier_off 3\nentity_instance_incr true\n";
        let all: String = (0..8).map(|state| format!("event{state}_state_ret true\n")).collect();
        let _ = write!(
            records,
            "sdr type 2\n{}{}{all}id_string \"{name}\"\nendsdr\n",
            head(*number, entity, kind, *reading),
            if is_shared { shared } else { "" },
        );
    }
}

fn scanned(number: u8) -> String {
    let none = "000000000000000";
    format!(
        "sensor_set_event_support 0x20 0 {number} enable scanning per-state {none} {none} {none} {none}\n"
    )
}

fn head(number: u8, entity: &str, kind: &str, reading: u8) -> String {
    format!(
        "sensor_owner_id 0x20\nsensor_owner_lun 0\nchannel_number 0\nsensor_number {number}\nentity_id {entity}\n\
         entity_instance 1\nsensor_type {kind}\ndefault_sensor_scan_on true\nevent_reading_type_code {reading:#x}\n"
    )
}

/// A BMC on a port of its own. Ends with the value.
pub(super) struct Sim {
    pub(super) port: u16,
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Sim {
    /// With the BMC of this test.
    pub(super) fn start() -> Self {
        let (mut emulation, mut records) = (CONTROLLERS.to_owned(), String::new());
        analogue(&mut emulation, &mut records);
        discrete(&mut emulation, &mut records);
        records.push_str(&behind());
        let fru = fru::data().iter().fold(String::new(), |text, byte| text + &format!(" {byte:#04x}"));
        let _ = writeln!(emulation, "mc_add_fru_data 0x20 0 {} data{fru}", fru::SIZE);
        // What a controller has is said before it is switched on.
        emulation.push_str("mc_enable 0x30\nmc_enable 0x20\n");
        Self::with("bmc", &[LAN, "    addr 127.0.0.1 PORT\n  endlan\n", USER].concat(), &emulation, &records)
    }

    /// With the configuration of the captures. None where it is not there.
    #[allow(clippy::print_stdout, reason = "a check that is left out says so")]
    pub(super) fn of_captures() -> Option<Self> {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
        let captures = std::env::var_os("LIGHTSOUT_CAPTURES").map_or(beside, PathBuf::from).join("ipmi");
        if !captures.is_dir() {
            println!("left out: {} is not there", captures.display());
            return None;
        }
        let read = |name| std::fs::read_to_string(captures.join(name)).unwrap();
        let lan = read("lan1.conf").replace("127.0.0.1 9001", "127.0.0.1 PORT");
        Some(Self::with("ipmisim1", &lan, &read("sim1.emu"), &read("sim1.sdrs")))
    }

    fn with(name: &str, lan: &str, emulation: &str, records: &str) -> Self {
        let port = mocks::ports::reserve().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("lan.conf", &lan.replace("PORT", &port.to_string()));
        write("bmc.emu", emulation);
        write("bmc.sdrs", records);
        let state = folder.path().join("ipmi_sim").join(name);
        std::fs::create_dir_all(&state).unwrap();
        let compiled = Command::new("sdrcomp")
            .arg("-o")
            .arg(state.join("sdr.20.main"))
            .arg(folder.path().join("bmc.sdrs"))
            .status()
            .unwrap_or_else(|error| {
                panic!("this test needs sdrcomp (Debian: apt install openipmi): {error}")
            });
        assert!(compiled.success());
        let mut sim = Self { port, folder, child: None };
        sim.restart();
        sim
    }

    pub(super) fn restart(&mut self) {
        self.stop();
        let child = Command::new("ipmi_sim")
            .args(["-c", "lan.conf", "-f", "bmc.emu", "-n", "-s"])
            .arg(self.folder.path())
            .current_dir(self.folder.path())
            // It ends when its console does.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("this test needs ipmi_sim (Debian: apt install openipmi): {error}")
            });
        self.child = Some(child);
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(super) fn target(&self, password: &str) -> Arc<Target> {
        let address = parse_address(&format!("127.0.0.1:{}", self.port), 623).unwrap();
        let credentials = Credentials::Password { user: "ipmiusr".into(), password: password.into() };
        let target = ad_hoc("bmc-1", Protocol::Ipmi, address, Some(credentials));
        let (interval, timeout) = (Duration::from_secs(30), Duration::from_secs(2));
        Arc::new(Target { interval, timeout, ..target })
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.stop();
    }
}
