//! Remote-write to Prometheus and VictoriaMetrics: what a query shows is what was measured.

use std::net::SocketAddr;
use std::time::Duration;

use exporters::buffer::Order;
use exporters::forward::{ACKED, Endpoint, Options};
use exporters::remote_write::encode::Version;
use exporters::remote_write::{self, RemoteWrite};
use mocks::link::{Link, Phase};
use model::Timestamp;
use serde_json::Value;

use crate::daemon::{Database, until};
use crate::scene::{MINUTE, Scene};

/// A sample as a database shows it: outlet, time, value.
type Found = Vec<((String, Timestamp), f64)>;

pub(crate) fn link_to(address: SocketAddr) -> Link {
    Link::bind(SocketAddr::from(([127, 0, 0, 1], 0)), address, 1).unwrap()
}

pub(crate) fn transport(address: SocketAddr) -> RemoteWrite {
    let mut endpoint = Endpoint::new(format!("http://{address}/api/v1/write"));
    endpoint.timeout = Duration::from_secs(20);
    let (version, fall_back) = (Version::V2, true);
    RemoteWrite::new(&remote_write::Options { endpoint, version, fall_back }).unwrap()
}

fn outlet(series: &Value) -> String {
    assert_eq!(series["metric"]["__name__"], "hw_power_watts");
    assert_eq!(series["metric"]["host_name"], "pdu-a");
    series["metric"]["hw_id"].as_str().unwrap().to_owned()
}

