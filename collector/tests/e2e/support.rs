//! What the tests share: processes, the program under test, plain HTTP, waiting.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a condition may take: far more than it needs, for machines that are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Every secret of these tests contains it, so that one search finds any that leaks.
pub(crate) const MARK: &str = "s3cr3t";
/// Community of well-behaved SNMP devices.
pub(crate) const COMMUNITY: &str = "s3cr3t-community";
/// User of Redfish devices.
pub(crate) const USER: &str = "monitor";
/// Its password.
pub(crate) const PASSWORD: &str = "s3cr3t-password";

/// Base64 of `monitor:s3cr3t`, as Basic authentication would show it.
const MARK_IN_BASIC: &str = "bW9uaXRvcjpzM2NyM3";

/// Waits until `condition` gives something.
pub(crate) async fn wait_for<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A process whose output goes to files. It is killed when dropped.
pub(crate) struct Process {
    child: Child,
    folder: TempDir,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    /// Starts it; `needs` says what to install where it isn't there.
    pub(crate) fn start(command: &mut Command, needs: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name| std::fs::File::create(folder.path().join(name)).unwrap();
        let started = command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr")).spawn();
        let child = started.unwrap_or_else(|error| panic!("this test needs {needs}: {command:?}: {error}"));
        Self { child, folder }
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join(name)).unwrap()).into_owned()
    }

    pub(crate) fn stdout(&self) -> String {
        self.text("stdout")
    }

    pub(crate) fn stderr(&self) -> String {
        self.text("stderr")
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn end(mut self) -> Ended {
        let status = wait_for("a process to end", async || self.child.try_wait().unwrap()).await;
        Ended { code: status.code(), stdout: self.stdout(), stderr: self.stderr() }
    }

    /// Fails with what it said if it has ended.
    fn assert_runs(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "it has ended: {}", self.stderr());
    }

    /// Waits until it takes connections.
    pub(crate) async fn until_listening(&mut self, address: SocketAddr) {
        wait_for(&format!("somebody to listen at {address}"), async || {
            self.assert_runs();
            TcpStream::connect(address).await.ok()
        })
        .await;
    }

    pub(crate) fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success(), "{command}");
    }

    /// The most memory that it ever had resident, in bytes.
    pub(crate) fn peak_resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `lightsout` with arguments, in an environment without settings of its own.
pub(crate) fn lightsout<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lightsout"));
    command.args(arguments);
    for variable in ["LIGHTSOUT_CONFIG", "LIGHTSOUT_COMMUNITY", "LIGHTSOUT_LOG"] {
        command.env_remove(variable);
    }
    command
}

/// Runs `lightsout` to its end.
pub(crate) async fn run<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    Process::start(&mut lightsout(arguments), "lightsout").end().await
}

/// A folder with a configuration and its secrets.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// Writes the secrets, and `lightsout.yml` with `targets`.
    pub(crate) fn new(targets: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("community", COMMUNITY);
        folder.write("password", &format!("{PASSWORD}\n"));
        folder.write("wrong", "s3cr3t-wrong");
        folder.configure(targets);
        folder
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, targets: &str) {
        let text = format!(
            "site: {{name: fra1, kind: dc}}\nweb: {{listen: 127.0.0.1:0}}\nstate_dir: state\n\
             defaults: {{interval: 2s, timeout: 1s}}\n\
             credentials:\n  \
               snmp: {{type: snmp_v2c, community_file: community}}\n  \
               snmp-wrong: {{type: snmp_v2c, community_file: wrong}}\n  \
               redfish: {{type: password, user: {USER}, password_file: password}}\n  \
               redfish-wrong: {{type: password, user: {USER}, password_file: wrong}}\n\
             {targets}"
        );
        self.write("lightsout.yml", &text);
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        // Whoever watches the folder sees the whole file or none of it.
        let new = self.path(".new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn config(&self) -> String {
        self.path("lightsout.yml").display().to_string()
    }
}

/// A target of the mocks, as one line of a configuration.
pub(crate) fn snmp_target(name: &str, address: SocketAddr) -> String {
    format!("  - {{name: {name}, address: \"{address}\", protocol: snmp, credentials: snmp}}\n")
}

