//! Against snmpsim, which shares no code with this program or net-snmp: the longer keys, which
//! Debian's `snmpd` lacks, and a large table.
//!
//! The environment variable `SNMPSIM` names `snmpsim-command-responder` (PyPI: snmpsim, pysmi, cryptography);
//! without it, the search path is tried.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::agent::oid;
use super::support::{columns, community, descr, session_with, target, user};
use crate::profile::source::Value;
use crate::target::AuthProtocol::{Md5, Sha1, Sha256, Sha384, Sha512};
use crate::target::PrivacyProtocol::{Aes128, Aes192, Aes256, Des};
use crate::target::{AuthProtocol, CommunityVersion, Credentials, PrivacyProtocol};

const AUTH: &str = "auctoritas";
const PRIVACY: &str = "privatus12";

/// Rows of the table that the simulator serves. More than one answer of any size holds.
const ROWS: u32 = 300;

struct Simulator {
    port: u16,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Simulator {
    /// Serves one device as the community, and the v3 context, `device`, to one v3 user.
    async fn start(auth: &str, privacy: &str) -> Self {
        let port = mocks::ports::reserve().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("device.snmprec"), recording()).unwrap();
        let program = std::env::var("SNMPSIM").unwrap_or_else(|_| "snmpsim-command-responder".into());
        let child = Command::new(&program)
            .arg(format!("--data-dir={}", data.display()))
            .arg(format!("--cache-dir={}", folder.path().join("cache").display()))
            .arg(format!("--agent-udpv4-endpoint=127.0.0.1:{port}"))
            .args(["--v3-user=sim", &format!("--v3-auth-key={AUTH}"), &format!("--v3-priv-key={PRIVACY}")])
            .args([format!("--v3-auth-proto={auth}"), format!("--v3-priv-proto={privacy}")])
            .args([format!("--process-user={}", whoami("-un")), format!("--process-group={}", whoami("-gn"))])
            .arg("--log-level=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("this test needs snmpsim (PyPI), by SNMPSIM or on the search path: {program}: {error}")
            });
        let mut simulator = Self { port, child, _folder: folder };
        simulator.until_ready().await;
        simulator
    }

    async fn until_ready(&mut self) {
        for _ in 0..100 {
            let target = target("127.0.0.1", self.port, v2c(), Duration::from_millis(300));
            if descr(&mut session_with(target).await).await.is_ok() {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "snmpsim has ended");
        }
        panic!("snmpsim was started and does not answer on port {}", self.port);
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The user or group of this process: the simulator wants to be told whom to run as.
fn whoami(option: &str) -> String {
    let name = Command::new("id").arg(option).output().unwrap().stdout;
    String::from_utf8(name).unwrap().trim().to_owned()
}

fn v2c() -> Credentials {
    community(CommunityVersion::V2c, "device")
}

fn v3(auth: AuthProtocol, privacy: PrivacyProtocol) -> Credentials {
    match user("sim", Some((auth, AUTH)), Some((privacy, PRIVACY))) {
        Credentials::Usm(usm) => Credentials::Usm(crate::target::Usm { context: "device".into(), ..usm }),
        other => other,
    }
}

fn recording() -> String {
    let mut text = String::from("1.3.6.1.2.1.1.1.0|4|A simulated device\n");
    for column in [2, 3] {
        for row in 1..=ROWS {
            let _ = writeln!(text, "1.3.6.1.4.1.9.1.1.{column}.{row}|66|{}", row * 10 + column);
        }
    }
    text.push_str("1.3.6.1.4.1.9.2.1.0|70|18446744073709551615\n1.3.6.1.4.1.9.2.2.0|68x|9f780441ac0000\n");
    text
}

#[tokio::test]
async fn the_longer_keys_are_spoken() {
    for (auth, privacy, names) in [
        (Md5, Des, ("MD5", "DES")),
        (Sha1, Des, ("SHA", "DES")),
        (Sha256, Aes128, ("SHA256", "AES128")),
        (Sha384, Aes192, ("SHA384", "AES192")),
        (Sha512, Aes256, ("SHA512", "AES256")),
    ] {
        let simulator = Simulator::start(names.0, names.1).await;
        let target = target("127.0.0.1", simulator.port, v3(auth, privacy), Duration::from_secs(3));
        let mut session = session_with(target).await;
        assert_eq!(descr(&mut session).await.as_deref(), Ok("A simulated device"), "{names:?}");
    }
}

#[tokio::test]
async fn a_long_table_is_read_whole() {
    let simulator = Simulator::start("SHA256", "AES128").await;
    for credentials in [v2c(), v3(Sha256, Aes128)] {
        let target = target("127.0.0.1", simulator.port, credentials, Duration::from_secs(3));
        let mut session = session_with(target).await;
        let table = vec![oid("1.3.6.1.4.1.9.1.1.2"), oid("1.3.6.1.4.1.9.1.1.3"), oid("1.3.6.1.4.1.9.2")];
        let (objects, faults) = columns(&mut session, table.clone()).await;
        assert!(faults.is_empty(), "{faults:?}");
        for (column, number) in [(&table[0], 2), (&table[1], 3)] {
            let rows: Vec<_> = objects.column(column).collect();
            assert_eq!(rows.len(), ROWS as usize);
            assert!(
                rows.iter()
                    .all(|(index, value)| **value == Value::Unsigned(u64::from(index[0] * 10 + number)))
            );
        }
        let values: Vec<_> = objects.column(&table[2]).map(|(_, value)| value.clone()).collect();
        assert_eq!(values, [Value::Unsigned(u64::MAX), Value::Float(21.5)]);
    }
}
