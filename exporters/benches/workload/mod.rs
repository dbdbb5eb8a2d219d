//! Readings of hardware to measure the buffer with: from files, or made here after the same recipe.
//!
//! The files: `PREFIX.series.json`, one object per series with its `metric` and `labels`; `PREFIX.f64`, little endian,
//! per poll the time as an `i64` in Unix milliseconds and one `f64` per series, NaN where the poll did not bring it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use model::device::Description;
use model::{Device, Metric, PollReport, Sample, Series, Timestamp};

/// Devices that report together, and what they said.
pub(crate) struct Workload {
    devices: Vec<Reporter>,
    series: usize,
    /// Per poll: the time, and a value per series.
    polls: Vec<(Timestamp, Vec<f64>)>,
}

/// A device, and the places of its series among all.
type Reporter = (Arc<Device>, Vec<(usize, Arc<Series>)>);

impl Workload {
    /// Reads the files.
    pub(crate) fn read(prefix: &str) -> Self {
        let text = fs::read_to_string(format!("{prefix}.series.json")).unwrap();
        let list: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let series = list.iter().map(|series| {
            let labels = |name: &str| series["labels"][name].as_str().unwrap_or_default();
            let own = format!("hw_id=\"{}\",hw_name=\"{}\"", labels("hw_id"), labels("hw_name"));
            let device = [labels("host_name"), labels("site"), labels("rack"), labels("device_type")];
            (device.map(str::to_owned), series["metric"].as_str().unwrap(), own)
        });
        let mut workload = Self::of(series);
        let bytes = fs::read(format!("{prefix}.f64")).unwrap();
        for poll in bytes.chunks_exact(8 * (workload.series + 1)) {
            let mut words = poll.as_chunks::<8>().0.iter();
            let at = i64::from_le_bytes(*words.next().unwrap());
            workload.polls.push((at, words.map(|word| f64::from_le_bytes(*word)).collect()));
        }
        workload
    }

    /// Makes so many series and polls, 30 s apart; the first is at `began`.
    pub(crate) fn made(series: usize, polls: usize, began: Timestamp) -> Self {
        let mut random = fastrand::Rng::with_seed(1);
        let mut sensors: Vec<Sensor> = (0..series).map(|number| Sensor::new(number, &mut random)).collect();
        let mut workload = Self::of(sensors.iter().enumerate().map(|(number, sensor)| {
            let device = [format!("dev-{}", number % 6), "pole-0417".into(), String::new(), "server".into()];
            let own = format!("hw_id=\"{0}.{number}\",hw_name=\"{0} sensor {number}\"", sensor.kind);
            (device, sensor.metric, own)
        }));
        let mut gaps = [0; 6];
        for poll in 0..polls {
            let at = began + poll as i64 * 30_000 + random.i64(0..21);
            let day = (poll as f64 * 30.0 / 86_400.0 * std::f64::consts::TAU).sin();
            for gap in &mut gaps {
                *gap = if *gap > 0 {
                    *gap - 1
                } else if random.f64() < 0.0005 {
                    random.i32(1..8)
                } else {
                    0
                };
            }
            let value = |(number, sensor): (usize, &mut Sensor)| {
                let value = sensor.next(day, &mut random);
                if gaps[number % 6] > 0 { f64::NAN } else { value }
            };
            workload.polls.push((at, sensors.iter_mut().enumerate().map(value).collect()));
        }
        workload
    }

    fn of<'a>(series: impl Iterator<Item = ([String; 4], &'a str, String)>) -> Self {
        let mut devices: BTreeMap<[String; 4], Vec<(usize, &'a str, String)>> = BTreeMap::new();
        let mut count = 0;
        for (number, (device, metric, own)) in series.enumerate() {
            devices.entry(device).or_default().push((number, metric, own));
            count += 1;
        }
        let device =
            |([name, site, rack, device_type], series): ([String; 4], Vec<(usize, &str, String)>)| {
                let device = Device { name, site, rack, device_type, description: Description::default() };
                let labels = Arc::new(device.labels());
                let series = series.into_iter().map(|(number, metric, own)| {
                    let metric = Metric::find(metric).unwrap();
                    (number, Arc::new(Series::new(metric, Arc::clone(&labels), &own)))
                });
                let mut series: Vec<_> = series.collect();
                series.sort_by_key(|(number, series)| (series.metric, *number));
                (Arc::new(device), series)
            };
        let devices = devices.into_iter().map(device).collect();
        Self { devices, series: count, polls: Vec::new() }
    }

    /// How many polls there are.
    pub(crate) fn polls(&self) -> usize {
        self.polls.len()
    }

    /// When a poll was.
    pub(crate) fn at(&self, poll: usize) -> Timestamp {
        self.polls[poll].0
    }

    /// The reports of one poll, one for each device that answered.
    pub(crate) fn reports(&self, poll: usize) -> impl Iterator<Item = Arc<PollReport>> {
        let (at, values) = &self.polls[poll];
        self.devices.iter().filter_map(move |(device, series)| {
            let samples = series.iter().filter(|(number, _)| !values[*number].is_nan());
            let samples: Vec<Sample> = samples
                .map(|(number, series)| Sample { series: Arc::clone(series), value: values[*number] })
                .collect();
            (!samples.is_empty()).then(|| {
                Arc::new(PollReport {
                    device: Arc::clone(device),
                    at: *at,
                    duration: Duration::ZERO,
                    protocols: Vec::new(),
                    samples,
                    faults: Vec::new(),
                    fault_counts: Vec::new(),
                    rejections: Vec::new(),
                    error: None,
                })
            })
        })
    }
}