/// The same over Redfish without TLS, asked as fast as it answers.
pub(crate) fn redfish_target(name: &str, address: SocketAddr) -> String {
    format!(
        "  - {{name: {name}, address: \"{address}\", protocol: redfish, credentials: redfish, tls: plain, \
         budget: {{requests_in_flight: 4, requests_per_second: 1000}}}}\n"
    )
}

/// `lightsout run` or `demo`, serving.
pub(crate) struct Program {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Program {
    /// `lightsout run` with the configuration of `folder`.
    pub(crate) async fn run(folder: &Folder) -> Self {
        Self::start(["run", "--config", &folder.config()]).await
    }

    /// Starts a command that serves, and waits until it polls, too.
    pub(crate) async fn start<const N: usize>(arguments: [&str; N]) -> Self {
        let program = Self::serving(lightsout(arguments)).await;
        program.until_ready().await;
        program
    }

    /// Starts a command that serves, and waits until it does.
    pub(crate) async fn serving(mut command: Command) -> Self {
        command.args(["--log", "info", "--log-format", "json"]);
        let mut process = Process::start(&mut command, "lightsout");
        let address = wait_for("the program to listen", async || {
            process.assert_runs();
            process.stderr().lines().find_map(|line| {
                let event: Value = serde_json::from_str(line).ok()?;
                let serving = event["message"] == "serving /metrics and the status page";
                event["address"].as_str().filter(|_| serving)?.parse().ok()
            })
        });
        let address = address.await;
        Self { process, address }
    }

    pub(crate) async fn until_ready(&self) {
        wait_for("readiness", async || (self.get("/-/ready").await.status == 200).then_some(())).await;
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        http(self.address, "GET", path, &[]).await
    }

    /// What `/api/v1/targets` says of a target; null where it is not known.
    pub(crate) async fn target(&self, name: &str) -> Value {
        let text = self.get("/api/v1/targets").await.body;
        let value: Value = serde_json::from_str(&text).unwrap();
        let targets = value["data"]["targets"].as_array().unwrap().clone();
        targets.into_iter().find(|target| target["name"] == name).unwrap_or_default()
    }

    /// Waits until a target is in a state.
    pub(crate) async fn until(&self, name: &str, state: &str) -> Value {
        self.until_that(name, state, |target| target["state"] == state).await
    }

    /// Waits until what is known of a target fits.
    pub(crate) async fn until_that(&self, name: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait_for(&format!("target {name}: {what}"), async || {
            Some(self.target(name).await).filter(|target| fits(target))
        })
        .await
    }

    /// The values of a metric on `/metrics`, by the rest of their lines.
    pub(crate) async fn metric(&self, name: &str) -> Vec<(String, f64)> {
        let text = self.get("/metrics").await.body;
        let lines = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let labels = series.strip_prefix(name)?;
            labels.starts_with('{').then(|| (labels.to_owned(), value.parse().unwrap()))
        });
        lines.collect()
    }

    /// Ends it as an init system would, looks for secrets in all that it said, and gives back how it ended.
    pub(crate) async fn terminate(self) -> Ended {
        let mut seen = String::new();
        for path in ["/", "/metrics", "/api/v1/targets", "/sd"] {
            seen.push_str(&self.get(path).await.body);
        }
        assert_no_secret(&seen);
        self.process.signal("TERM");
        let ended = self.process.end().await;
        ended.assert_clean();
        ended
    }
}

impl Ended {
    /// No secret and no panic in what was said.
    pub(crate) fn assert_clean(&self) {
        for text in [&self.stdout, &self.stderr] {
            assert_no_secret(text);
            assert!(!text.contains("panicked"), "{text}");
        }
    }
}

fn assert_no_secret(text: &str) {
    for secret in [MARK, MARK_IN_BASIC] {
        assert!(!text.contains(secret), "a secret shows in:\n{text}");
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Asks over HTTP/1.0, so that the answer is what comes until the connection ends.
pub(crate) async fn http(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, body: body.to_owned() }
}
