//! Peers that share no code with this program: net-snmp's `snmpd` and sushy-emulator.

use std::process::Command;

use tempfile::TempDir;

use super::support::{Folder, Process, Program, wait_for};

/// A user with SHA-256 and AES-128, and what the agent calls itself.
const SNMPD: &str = "\
sysDescr An independent agent
sysName core-host-17
createUser monitor SHA-256 s3cr3t-auth-phrase AES s3cr3t-privacy-phrase
rouser monitor priv
";

/// One system with a chassis: the emulator adds temperatures and fans of its own.
const SUSHY: &str = "\
SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_STATE_DIR = '@'
SUSHY_EMULATOR_FAKE_SYSTEMS = [{'uuid': 'da69abcc-dae0-4913-9a7b-d344043097c0', 'name': 'node1',
    'power_state': 'On', 'nics': [{'mac': '00:00:5e:00:53:01', 'ip': '192.0.2.1'}]}]
";

fn start_snmpd(folder: &TempDir, port: u16) -> Process {
    let state = folder.path().join("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(folder.path().join("snmpd.conf"), SNMPD).unwrap();
    let mut command = Command::new("/usr/sbin/snmpd");
    command
        .args(["-f", "-Le", "-I", "-smux", "-p"])
        .arg(folder.path().join("pid"))
        .arg(format!("udp:127.0.0.1:{port}"))
        .env("SNMPCONFPATH", format!("{}:{}", folder.path().display(), state.display()))
        .env("SNMP_PERSISTENT_DIR", &state)
        .env("MIBS", "");
    Process::start(&mut command, "net-snmp's snmpd (Debian: apt install snmpd)")
}

#[tokio::test]
async fn an_agent_over_v3_that_dies_is_read_again_when_it_is_back() {
    let port = mocks::ports::reserve().unwrap().port();
    let targets = format!(
        "  switch:\n    type: snmp_v3\n    user: monitor\n    \
             auth: {{protocol: sha256, passphrase_file: auth}}\n    \
             privacy: {{protocol: aes128, passphrase_file: privacy}}\n\
         targets:\n  - {{name: host, address: \"127.0.0.1:{port}\", protocol: snmp, credentials: switch}}\n"
    );
    let folder = Folder::new("");
    folder.write("auth", "s3cr3t-auth-phrase");
    folder.write("privacy", "s3cr3t-privacy-phrase");
    folder.configure(&targets);

    let state = tempfile::tempdir().unwrap();
    let mut snmpd = start_snmpd(&state, port);
    let program = Program::run(&folder).await;
    for restart in 0..2 {
        program.until("host", "up").await;
        wait_for("an uptime", async || {
            (program.metric("oob_device_uptime_seconds").await.len() == 1).then_some(())
        })
        .await;
        drop(snmpd);
        let down = program.until("host", "down").await;
        assert!(
            ["unreachable", "timeout"].contains(&down["last_error"]["reason"].as_str().unwrap()),
            "{down}"
        );
        if restart == 1 {
            // Another device in its place: another engine ID, its boots unknown.
            std::fs::remove_dir_all(state.path().join("state")).unwrap();
        }
        snmpd = start_snmpd(&state, port);
    }
    program.until("host", "up").await;
    drop(snmpd);
    assert_eq!(program.terminate().await.code, Some(0));
}

#[tokio::test]
async fn an_independent_redfish_server_is_read() {
    let state = tempfile::tempdir().unwrap();
    let config = state.path().join("sushy.conf");
    std::fs::write(&config, SUSHY.replace('@', &state.path().display().to_string())).unwrap();
    let address = mocks::ports::reserve().unwrap();
    let mut command = Command::new("sushy-emulator");
    command.args(["--fake", "-i", "127.0.0.1", "-p", &address.port().to_string(), "--config"]).arg(config);
    let mut emulator = Process::start(&mut command, "sushy-emulator (PyPI: sushy-tools) on the search path");
    emulator.until_listening(address).await;

    let folder = Folder::new(&format!(
        "targets:\n  - {{name: node1, address: \"{address}\", protocol: redfish, tls: plain, interval: 10s}}\n"
    ));
    let program = Program::run(&folder).await;
    let target = program
        .until_that("node1", "polled", |target| target["last_success_timestamp_seconds"].is_number())
        .await;
    assert_ne!(target["state"], "down", "{target}");
    // What the emulator's templates say of every chassis.
    let value = async |metric: &str, name: &str| {
        let named = format!("hw_name=\"{name}\"");
        let found = program.metric(metric).await;
        found.into_iter().find(|(labels, _)| labels.contains(&named)).map(|(_, value)| value)
    };
    assert_eq!(value("hw_temperature_celsius", "CPU Temp").await, Some(41.0));
    assert_eq!(value("hw_temperature_celsius", "Chassis Intake Temp").await, Some(25.0));
    assert_eq!(value("hw_fan_speed_rpm", "BaseBoard System Fan").await, Some(2100.0));
    assert_eq!(value("hw_fan_speed_rpm", "BaseBoard System Fan Backup").await, Some(2050.0));
    assert_eq!(program.terminate().await.code, Some(0));
}
