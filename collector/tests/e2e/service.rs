//! The program below a service manager: when it counts as started, and what the journal gets.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use super::support::{Folder, Process, Program, lightsout, wait_for};

/// Until the first target lists have come the program serves, and is not ready.
#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_during_the_start_is_a_reload_and_readiness_is_told() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/targets", silent.local_addr().unwrap());
    let folder = Folder::new("");
    folder.configure(&format!("target_http: [{{url: \"{url}\"}}]\n"));
    let manager = UnixDatagram::bind(folder.path("notify")).unwrap();
    manager.set_nonblocking(true).unwrap();
    let mut command = lightsout(["run", "--config", &folder.config()]);
    command.env("NOTIFY_SOCKET", folder.path("notify"));
    let program = Program::serving(command).await;
    assert_eq!(program.get("/-/ready").await.status, 503);
    program.process.signal("HUP");
    let mut room = [0; 64];
    assert!(manager.recv(&mut room).is_err(), "told before it is ready");

    program.until_ready().await;
    let length = wait_for("a word to the service manager", async || manager.recv(&mut room).ok()).await;
    assert_eq!(&room[..length], b"READY=1");
    wait_for("the reload", async || {
        (program.process.stderr().matches("configuration loaded").count() == 2).then_some(())
    })
    .await;
    assert_eq!(program.terminate().await.code, Some(0));
}

/// `lightsout` with standard error as systemd sets it up for the journal, here a file.
fn in_journal(folder: &Folder) -> Process {
    let script = r#"JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_lightsout"), "run", "--config", &folder.config()]);
    command.env_remove("LIGHTSOUT_LOG");
    Process::start(&mut command, "sh")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_gets_priorities_and_no_second_time() {
    let folder = Folder::new("targets: []\nbuffer: {clock_floor: 9999-01-01}\n");
    let program = in_journal(&folder);
    let loaded = "<6> INFO collector::run: configuration loaded added=0 removed=0 changed=0 unchanged=0";
    wait_for("the start", async || program.stderr().lines().any(|line| line == loaded).then_some(())).await;
    program.signal("TERM");
    let ended = program.end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stderr.lines().all(|line| line.starts_with("<6> INFO ") || line.starts_with("<4> WARN ")),
        "{ended:?}"
    );

    // Each line of a message has one: the journal takes it line by line.
    folder.write("lightsout.yml", "site: {nam: x}\ntargets: [{}]\n");
    let ended = in_journal(&folder).end().await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.lines().count() > 2, "{ended:?}");
    assert!(ended.stderr.lines().all(|line| line.starts_with("<3>")), "{ended:?}");
}
