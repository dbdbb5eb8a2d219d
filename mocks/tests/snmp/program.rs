//! The program `lightsout-mock snmp`.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::netsnmp::run;

/// A process that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn start(arguments: &[&str], agents: usize) -> (Running, Vec<SocketAddr>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lightsout-mock"));
    command.args(["snmp", "--listen", "127.0.0.1:0"]).args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let addresses = lines.take(agents).map(|line| line.unwrap().parse().unwrap()).collect();
    (Running(child), addresses)
}

fn scratch(name: &str, content: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_follows_its_faults_file() {
    let recording = scratch("fleet.snmprec", "1.3.6.1.2.1.1.5.0|4|pdu\n#live 1.3.6.1.2.1.1.5.0 suffix\n");
    let faults = scratch("faults.json", "[]");
    let files = ["--recording", recording.to_str().unwrap(), "--faults", faults.to_str().unwrap()];
    let options = ["--fleet", "3", "--seed", "5", "--user", "ops:sha256:authpass1:aes128:privpass1"];
    let (_running, agents) = start(&[files.as_slice(), &options].concat(), 3);
    let name = ["1.3.6.1.2.1.1.5.0"];
    let rows = run("snmpget", "-v2c -c any", agents[2], &name).await.good();
    assert_eq!(rows, [".1.3.6.1.2.1.1.5.0 = Hex-STRING: 70 64 75 2D 37"], "the third agent is number 7");
    let login = "-v3 -u ops -l authPriv -a SHA-256 -A authpass1 -x AES -X privpass1";
    assert_eq!(run("snmpget", login, agents[0], &name).await.good().len(), 1);

    std::fs::write(&faults, r#"[{"fault": {"error-status": "gen-err"}}]"#).unwrap();
    for attempt in 0.. {
        let said = run("snmpget", "-v2c -c any -t 0.3 -r 1", agents[1], &name).await;
        if said.stderr.contains("genError") {
            break;
        }
        assert!(attempt < 1_000, "the faults file was never read again");
    }
}

#[test]
fn mistakes_name_the_file_and_the_line() {
    let recording = scratch("broken.snmprec", "1.3.6.1|2|1\n1.3.6.2|2|one\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_lightsout-mock"));
    let output = command.args(["snmp", "--recording"]).arg(&recording).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("broken.snmprec") && said.contains("line 2: 'one' is no value of type 2"),
        "{said}"
    );
}
