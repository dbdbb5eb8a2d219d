//! Real receivers as processes of their own, ended with the test, and the few HTTP requests that ask them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Longest wait for anything that another process does; only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process, killed when dropped. What it said on its standard error is shown where the test fails.
struct Daemon {
    child: Child,
    said: File,
}

impl Daemon {
    fn spawn(package: &str, command: &mut Command) -> Self {
        let said = tempfile::tempfile().unwrap();
        command.stderr(said.try_clone().unwrap());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("this test needs {:?}, from {package}: {error}", command.get_program())
        });
        Self { child, said }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let mut said = String::new();
            let _ = self.said.rewind().and_then(|()| self.said.read_to_string(&mut said));
            eprintln!("{said}");
        }
    }
}

/// A database that answers queries in Prometheus' language.
pub(crate) struct Database {
    pub(crate) address: SocketAddr,
    _process: Daemon,
    _folder: tempfile::TempDir,
}

impl Database {
    /// Prometheus; it takes samples out of order up to this age, if any.
    pub(crate) async fn prometheus(window: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let window =
            window.map(|window| format!("storage: {{tsdb: {{out_of_order_time_window: {window}}}}}"));
        std::fs::write(&config, window.unwrap_or_default()).unwrap();
        let address = mocks::ports::reserve().unwrap();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--web.enable-remote-write-receiver", "--log.level=error"]);
        Self::start("Debian's prometheus", command, address, folder, "/-/ready").await
    }

    /// VictoriaMetrics.
    pub(crate) async fn victoria_metrics() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = mocks::ports::reserve().unwrap();
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-storageDataPath={}", folder.path().join("data").display()))
            .arg(format!("-httpListenAddr={address}"))
            .arg("-loggerLevel=ERROR");
        Self::start("Debian's victoria-metrics", command, address, folder, "/health").await
    }

    async fn start(
        package: &str,
        mut command: Command,
        address: SocketAddr,
        folder: tempfile::TempDir,
        ready: &str,
    ) -> Self {
        let process = Daemon::spawn(package, &mut command);
        until("the receiver is ready", async || get(address, ready).await.is_some()).await;
        Self { address, _process: process, _folder: folder }
    }

    /// The value of each series of an instant query, by outlet.
    pub(crate) async fn query(&self, query: &str, at_ms: i64) -> Vec<Value> {
        let time = format!("{}.{:03}", at_ms / 1_000, at_ms % 1_000);
        // VictoriaMetrics would remember counts of what it had not shown in full.
        let path = format!("/api/v1/query?query={}&time={time}&nocache=1", escape(query));
        let answer = get(self.address, &path).await.expect("an answer");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// Tells VictoriaMetrics to show what it took. What was on its way inside, it still may show later.
    pub(crate) async fn flush(&self) {
        get(self.address, "/internal/force_flush").await.expect("an answer");
    }

    /// Lines of `/api/v1/export`, which VictoriaMetrics has: all that it stores.
    pub(crate) async fn export(&self, query: &str) -> Vec<Value> {
        self.flush().await;
        let path = format!("/api/v1/export?match[]={}", escape(query));
        let answer = get(self.address, &path).await.expect("an answer");
        answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A receiver of OTLP.
pub(crate) struct Otlp {
    control: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
    _process: Daemon,
}

impl Otlp {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Over TLS, with the authority and the certificate in a folder.
    pub(crate) fn start_tls(folder: &Path) -> Self {
        Self::start_with(&[folder])
    }

    fn start_with(arguments: &[&Path]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/otlp_receiver.py");
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let mut command = Command::new(python);
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Daemon::spawn("Debian's python3", &mut command);
        let mut ports = String::new();
        BufReader::new(process.child.stdout.take().unwrap()).read_line(&mut ports).unwrap();
        let mut ports = ports.split_whitespace().map(|port| {
            let port: u16 = port.parse().unwrap();
            SocketAddr::from(([127, 0, 0, 1], port))
        });
        let mut port = || ports.next().expect("the packages of tests/requirements.txt for Python");
        Self { control: port(), http: port(), grpc: port(), _process: process }
    }

    /// Every data point that came.
    pub(crate) async fn points(&self) -> Vec<Value> {
        let answer = get(self.control, "/points").await.expect("an answer");
        serde_json::from_str(&answer).unwrap()
    }

    /// See the receiver.
    pub(crate) async fn behave(&self, how: Value) {
        let body = how.to_string();
        let head = format!("POST /behave HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
        request(self.control, head + &body).await.expect("an answer");
    }
}

/// Waits for something that does not come about at once.
pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !done().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(PATIENCE, wait).await.is_ok(), "not in {PATIENCE:?}: {what}");
}

/// The body of a page, if it was there.
async fn get(address: SocketAddr, path: &str) -> Option<String> {
    request(address, format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")).await
}

async fn request(address: SocketAddr, request: String) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.ok()?.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let ok = head.split(' ').nth(1)?.starts_with('2');
    ok.then(|| body.to_owned())
}

fn escape(query: &str) -> String {
    percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC).to_string()
}