/// All samples of two hours, as Prometheus' query language gives them.
async fn queried(database: &Database, until: Timestamp) -> Found {
    let mut found = Found::new();
    for series in database.query("hw_power_watts[2h]", until).await {
        for sample in series["values"].as_array().unwrap() {
            let at = (sample[0].as_f64().unwrap() * 1_000.0).round() as Timestamp;
            found.push(((outlet(&series), at), sample[1].as_str().unwrap().parse().unwrap()));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// All samples that VictoriaMetrics stores.
async fn exported(database: &Database) -> Found {
    let mut found = Found::new();
    for series in database.export("hw_power_watts").await {
        let values = series["values"].as_array().unwrap().iter();
        let times = series["timestamps"].as_array().unwrap().iter();
        let samples = times.zip(values);
        found.extend(
            samples.map(|(at, value)| ((outlet(&series), at.as_i64().unwrap()), value.as_f64().unwrap())),
        );
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

fn measured(scene: &Scene) -> Found {
    scene.measured.clone().into_iter().collect()
}

async fn prometheus_after_an_outage(window: Option<&str>, order: Order) {
    let database = Database::prometheus(window).await;
    let link = link_to(database.address);
    let mut scene = Scene::new();
    let running = scene.forward("one", order, transport(link.local_addr()));
    scene.outage(&link, &running).await;
    running.acked(scene.measured.len()).await;
    assert_eq!(queried(&database, scene.newest).await, measured(&scene));
    assert_eq!(scene.pole.waiting(), 0);
    running.end().await;
}

#[tokio::test]
async fn prometheus_without_a_window_has_everything_in_order() {
    prometheus_after_an_outage(None, Order::InOrder).await;
}

#[tokio::test]
async fn prometheus_with_a_window_has_everything_in_order() {
    prometheus_after_an_outage(Some("2h"), Order::InOrder).await;
}

#[tokio::test]
async fn prometheus_with_a_window_has_everything_live_first() {
    prometheus_after_an_outage(Some("2h"), Order::LiveFirst).await;
}

async fn victoria_metrics_after_an_outage(order: Order) {
    let database = Database::victoria_metrics().await;
    let link = link_to(database.address);
    let mut scene = Scene::new();
    let running = scene.forward("one", order, transport(link.local_addr()));
    scene.outage(&link, &running).await;
    running.acked(scene.measured.len()).await;
    assert_eq!(exported(&database).await, measured(&scene));
    assert_eq!(scene.pole.waiting(), 0);
    running.end().await;
}

#[tokio::test]
async fn victoria_metrics_has_everything_in_order() {
    victoria_metrics_after_an_outage(Order::InOrder).await;
}

#[tokio::test]
async fn victoria_metrics_has_everything_live_first() {
    victoria_metrics_after_an_outage(Order::LiveFirst).await;
}

/// The link breaks between a request and its answer: what Prometheus has already is sent again.
#[tokio::test]
async fn lost_answers_leave_nothing_out_and_nothing_twice() {
    for (window, order) in [(None, Order::InOrder), (Some("2h"), Order::LiveFirst)] {
        let database = Database::prometheus(window).await;
        let link = link_to(database.address);
        let mut scene = Scene::new();
        let running = scene.forward("one", order, transport(link.local_addr()));
        scene.polls(5);
        running.acked(scene.measured.len()).await;
        link.set(Phase::LoseAnswer);
        scene.polls(8);
        running.failing().await;
        link.set(Phase::Up);
        scene.polls(5);
        running.accounted(scene.measured.len()).await;
        assert_eq!(queried(&database, scene.newest).await, measured(&scene), "{order:?}");
        assert_eq!(scene.pole.waiting(), 0);
        assert_eq!(running.figures().samples[ACKED], scene.measured.len() as u64, "none counts as lost");
        running.end().await;
    }
}

/// Without a window Prometheus refuses the whole backlog once it has newer samples: that is counted, and what is
/// new goes on.
#[tokio::test]
async fn a_backlog_that_prometheus_refuses_stands_in_nobodys_way() {
    let database = Database::prometheus(None).await;
    let link = link_to(database.address);
    let mut scene = Scene::new();
    let running = scene.forward("one", Order::LiveFirst, transport(link.local_addr()));
    scene.outage(&link, &running).await;
    running.accounted(scene.measured.len()).await;
    let before = running.figures();
    // Of 35 polls the newest three go first.
    assert_eq!((before.samples[ACKED], before.samples["out_of_order"]), ((5 + 3) * 4, 32 * 4));
    assert!(before.last_error.contains("out of order"), "{before:?}");
    scene.polls(2);
    running.accounted(scene.measured.len()).await;
    let expected: Found = {
        let polls = measured(&scene)
            .chunk_by(|one, other| one.0.0 == other.0.0)
            .map(|outlet| {
                let (first, last) = (&outlet[..5], &outlet[outlet.len() - 5..]);
                [first, last].concat()
            })
            .collect::<Vec<_>>();
        polls.concat()
    };
    assert_eq!(queried(&database, scene.newest).await, expected);
    assert_eq!(scene.pole.waiting(), 0);
    running.end().await;
}

/// With a window, what is older than it is answered with 500, which elsewhere means: try again.
#[tokio::test]
async fn what_is_older_than_the_window_is_set_aside() {
    let database = Database::prometheus(Some("10m")).await;
    let link = link_to(database.address);
    let mut scene = Scene::new();
    let running = scene.forward("one", Order::LiveFirst, transport(link.local_addr()));
    scene.outage(&link, &running).await;
    running.accounted(scene.measured.len()).await;
    // Of 35 polls the last is the newest, and nine more are less than ten minutes older.
    let figures = running.figures();
    assert_eq!((figures.samples[ACKED], figures.samples["too_old"]), ((5 + 10) * 4, 25 * 4));
    let window = scene.newest - 10 * MINUTE..=scene.newest;
    let young: Found = measured(&scene).into_iter().filter(|sample| window.contains(&sample.0.1)).collect();
    let found = queried(&database, scene.newest).await.into_iter();
    assert_eq!(found.filter(|sample| window.contains(&sample.0.1)).collect::<Found>(), young);
    running.end().await;
}

/// The second destination has everything while the first has nothing.
#[tokio::test]
async fn a_link_that_is_down_delays_no_other_destination() {
    let (prometheus, victoria_metrics) =
        (Database::prometheus(None).await, Database::victoria_metrics().await);
    let link = link_to(prometheus.address);
    link.set(Phase::Stall);
    let mut scene = Scene::new();
    let down = scene.forward("down", Order::InOrder, transport(link.local_addr()));
    let up = scene.forward("up", Order::InOrder, transport(victoria_metrics.address));
    for _ in 0..20 {
        scene.polls(1);
        up.acked(scene.measured.len()).await;
    }
    assert_eq!(exported(&victoria_metrics).await, measured(&scene));
    assert_eq!((down.figures().samples[ACKED], scene.pole.waiting()), (0, scene.measured.len() as u64));
    assert_eq!(queried(&prometheus, scene.newest).await, []);
    link.set(Phase::Up);
    down.acked(scene.measured.len()).await;
    assert_eq!(queried(&prometheus, scene.newest).await, measured(&scene));
    down.end().await;
    up.end().await;
}

/// Prometheus shows a series for five minutes after its last sample, unless it is told that the series ended.
#[tokio::test]
async fn series_end_when_they_end_and_when_the_program_does() {
    let database = Database::prometheus(None).await;
    let mut scene = Scene::new();
    let options = Options { end_series_at_shutdown: true, ..Options::default() };
    let running = scene.forward_with(options, "one", Order::InOrder, transport(database.address));
    let shown = async |at| {
        let found = database.query("hw_power_watts", at).await;
        let mut outlets: Vec<String> = found.iter().map(outlet).collect();
        outlets.sort();
        outlets
    };
    scene.pole.pass(MINUTE);
    let both = scene.pole.poll(&[1.0, 2.0]);
    scene.pole.pass(MINUTE);
    let one = scene.pole.poll(&[1.0]);
    until("both polls arrive", async || scene.pole.waiting() == 0).await;
    assert_eq!(shown(both).await, ["outlet-0", "outlet-1"]);
    assert_eq!(shown(one).await, ["outlet-0"]);
    assert_eq!(shown(one + 1).await, ["outlet-0"]);
    running.end().await;
    assert_eq!(shown(one).await, ["outlet-0"]);
    assert_eq!(shown(one + 1).await, Vec::<String>::new());
}
