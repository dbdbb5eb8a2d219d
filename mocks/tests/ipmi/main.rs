//! The BMC, asked by ipmitool (Debian package `ipmitool`) and FreeIPMI (`freeipmi-tools`).

// Clippy knows test functions, not the functions that they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod access;
mod faults;
mod tools;

use std::process::{Command, Output};

use mocks::ipmi::{Agent, Bmc, BmcOptions};

/// A BMC on a free port.
fn bmc(options: BmcOptions) -> Agent {
    Agent::bind("127.0.0.1:0".parse().unwrap(), Bmc::server().unwrap(), options).unwrap()
}

/// Runs a tool without blocking the runtime that serves the BMC.
async fn run(tool: &str, arguments: Vec<String>, home: &std::path::Path) -> Output {
    let mut command = Command::new(tool);
    command.args(arguments).env("HOME", home).env("LC_ALL", "C").env("TZ", "UTC");
    let tool = tool.to_owned();
    tokio::task::spawn_blocking(move || {
        command.output().unwrap_or_else(|error| {
            panic!("cannot run {tool}: {error}; install the packages ipmitool and freeipmi-tools")
        })
    })
    .await
    .unwrap()
}

/// Asks with ipmitool, one try of one second.
async fn ipmitool(agent: &Agent, suite: u8, password: &str, command: &str) -> Output {
    ipmitool_as(agent, suite, &format!("-U monitor -P {password} -L USER -R 1 {command}")).await
}

/// Asks with ipmitool as somebody else.
async fn ipmitool_as(agent: &Agent, suite: u8, words: &str) -> Output {
    let port = agent.local_addr().port();
    let home = tempfile::tempdir().unwrap();
    let line = format!("-I lanplus -H 127.0.0.1 -p {port} -N 1 -C {suite} {words}");
    run("ipmitool", line.split(' ').map(String::from).collect(), home.path()).await
}

/// Asks with a tool of FreeIPMI.
async fn freeipmi(agent: &Agent, suite: u8, command: &str) -> Output {
    freeipmi_as(agent, suite, command, "-u monitor -p monitor -l USER --session-timeout=4000").await
}

/// Asks with a tool of FreeIPMI as somebody else.
async fn freeipmi_as(agent: &Agent, suite: u8, command: &str, who: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut words = command.split(' ').map(String::from);
    let tool = words.next().unwrap();
    let line = format!("-h {} {who} -D LAN_2_0 -I {suite}", agent.local_addr());
    run(&tool, words.chain(line.split(' ').map(String::from)).collect(), home.path()).await
}

/// What a tool printed, when it went well.
fn good(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}
