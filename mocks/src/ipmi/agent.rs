//! A BMC on a UDP socket: one task that waits for datagrams, a clock, and nothing of its own to read into.
//!
//! Receives into the stack of whoever polls it, so that an idle BMC holds its socket and a few hundred octets.
//! Must be bound within a tokio runtime.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::bmc::{Bmc, Event};
use super::device::{Answer, Device, Shared, Stats};
use super::faults::FaultRule;
use super::options::BmcOptions;

/// The largest request taken, in octets: several times what a console sends, little enough for a stack.
const MAX_REQUEST: usize = 1_024;

/// The most late answers under way from one BMC; more are not sent at all.
const MAX_LATE: usize = 64;

/// A running BMC. It stops when dropped.
#[derive(Debug)]
pub struct Agent {
    served: Arc<Served>,
    task: JoinHandle<()>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Served {
    device: Device,
    socket: UdpSocket,
    began: Instant,
    late: AtomicUsize,
}

impl Agent {
    /// Binds `address` (port 0 takes a free one) and begins to serve `bmc`.
    pub fn bind(address: SocketAddr, bmc: Bmc, options: BmcOptions) -> io::Result<Self> {
        let seed = options.seed;
        Self::bind_numbered(address, Arc::new(Shared::new(bmc, options)), seed)
    }

    /// As [`Agent::bind`], with what a fleet shares and a number of its own.
    pub(crate) fn bind_numbered(address: SocketAddr, shared: Arc<Shared>, seed: u64) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let address = socket.local_addr()?;
        let device = Device::new(shared, seed);
        let served = Arc::new(Served { device, socket, began: Instant::now(), late: AtomicUsize::new(0) });
        let task = tokio::spawn(serve(served.clone()));
        Ok(Self { served, task, address })
    }

    /// Where the BMC listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the BMC's faults; an empty list ends them.
    pub fn set_faults(&self, faults: Vec<FaultRule>) {
        self.served.device.set_faults(faults);
    }

    /// Acts as if the BMC had been restarted: sessions and reservations are forgotten.
    pub fn reset(&self) {
        self.served.device.reset();
    }

    /// Adds an event to the event log, which takes a few hundred.
    pub fn log(&self, event: Event) {
        self.served.device.log(event);
    }

    /// What the BMC was asked so far.
    pub fn stats(&self) -> Stats {
        self.served.device.stats()
    }

    /// Stops the BMC and waits until it has let its address go, late answers aside.
    pub async fn shutdown(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Served {
    /// Takes one datagram that waits, if any.
    fn receive(&self) -> io::Result<(Option<Answer>, SocketAddr)> {
        let mut buffer = [0; MAX_REQUEST];
        let (length, peer) = self.socket.try_recv_from(&mut buffer)?;
        let datagram = buffer.get(..length).unwrap_or_default();
        Ok((self.device.answer(datagram, self.began.elapsed()), peer))
    }

    async fn send(&self, answer: &Answer, peer: SocketAddr) {
        for packet in &answer.packets {
            if let Err(error) = self.socket.send_to(packet, peer).await {
                tracing::debug!(%error, %peer, "answer not sent");
            }
        }
    }
}

async fn serve(served: Arc<Served>) {
    loop {
        if let Err(error) = served.socket.readable().await {
            tracing::warn!(%error, "BMC stopped: its socket is gone");
            return;
        }
        // An error here is a spurious wake-up, or what ICMP said of an earlier answer: neither ends the BMC.
        let Ok((Some(answer), peer)) = served.receive() else { continue };
        tokio::time::sleep(answer.hold).await;
        if answer.late.is_zero() {
            served.send(&answer, peer).await;
        } else if served.late.fetch_add(1, Ordering::Relaxed) < MAX_LATE {
            tokio::spawn(send_late(served.clone(), answer, peer));
        } else {
            served.late.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

async fn send_late(served: Arc<Served>, answer: Answer, peer: SocketAddr) {
    tokio::time::sleep(answer.late).await;
    served.send(&answer, peer).await;
    served.late.fetch_sub(1, Ordering::Relaxed);
}
