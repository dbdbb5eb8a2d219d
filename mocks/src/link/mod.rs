//! A link that misbehaves: a TCP proxy between a sender and a receiver that drops, stalls, cuts, loses answers,
//! corrupts, slows down and delays, by hand or on a schedule that a seed decides.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use mocks::link::{Link, Phase};
//!
//! let link = Link::bind("127.0.0.1:0".parse()?, "127.0.0.1:9090".parse()?, 1)?;
//! println!("send to {}", link.local_addr());
//! link.set(Phase::Stall);
//! # Ok(()) }
//! ```
//!
//! It knows nothing of what it carries. `schedule` is pure, `pump` carries one direction of one connection.

mod pump;
mod schedule;

pub mod cli;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::snmp::mix;
use pump::{Direction, Pace, Way};
pub use schedule::{Phase, PhaseError, Schedule, Slot};

/// Connections at a time; one that comes on top is reset. Forwarders hold one or two for each destination.
const MAX_CONNECTIONS: usize = 64;

/// How long the far end may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause after a connection could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a link has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections that were taken.
    pub connections: u64,
    /// Of these, those that the link reset.
    pub resets: u64,
}

/// A running link. It stops, and resets its connections, when dropped.
#[derive(Debug)]
pub struct Link {
    phase: watch::Sender<Phase>,
    served: Arc<Served>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Served {
    to: SocketAddr,
    seed: u64,
    out: Arc<Pace>,
    back: Arc<Pace>,
    connections: AtomicU64,
    resets: AtomicU64,
}

impl Link {
    /// Listens on `listen` (port 0 takes a free one) and carries every connection to `to`; `seed` decides which
    /// bits are flipped. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address is taken, or not this machine's.
    pub fn bind(listen: SocketAddr, to: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let (phase, receiver) = watch::channel(Phase::Up);
        let (out, back) = (Arc::default(), Arc::default());
        let (connections, resets) = (AtomicU64::new(0), AtomicU64::new(0));
        let served = Arc::new(Served { to, seed, out, back, connections, resets });
        let task = tokio::spawn(serve(listener, Arc::clone(&served), receiver));
        Ok(Self { phase, served, address, task })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Begins a phase, which lasts until the next is set.
    pub fn set(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// The phase of now.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// What it has seen.
    pub fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats { connections: read(&self.served.connections), resets: read(&self.served.resets) }
    }

    /// Lives by a schedule and calls `tell` with each slot as it begins; never returns.
    pub async fn follow(&self, schedule: &Schedule, mut tell: impl FnMut(Slot)) {
        let began = Instant::now();
        for slot in schedule.slots() {
            sleep_until(began + slot.at).await;
            self.set(slot.phase);
            tell(slot);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.set(Phase::Drop);
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, served: Arc<Served>, phase: watch::Receiver<Phase>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let near = match listener.accept().await {
            Ok((near, _)) => near,
            Err(error) => {
                // Out of file descriptors, most likely: some connection has to end first.
                tracing::warn!(%error, "no connection taken");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let number = served.connections.fetch_add(1, Ordering::Relaxed);
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            served.reset(&near);
            continue;
        };
        let (served, phase) = (Arc::clone(&served), phase.clone());
        tokio::spawn(async move {
            let mut near = near;
            let carried = tokio::select! {
                () = dropped(phase.clone()) => Err(io::ErrorKind::ConnectionReset.into()),
                carried = served.carry(&mut near, number, phase) => carried,
            };
            if let Err(error) = carried {
                tracing::debug!(%error, "connection reset");
                served.reset(&near);
            }
            drop(place);
        });
    }
}

/// Waits until the link drops what it has, or is gone.
async fn dropped(mut phase: watch::Receiver<Phase>) {
    let _ = phase.wait_for(|phase| *phase == Phase::Drop).await;
}

impl Served {
    /// Carries a connection both ways until both have ended. Whatever happens to it, the far end sees an orderly
    /// end, too early if it was cut, so that all it was sent reaches it.
    async fn carry(
        &self,
        near: &mut TcpStream,
        number: u64,
        phase: watch::Receiver<Phase>,
    ) -> io::Result<()> {
        let mut wait = phase.clone();
        wait.wait_for(|phase| *phase != Phase::Stall).await.map_err(io::Error::other)?;
        let mut far = timeout(CONNECT_TIMEOUT, TcpStream::connect(self.to)).await??;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let direction = |way, pace: &Arc<Pace>| Direction {
            way,
            phase: phase.clone(),
            pace: Arc::clone(pace),
            seed: mix(self.seed ^ mix(2 * number + u64::from(way == Way::Back))),
        };
        let (near_reads, near_writes) = near.split();
        let (far_reads, far_writes) = far.split();
        tokio::try_join!(
            direction(Way::Out, &self.out).carry(near_reads, far_writes),
            direction(Way::Back, &self.back).carry(far_reads, near_writes),
        )?;
        Ok(())
    }

    /// Has a connection end with a reset once it is let go.
    fn reset(&self, near: &TcpStream) {
        self.resets.fetch_add(1, Ordering::Relaxed);
        let _ = near.set_zero_linger();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A receiver that sends back what it is sent, byte for byte.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reads, mut writes) = stream.split();
                    let _ = tokio::io::copy(&mut reads, &mut writes).await;
                });
            }
        });
        address
    }

    async fn link() -> Link {
        Link::bind("127.0.0.1:0".parse().unwrap(), echo().await, 1).unwrap()
    }

    async fn echoed(stream: &mut TcpStream, text: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(text).await?;
        let mut back = vec![0; text.len()];
        stream.read_exact(&mut back).await?;
        Ok(back)
    }

    #[tokio::test]
    async fn it_carries_and_drops_and_carries_again() {
        let link = link().await;
        let mut first = TcpStream::connect(link.local_addr()).await.unwrap();
        assert_eq!(echoed(&mut first, b"hello").await.unwrap(), b"hello");
        link.set(Phase::Drop);
        let error = first.read(&mut [0; 9]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let mut refused = TcpStream::connect(link.local_addr()).await.unwrap();
        assert!(echoed(&mut refused, b"hello").await.is_err());
        link.set(Phase::Up);
        let mut again = TcpStream::connect(link.local_addr()).await.unwrap();
        assert_eq!(echoed(&mut again, b"hello").await.unwrap(), b"hello");
        assert_eq!(link.stats(), Stats { connections: 3, resets: 2 });
    }

    #[tokio::test]
    async fn a_cut_resets_who_sends_and_a_stall_lets_go_by_itself() {
        let link = link().await;
        let mut stream = TcpStream::connect(link.local_addr()).await.unwrap();
        assert_eq!(echoed(&mut stream, b"hello").await.unwrap(), b"hello");
        link.set(Phase::Cut);
        assert!(echoed(&mut stream, b"hello").await.is_err());
        link.set(Phase::Stall);
        let mut stream = TcpStream::connect(link.local_addr()).await.unwrap();
        let answer = tokio::spawn(async move { echoed(&mut stream, b"hello").await });
        tokio::task::yield_now().await;
        assert!(!answer.is_finished());
        link.set(Phase::Up);
        assert_eq!(answer.await.unwrap().unwrap(), b"hello");
    }

    #[tokio::test]
    async fn connections_are_bounded() {
        let link = link().await;
        let mut held = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let mut stream = TcpStream::connect(link.local_addr()).await.unwrap();
            assert_eq!(echoed(&mut stream, b"x").await.unwrap(), b"x");
            held.push(stream);
        }
        let mut more = TcpStream::connect(link.local_addr()).await.unwrap();
        assert!(echoed(&mut more, b"x").await.is_err());
        assert_eq!(link.stats().resets, 1);
    }

    #[tokio::test]
    async fn nobody_at_the_far_end_is_a_reset() {
        let gone = crate::ports::reserve().unwrap();
        let link = Link::bind("127.0.0.1:0".parse().unwrap(), gone, 1).unwrap();
        let mut stream = TcpStream::connect(link.local_addr()).await.unwrap();
        assert!(echoed(&mut stream, b"x").await.is_err());
    }
}