/// A series that is made: its shares, steps and noise are those of the recipe.
struct Sensor {
    kind: &'static str,
    metric: &'static str,
    base: f64,
    step: f64,
    noise: f64,
    swing: f64,
    phase: f64,
    x: f64,
}

const KINDS: [(&str, usize, &str); 9] = [
    ("temp1", 22, "hw_temperature_celsius"),
    ("temp01", 8, "hw_temperature_celsius"),
    ("fan", 14, "hw_fan_speed_rpm"),
    ("watt", 10, "oob_circuit_power_watts"),
    ("volt", 8, "hw_voltage_volts"),
    ("amp", 8, "oob_circuit_current_amperes"),
    ("energy", 6, "oob_circuit_energy_joules_total"),
    ("state", 16, "hw_status"),
    ("if", 8, "hw_network_io_bytes_total"),
];

impl Sensor {
    fn new(number: usize, random: &mut fastrand::Rng) -> Self {
        let mut share = number * 37 % 100;
        let kind = KINDS.iter().find(|kind| {
            let here = share < kind.1;
            share = share.saturating_sub(kind.1);
            here
        });
        let &(kind, _, metric) = kind.unwrap();
        let mut from = |low: f64, high: f64| low + (high - low) * random.f64();
        let (base, noise) = match kind {
            "temp1" | "temp01" => (from(22.0, 65.0), from(0.05, 0.35)),
            "fan" => ([4_200.0, 6_600.0, 9_000.0][number % 3], from(20.0, 70.0)),
            "watt" => (from(40.0, 700.0), from(1.0, 9.0)),
            "volt" => ([12.0, 5.0, 3.3, 230.0][number % 4], from(0.004, 0.03)),
            "amp" => (from(0.2, 12.0), from(0.01, 0.06)),
            "energy" => (from(40.0, 700.0), 0.0),
            "if" => (10_f64.powf(from(2.0, 7.0)), 0.0),
            _ => ([0.0, 1.0, 1.0, 1.0, 85.0, 12.6][number % 6], 0.0),
        };
        let step = match (kind, number % 2) {
            ("temp01", _) | ("amp", 0) => 0.1,
            ("fan", even) => [60.0, 120.0][even],
            ("volt", even) => [0.012, 0.06][even],
            ("amp", _) => 0.001,
            _ => 1.0,
        };
        let x = if kind == "energy" || kind == "if" { from(0.0, 1e9).round() } else { 0.0 };
        Self {
            kind,
            metric,
            base,
            step,
            noise,
            swing: from(0.5, 4.0),
            phase: from(0.0, std::f64::consts::TAU),
            x,
        }
    }

    fn next(&mut self, day: f64, random: &mut fastrand::Rng) -> f64 {
        // The sum of twelve is as good as normal.
        let noise = ((0..12).map(|_| random.f64()).sum::<f64>() - 6.0) * self.noise;
        match self.kind {
            "temp1" | "temp01" => {
                self.x += 0.05 * (self.swing * (day + self.phase).sin() - self.x) + noise * 0.3;
                stepped(self.base + self.x, self.step)
            }
            "fan" => {
                self.x += 0.02 * (300.0 * day - self.x);
                stepped(self.base + self.x + noise, self.step)
            }
            "watt" | "amp" => {
                self.x = if random.f64() < 0.01 { random.f64() * 0.6 } else { self.x * 0.97 };
                stepped((self.base * (1.0 + 0.1 * day + self.x) + noise).max(0.0), self.step)
            }
            "volt" => stepped(self.base + noise, self.step),
            "energy" => {
                self.x += self.base * (1.0 + 0.1 * day + 0.02 * (random.f64() - 0.5)) * 30.0;
                (self.x / 360.0).floor() * 360.0
            }
            "if" => {
                self.x += (self.base * random.f64() * 60.0).floor();
                self.x
            }
            _ => {
                self.base = if random.f64() < 0.00005 { 1.0 - self.base } else { self.base };
                self.base
            }
        }
    }
}

/// To the nearest step, and to the three decimals that devices print.
fn stepped(value: f64, step: f64) -> f64 {
    ((value / step).round() * step * 1_000.0).round() / 1_000.0
}
