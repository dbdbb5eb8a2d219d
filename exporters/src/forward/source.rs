//! The seam between a forwarder and the log that it reads.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use crate::buffer::batch::Batch;
use crate::buffer::{Loss, Moment, Order, Reader};

/// Which samples are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The newest, which were never given out.
    Live,
    /// The oldest that are not acknowledged. Where there is a live lane, only what that has passed by.
    Backlog,
}

/// One destination's view of a log.
///
/// A batch that is not acknowledged comes again: of the backlog at the next call, of the live lane as a part of
/// the backlog once the next live batch was taken.
pub trait Source: Send {
    /// The order in which the destination takes samples. In [`Order::InOrder`] there is no live lane.
    fn order(&self) -> Order;

    /// The next batch of a lane, of about as many samples; `None` where there is none now.
    fn next(&mut self, lane: Lane, samples: usize) -> impl Future<Output = Option<Batch>> + Send;

    /// The destination has what it wants of these entries.
    fn acknowledge(&mut self, entries: Range<u64>);

    /// As many samples were refused for good.
    fn set_aside(&mut self, samples: u64);

    /// Returns when there may be more than at the last call.
    fn wait(&mut self) -> impl Future<Output = ()> + Send;
}

/// The buffer as a source. `C` asks the clock.
pub struct Buffered<C> {
    reader: Arc<Reader>,
    clock: C,
}

impl<C: Fn() -> Moment + Send> Buffered<C> {
    /// Reads for one destination; nobody else may take batches out of this reader meanwhile.
    pub fn new(reader: Arc<Reader>, clock: C) -> Self {
        Self { reader, clock }
    }
}

impl<C: Fn() -> Moment + Send> Source for Buffered<C> {
    fn order(&self) -> Order {
        self.reader.order()
    }

    async fn next(&mut self, lane: Lane, samples: usize) -> Option<Batch> {
        let now = (self.clock)();
        if lane == Lane::Live {
            return self.reader.live(samples, &now);
        }
        let reader = Arc::clone(&self.reader);
        let read = tokio::task::spawn_blocking(move || reader.backlog(samples, &now)).await;
        read.unwrap_or_else(|error| {
            tracing::error!(destination = self.reader.destination(), %error, "the buffer could not be read");
            None
        })
    }

    fn acknowledge(&mut self, entries: Range<u64>) {
        self.reader.acknowledge(entries);
    }

    fn set_aside(&mut self, samples: u64) {
        self.reader.lose(Loss::Rejected, samples);
    }

    async fn wait(&mut self) {
        self.reader.wait().await;
    }
}
