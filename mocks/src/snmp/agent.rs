//! An agent on a UDP socket: one task that waits for datagrams, a clock, and nothing of its own to read into.
//!
//! Receives into the stack of whoever polls it, so that an idle agent holds its socket and a few hundred
//! octets. Must be bound within a tokio runtime.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::device::{AgentOptions, Answer, Device, Stats};
use super::faults::FaultRule;
use super::oid::Oid;
use super::overrides::Override;
use super::recording::Recording;

/// The largest request taken, in octets: several times what a collector sends, little enough for a stack.
const MAX_REQUEST: usize = 16_384;

/// The most late answers under way from one agent; more are not sent at all.
const MAX_LATE: usize = 64;

/// A running agent. It stops when dropped.
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
    /// Binds `address` (port 0 takes a free one) and begins to serve `recording`.
    pub fn bind(
        address: SocketAddr,
        recording: Arc<Recording>,
        options: impl Into<Arc<AgentOptions>>,
    ) -> io::Result<Self> {
        let options = options.into();
        let seed = options.seed;
        Self::bind_numbered(address, recording, options, seed)
    }

    /// As [`Agent::bind`], with a number of its own instead of the options' seed.
    pub(crate) fn bind_numbered(
        address: SocketAddr,
        recording: Arc<Recording>,
        options: Arc<AgentOptions>,
        seed: u64,
    ) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let address = socket.local_addr()?;
        let device = Device::new(recording, options, seed);
        let served = Arc::new(Served { device, socket, began: Instant::now(), late: AtomicUsize::new(0) });
        let task = tokio::spawn(serve(served.clone()));
        Ok(Self { served, task, address })
    }

    /// Where the agent listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the agent's faults; an empty list ends them.
    pub fn set_faults(&self, faults: Vec<FaultRule>) {
        self.served.device.set_faults(faults, self.served.now());
    }

    /// Replaces what the agent says instead of its recording; an empty list ends it.
    pub fn set_overrides(&self, overrides: impl IntoIterator<Item = (Oid, Override)>) {
        self.served.device.set_overrides(overrides);
    }

    /// Acts as if the device had been replaced: another engine id, its first boot, its clock at zero.
    pub fn replace_engine(&self) {
        self.served.device.replace_engine(self.served.now());
    }

    /// Acts as if the device had been restarted: one more boot, the engine's clock at zero.
    pub fn reboot_engine(&self) {
        self.served.device.reboot_engine(self.served.now());
    }

    /// The engine id, as v3 messages carry it.
    pub fn engine_id(&self) -> Vec<u8> {
        self.served.device.engine_id()
    }

    /// What the agent was asked so far.
    pub fn stats(&self) -> Stats {
        self.served.device.stats()
    }

    /// Stops the agent and waits until it has let its address go, late answers aside.
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
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes one datagram that waits, if any.
    fn receive(&self) -> io::Result<(Option<Answer>, SocketAddr)> {
        let mut buffer = [0; MAX_REQUEST];
        let (length, peer) = self.socket.try_recv_from(&mut buffer)?;
        let datagram = buffer.get(..length).unwrap_or_default();
        Ok((self.device.answer(datagram, self.now()), peer))
    }

    async fn send(&self, message: &[u8], peer: SocketAddr) {
        if let Err(error) = self.socket.send_to(message, peer).await {
            tracing::debug!(%error, %peer, "answer not sent");
        }
    }
}

async fn serve(served: Arc<Served>) {
    loop {
        if let Err(error) = served.socket.readable().await {
            tracing::warn!(%error, "agent stopped: its socket is gone");
            return;
        }
        // An error here is a spurious wake-up, or what ICMP said of an earlier answer: neither ends the agent.
        let Ok((Some(answer), peer)) = served.receive() else { continue };
        tokio::time::sleep(answer.hold).await;
        if answer.late.is_zero() {
            served.send(&answer.message, peer).await;
        } else if served.late.fetch_add(1, Ordering::Relaxed) < MAX_LATE {
            tokio::spawn(send_late(served.clone(), answer, peer));
        } else {
            served.late.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

async fn send_late(served: Arc<Served>, answer: Answer, peer: SocketAddr) {
    tokio::time::sleep(answer.late).await;
    served.send(&answer.message, peer).await;
    served.late.fetch_sub(1, Ordering::Relaxed);
}
