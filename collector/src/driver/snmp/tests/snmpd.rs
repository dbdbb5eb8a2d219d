//! net-snmp's `snmpd` as a peer: an agent that shares no code with this program.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::support::{descr, session, v2c};

/// What the agent calls itself.
pub(super) const DESCR: &str = "A test agent";

/// An agent on a port of its own. Ends with the value.
pub(super) struct Snmpd {
    pub(super) port: u16,
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Snmpd {
    /// Starts one with an engine id that ends in `engine`.
    pub(super) async fn start(engine: u8) -> Self {
        let port = mocks::ports::reserve().unwrap().port();
        let mut snmpd = Self { port, folder: tempfile::tempdir().unwrap(), child: None };
        snmpd.restart(engine).await;
        snmpd
    }

    /// Ends the process, if it runs.
    pub(super) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Makes an agent that doesn't run believe that it was started often before.
    pub(super) fn remember_boots(&self, engine: u8, boots: u32) {
        let text = format!("engineBoots {boots}\noldEngineID 0x{}\n", engine_id(engine));
        std::fs::write(self.folder.path().join("state/snmpd.conf"), text).unwrap();
    }

    /// Forgets what the agent keeps from one start to the next: its count of boots.
    pub(super) fn forget(&self) {
        std::fs::remove_dir_all(self.folder.path().join("state")).unwrap();
    }

    /// Starts it again; an engine keeps its keys only with its id.
    pub(super) async fn restart(&mut self, engine: u8) {
        self.stop();
        let folder = self.folder.path();
        std::fs::create_dir_all(folder.join("state")).unwrap();
        std::fs::write(folder.join("snmpd.conf"), configuration(engine)).unwrap();
        self.child = Some(spawn(folder, self.port));
        for _ in 0..100 {
            let mut session = session(self.port, v2c()).await;
            if tokio::time::timeout(Duration::from_millis(200), descr(&mut session))
                .await
                .is_ok_and(|it| it.is_ok())
            {
                return;
            }
        }
        panic!("snmpd was started and does not answer on port {}", self.port);
    }
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(folder: &Path, port: u16) -> Child {
    // Debian has it where only root looks.
    let program =
        ["/usr/sbin/snmpd", "/usr/local/sbin/snmpd"].into_iter().find(|path| Path::new(path).exists());
    Command::new(program.unwrap_or("snmpd"))
        .args(["-f", "-Lo", "-I", "-smux", "-p"])
        .arg(folder.join("snmpd.pid"))
        .arg(format!("udp:127.0.0.1:{port}"))
        // Its configuration and its memory of boots are here, and nowhere else.
        .env("SNMPCONFPATH", format!("{0}:{0}/state", folder.display()))
        .env("SNMP_PERSISTENT_DIR", folder.join("state"))
        .env("MIBS", "")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("this test needs net-snmp's snmpd (Debian: apt install snmpd): {error}")
        })
}

/// RFC 3411, SnmpEngineID: net-snmp's enterprise, and a text.
fn engine_id(engine: u8) -> String {
    format!("80001f8804746573{engine:02x}")
}

fn configuration(engine: u8) -> String {
    let mut text = format!("exactEngineID 0x{}\nsysDescr {DESCR}\n", engine_id(engine));
    text.push_str(
        "sysName core-host-17\nsysContact Jane Doe <jane@acme.example>\nsysLocation Rack 12, Acme\n",
    );
    text.push_str("rocommunity public 127.0.0.1\nview narrow included .1.3.6.1.2.1.1\n");
    text.push_str("createUser plain\nrouser plain noauth\n");
    for (name, auth, privacy) in [
        ("md5des", "MD5", "DES"),
        ("shaaes", "SHA", "AES"),
        ("sha224aes", "SHA-224", "AES"),
        ("sha256aes", "SHA-256", "AES"),
        ("sha384aes", "SHA-384", "AES"),
        ("sha512aes", "SHA-512", "AES"),
    ] {
        let _ =
            writeln!(text, "createUser {name} {auth} auctoritas {privacy} privatus12\nrouser {name} priv");
    }
    text.push_str("createUser authonly SHA-256 auctoritas\nrouser authonly auth -V narrow\n");
    text
}
