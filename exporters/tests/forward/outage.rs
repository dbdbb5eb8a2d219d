//! A long outage on the way to VictoriaMetrics: what waited on disk, across a restart of the program, arrives once,
//! each sample with its time and value.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use exporters::buffer::{DEFAULT_LIMIT, Figures, Order};
use exporters::forward::{ACKED, Options};
use mocks::link::Phase;
use model::Timestamp;

use crate::daemon::{Database, until};
use crate::databases::{link_to, transport};
use crate::pole::Pole;
use crate::scene::{MINUTE, Running};
use crate::workload::Workload;

/// Series of a pole with six devices.
const SERIES: usize = 300;
const DEVICES: usize = 6;

/// Times and values by metric and component.
type Measured = BTreeMap<(String, String), Vec<(Timestamp, f64)>>;

/// Hours of the outage: six, or what `LIGHTSOUT_OUTAGE_HOURS` says (168 are a week; in a release build).
fn hours() -> usize {
    std::env::var("LIGHTSOUT_OUTAGE_HOURS").map_or(6, |hours| hours.parse().unwrap())
}

/// A pole that polled every 30 s until an hour ago, by its own clock; by ours, as fast as it can.
struct Outage {
    workload: Workload,
    pole: Pole,
    measured: Measured,
    samples: usize,
}

impl Outage {
    fn new(hours: usize) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let began = i64::try_from(now.as_millis()).unwrap() - (hours as i64 + 1) * 60 * MINUTE;
        let workload = Workload::made(SERIES, hours * 120, began);
        Self { workload, pole: Pole::new(began), measured: Measured::new(), samples: 0 }
    }

    fn poll(&mut self, polls: Range<usize>) {
        for poll in polls {
            self.pole.pass(self.workload.at(poll) + 100 - self.pole.clock()().wall);
            let now = self.pole.clock()();
            for report in self.workload.reports(poll) {
                self.pole.buffer.append(&report, &now);
                for sample in &report.samples {
                    let metric = sample.series.metric.definition().prometheus.to_owned();
                    let id = sample.series.own_text().split('"').nth(1).unwrap().to_owned();
                    self.measured.entry((metric, id)).or_default().push((report.at, sample.value));
                    self.samples += 1;
                }
            }
            self.pole.buffer.flush();
        }
    }

    fn restart(self) -> Self {
        Self { pole: self.pole.restart(), ..self }
    }

    fn figures(&self) -> Figures {
        self.pole.buffer.figures(&self.pole.clock()())
    }

    /// VictoriaMetrics has what was measured and nothing else. A sample that comes twice it keeps twice; what it took
    /// it shows within seconds.
    async fn compare(&self, database: &Database) {
        until("all that was acknowledged is shown", async || self.count(database).await >= self.samples)
            .await;
        let mut found = stored(database).await;
        for (series, measured) in &self.measured {
            let found = found.remove(series).unwrap_or_default();
            let same = found.iter().zip(measured).take_while(|(found, measured)| found == measured).count();
            assert!(
                found == *measured,
                "{series:?}: {} samples, where {} were measured; they differ after {same}: {:?}, {:?}",
                found.len(),
                measured.len(),
                found.get(same),
                measured.get(same)
            );
        }
        assert_eq!(found.keys().collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "were never measured");
        assert_eq!(self.count(database).await, self.samples);
    }

    /// All samples that a query finds.
    async fn count(&self, database: &Database) -> usize {
        let newest = self.workload.at(self.workload.polls() - 1);
        let query = format!("sum(count_over_time({{__name__!=\"\"}}[{}h]))", hours() + 1);
        database.flush().await;
        let found = database.query(&query, newest + 1_000).await;
        found.first().map_or(0, |sum| sum["value"][1].as_str().unwrap().parse().unwrap())
    }
}

async fn stored(database: &Database) -> Measured {
    let mut stored = Measured::new();
    for device in 0..DEVICES {
        for series in database.export(&format!("{{host_name=\"dev-{device}\"}}")).await {
            let label = |name| series["metric"][name].as_str().unwrap().to_owned();
            let times = series["timestamps"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap());
            let values = series["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap());
            stored.entry((label("__name__"), label("hw_id"))).or_default().extend(times.zip(values));
        }
    }
    stored.values_mut().for_each(|samples| samples.sort_by_key(|sample| sample.0));
    stored
}

/// The program starts again half-way through the outage.
async fn an_outage_ends(order: Order) {
    let database = Database::victoria_metrics().await;
    let link = link_to(database.address);
    link.set(Phase::Drop);
    let forward = |outage: &Outage| {
        let source = outage.pole.source("one", order);
        Running::start(Options::default(), source, transport(link.local_addr()))
    };
    let mut outage = Outage::new(hours());
    let (half, end) = (outage.workload.polls() / 2, outage.workload.polls());
    let running = forward(&outage);
    outage.poll(0..half);
    running.failing().await;
    running.end().await;
    let mut outage = outage.restart();
    let running = forward(&outage);
    outage.poll(half..end);
    running.failing().await;
    let figures = outage.figures();
    assert_eq!((figures.waiting, figures.lost.len()), (outage.samples as u64, 0));
    assert!(figures.bytes <= DEFAULT_LIMIT && figures.limit == DEFAULT_LIMIT, "{figures:?}");
    assert_eq!(running.figures().samples[ACKED], 0);
    link.set(Phase::Up);
    let began = Instant::now();
    running.acked(outage.samples).await;
    told(order, outage.samples, figures.bytes, began.elapsed());
    assert_eq!(outage.figures().waiting, 0);
    outage.compare(&database).await;
    running.end().await;
}

fn told(order: Order, samples: usize, bytes: u64, took: Duration) {
    let rate = samples as f64 / took.as_secs_f64();
    eprintln!(
        "{order:?}: {samples} samples, {bytes} bytes on disk, drained in {took:.1?}: {rate:.0} a second"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_through_an_outage_arrives_in_order() {
    an_outage_ends(Order::InOrder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_through_an_outage_arrives_live_first() {
    an_outage_ends(Order::LiveFirst).await;
}
