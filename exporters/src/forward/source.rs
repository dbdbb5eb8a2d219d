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

    /// The next batch of a lane, of about as many samples; `None` where there is none now. Of the backlog, at or after an
    /// entry.
    fn next(&mut self, lane: Lane, from: u64, samples: usize) -> impl Future<Output = Option<Batch>> + Send;

    /// The destination has what it wants of these entries.
    fn acknowledge(&mut self, entries: Range<u64>);

    /// The next batch, at or after an entry, of what was acknowledged before the program started and is still there;
    /// of what went in a lane, as far as that is known. For what a filter held back.
    fn again(&mut self, lane: Lane, from: u64, samples: usize) -> impl Future<Output = Option<Batch>> + Send;

    /// What was acknowledged before this entry is needed no more.
    fn hold(&mut self, from: u64);

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

    async fn next(&mut self, lane: Lane, from: u64, samples: usize) -> Option<Batch> {
        let now = (self.clock)();
        if lane == Lane::Live {
            return self.reader.live(samples, &now);
        }
        read(&self.reader, move |reader| reader.backlog_from(from, samples, &now)).await
    }

    fn acknowledge(&mut self, entries: Range<u64>) {
        self.reader.acknowledge(entries);
    }

    async fn again(&mut self, lane: Lane, from: u64, samples: usize) -> Option<Batch> {
        let now = (self.clock)();
        read(&self.reader, move |reader| match lane {
            Lane::Live => reader.live_again(from, samples, &now),
            Lane::Backlog => reader.backlog_again(from, samples, &now),
        })
        .await
    }

    fn hold(&mut self, from: u64) {
        self.reader.hold(from);
    }

    fn set_aside(&mut self, samples: u64) {
        self.reader.lose(Loss::Rejected, samples);
    }

    async fn wait(&mut self) {
        self.reader.wait().await;
    }
}

/// Reads where it may block.
async fn read(
    reader: &Arc<Reader>,
    read: impl FnOnce(&Reader) -> Option<Batch> + Send + 'static,
) -> Option<Batch> {
    let blocking = Arc::clone(reader);
    tokio::task::spawn_blocking(move || read(&blocking)).await.unwrap_or_else(|error| {
        tracing::error!(destination = reader.destination(), %error, "the buffer could not be read");
        None
    })
}
