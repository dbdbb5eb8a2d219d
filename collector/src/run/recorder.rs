//! The outlet that keeps what was polled: on the board for scrapes, in the buffer for destinations.
//!
//! Never waits: where the buffer's queue is full, the buffer counts what it lost.

use std::sync::Arc;
use std::time::Instant;

use exporters::buffer::Buffer;

use crate::clock::Clock;
use crate::poll::board::Board;
use crate::poll::fleet::Outlet;
use crate::poll::task::Outcome;
use crate::target::Target;

/// Board and buffer.
pub(super) struct Recorder {
    pub(super) board: Arc<Board>,
    pub(super) buffer: Arc<Buffer>,
    pub(super) clock: Clock,
}

impl Outlet for Recorder {
    fn publish(&self, target: &Target, outcome: &Outcome, next: Instant) {
        let now = self.clock.now();
        self.buffer.append(&outcome.readings, &now);
        self.buffer.append(&outcome.status, &now);
        self.board.publish(target, outcome, next);
    }

    fn remove(&self, name: &str) {
        self.buffer.end(name, &self.clock.now());
        self.board.remove(name);
    }
}
