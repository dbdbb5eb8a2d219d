use std::net::SocketAddr;
use std::path::Path;

use exporters::buffer::Loss;
use model::{Device, Labels, ReportBuilder, metric};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config::{Config, Surroundings};

/// Longest wait for another task; only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A receiver of remote-write 1.0 at `/up`, which is busy at `/busy`, and the paths that were asked for.
async fn receiver() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let paths = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&paths);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(BufReader::new(stream), Arc::clone(&seen)));
        }
    });
    (address, paths)
}

async fn answer(mut stream: BufReader<TcpStream>, seen: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    loop {
        let (mut request, mut length) = (String::new(), 0);
        while !request.ends_with("\r\n\r\n") {
            let before = request.len();
            if stream.read_line(&mut request).await? == 0 {
                return Ok(());
            }
            let line = request[before..].to_lowercase();
            length = line.strip_prefix("content-length: ").map_or(length, |it| it.trim().parse().unwrap());
        }
        stream.read_exact(&mut vec![0; length]).await?;
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let status = if path == "/up" { "204 No Content" } else { "503 Busy\r\nContent-Length: 0" };
        seen.lock().unwrap().push(path);
        stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await?;
    }
}

/// A buffer in `folder`, and destinations as a configuration writes them.
fn config(folder: &Path, destinations: &str) -> Config {
    let text = format!(
        "site: {{name: a}}\nbuffer: {{dir: b, clock_floor: 2000-01-01}}\ndestinations: [{destinations}]\n"
    );
    let around = Surroundings { folder, variable: &|_| None };
    Config::parse("f.yml", &text, &around).unwrap_or_else(|problems| panic!("{}", problems.render()))
}

fn destination(name: &str, address: SocketAddr, rest: &str) -> String {
    format!("{{name: {name}, type: remote_write, remote_write_version: '1', url: 'http://{address}{rest}}}")
}

/// Two samples.
fn poll(forwarding: &Forwarding) {
    let device = Device {
        name: "pdu-a".into(),
        site: "a".into(),
        rack: String::new(),
        device_type: "pdu".into(),
        description: model::device::Description::default(),
    };
    let mut builder = ReportBuilder::new(Arc::new(device));
    for outlet in ["1", "2"] {
        builder.record(metric::HW_POWER, &Labels::component(outlet, outlet), 5.0);
    }
    let now = forwarding.shared.clock.now();
    let report = builder.finish(now.wall, Duration::ZERO, None);
    forwarding.shared.buffer.append(&Arc::new(report), &now);
    forwarding.shared.buffer.flush();
}

impl Forwarding {
    fn waiting(&self) -> u64 {
        self.shared.buffer.figures(&self.shared.clock.now()).waiting
    }

    fn acked(&self, name: &str) -> Option<u64> {
        let all = self.shared.destinations();
        all.iter().find(|each| each.0 == name).map(|each| each.1.samples[ACKED])
    }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "not in {PATIENCE:?}: {what}");
}

/// Another address, another filter, another limit: what waited goes there, and what arrived does not come again.
#[tokio::test]
async fn a_changed_destination_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (address, paths) = receiver().await;
    let first = config(folder.path(), &destination("central", address, "/busy'"));
    let mut forwarding = Forwarding::open(first.buffer.unwrap()).await.unwrap();
    forwarding.take(first.destinations).await.unwrap();
    poll(&forwarding);
    until("it was tried", || !paths.lock().unwrap().is_empty()).await;
    let up = destination("central", address, "/up', end_series_at_shutdown: true");
    let second = config(folder.path(), &up);
    forwarding.take(second.destinations).await.unwrap();
    until("what waited arrives", || forwarding.waiting() == 0).await;
    assert_eq!(forwarding.acked("central"), Some(2));
    let requests = paths.lock().unwrap().len();
    let third =
        destination("central", address, "/up', drop: [{metric: hw_energy_*}], bytes_per_second: 1MiB");
    forwarding.take(config(folder.path(), &third).destinations).await.unwrap();
    assert_eq!(paths.lock().unwrap().len(), requests, "no series ends");
    poll(&forwarding);
    until("the next poll arrives", || forwarding.waiting() == 0).await;
    assert_eq!(forwarding.acked("central"), Some(2), "and nothing else");
    forwarding.close().await;
}

/// What is written as before is not disturbed: its task goes on, with what it counted.
#[tokio::test]
async fn a_destination_that_leaves_frees_the_buffer_and_disturbs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = receiver().await;
    let (up, busy) = (destination("up", address, "/up'"), destination("busy", address, "/busy'"));
    let both = config(folder.path(), &format!("{busy}, {up}"));
    let mut forwarding = Forwarding::open(both.buffer.unwrap()).await.unwrap();
    forwarding.take(both.destinations).await.unwrap();
    poll(&forwarding);
    until("one of them has it", || forwarding.acked("up") == Some(2)).await;
    assert_eq!((forwarding.waiting(), forwarding.acked("busy")), (2, Some(0)));
    forwarding.take(config(folder.path(), &up).destinations).await.unwrap();
    assert_eq!((forwarding.waiting(), forwarding.acked("busy")), (0, None), "neither kept nor shown");
    assert_eq!(forwarding.acked("up"), Some(2));
    let shown = forwarding.shared.status();
    let names: Vec<_> = shown.destinations.iter().map(|each| (&*each.name, each.waiting)).collect();
    assert_eq!((names, shown.lost), (vec![("up", 0)], 0));
    let figures = forwarding.shared.buffer.figures(&forwarding.shared.clock.now());
    assert_eq!(figures.lost.get(&Loss::Full), None);
    forwarding.close().await;
}
