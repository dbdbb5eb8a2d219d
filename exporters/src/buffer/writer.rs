//! The one thread that writes: takes reports from a bounded queue and appends them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use model::PollReport;

use crate::buffer::clock::Moment;
use crate::buffer::figures::Loss;
use crate::buffer::intake::Intake;
use crate::buffer::row::Row;
use crate::buffer::state::Shared;

/// Most samples in memory, 8 bytes each and little more.
const RING_SAMPLES: u64 = 1 << 18;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Append(Arc<PollReport>, Moment),
    End(String, Moment),
    Flush(SyncSender<()>),
    Stop,
}

/// The writer's own state.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    intake: Intake,
    /// Samples of the open rows.
    samples: u64,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, intake: Intake::default(), samples: 0 }
    }

    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        while let Ok(command) = commands.recv() {
            match command {
                Command::Append(report, now) => self.append(&report, &now),
                Command::End(device, now) => {
                    for row in self.intake.end(&device, &now) {
                        self.write(row);
                    }
                }
                Command::Flush(done) => {
                    let _ = done.send(());
                }
                Command::Stop => break,
            }
        }
    }

    fn append(&mut self, report: &PollReport, now: &Moment) {
        let boots = {
            let mut state = self.shared.lock();
            if now.synchronised {
                state.boots.learn(now.boot, now.offset());
            }
            state.boots.clone()
        };
        if let Some(row) = self.intake.row(report, now, &boots, &self.shared.names) {
            self.write(row);
        }
    }

    fn write(&mut self, row: Row) {
        self.samples = self.samples.saturating_add(row.samples());
        let mut state = self.shared.lock();
        state.push(row);
        while self.samples > RING_SAMPLES {
            let oldest = state.open.front().map_or(0, |row| row.samples());
            self.samples = self.samples.saturating_sub(oldest);
            state.drop_oldest_open(Loss::Full);
        }
        state.notify();
    }
}
