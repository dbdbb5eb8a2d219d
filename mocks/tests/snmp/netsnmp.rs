//! Runs net-snmp's tools, without MIBs and without the configuration of the machine.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use mocks::snmp::{Agent, AgentOptions, Recording};

/// What a tool printed, and whether it was content.
pub(crate) struct Outcome {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Numeric names, plain numbers, strings in hexadecimal.
const PLAIN: [&str; 2] = ["-OnetUx", "-m"];

/// Runs `tool` with `arguments` (split at spaces) against `agent` for the objects `names`.
pub(crate) async fn run(tool: &str, arguments: &str, agent: SocketAddr, names: &[&str]) -> Outcome {
    let persistent = env!("CARGO_TARGET_TMPDIR");
    let mut command = Command::new(tool);
    command.env("SNMPCONFPATH", persistent).env("SNMP_PERSISTENT_DIR", persistent);
    command.args(PLAIN).arg("").args(arguments.split(' ')).arg(agent.to_string()).args(names);
    let tool = tool.to_owned();
    let ran = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let output = ran.unwrap_or_else(|error| panic!("cannot run {tool} of the Debian package snmp: {error}"));
    Outcome {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Outcome {
    /// The lines, wrapped hexadecimal put together again, single spaces.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        for line in self.stdout.lines() {
            match rows.last_mut() {
                Some(row) if is_hex(line) => *row += line,
                _ => rows.push(line.to_owned()),
            }
        }
        rows.iter().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    /// The rows of a tool that must succeed.
    pub(crate) fn good(self) -> Vec<String> {
        assert!(self.success, "{}{}", self.stdout, self.stderr);
        self.rows()
    }

    /// Both streams of a tool that must fail.
    pub(crate) fn bad(self) -> String {
        assert!(!self.success, "expected a failure, got {}", self.stdout);
        self.stdout + &self.stderr
    }
}

/// Whether a line goes on with the octets of the one before.
fn is_hex(line: &str) -> bool {
    line.split_whitespace().all(|word| word.len() == 2 && u8::from_str_radix(word, 16).is_ok())
}

/// An agent on a free port.
pub(crate) fn agent(recording: &str, options: AgentOptions) -> Agent {
    let recording = Arc::new(Recording::parse(recording.as_bytes()).unwrap());
    Agent::bind("127.0.0.1:0".parse().unwrap(), recording, options).unwrap()
}
