//! The sockets: one UDP socket for IPv4 and one for IPv6, shared by all BMCs of the process.
//!
//! Nothing is woken by a packet: thousands of BMCs answer thousands of times in a second, and most answers are
//! there when their session may ask its next question. Whoever looks then takes what has come for all; who needs
//! an answer that has not come waits for the common look, some milliseconds later.
//!
//! What comes in finds its receiver by the sender's address and by the session that it names. A packet
//! that nobody waits for is dropped. Nothing of a packet is proved here.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::net::sockopt::{set_socket_recv_buffer_size, socket_recv_buffer_size};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::wire::packet::Packet;

/// From one look for packets to the next, while somebody waits: short beside the 10 to 100 ms that a BMC takes.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Most packets of one look, so that a flood keeps nobody from their work. Those behind them wait for the next one.
const MAX_LOOK: usize = 256;

/// Receive buffer asked of the kernel, in bytes: a thousand BMCs may answer between two looks, and a packet counts as
/// up to 2.5 kB of it. Its default holds some 200. The kernel grants no more than twice `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Largest packet that is taken, in bytes: an RMCP+ payload has 255 bytes at most on a LAN that keeps to
/// the specification, and Ethernet carries no more than this.
const MAX_PACKET: usize = 1500;

/// Packets that wait for one session. One command is in flight, so more than a few are a flood.
const MAX_WAITING: usize = 8;

/// Most addresses that packets are awaited from: more BMCs than one process polls, and some megabytes.
const MAX_PEERS: usize = 100_000;

/// Most sessions with one address: several targets may name one BMC, whose table has some 4 to 16 places.
const MAX_SESSIONS: usize = 16;

/// Why there is no way to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PortError {
    #[error("this host has no IPv6: give the target an IPv4 address")]
    Family,
    #[error("it has {MAX_SESSIONS} sessions with this program already: do fewer targets name it?")]
    Sessions,
    #[error(
        "packets of {MAX_PEERS} addresses are awaited already: share the targets among several processes"
    )]
    Peers,
}

type Peer = (IpAddr, u16);
type Routes = HashMap<Peer, HashMap<u32, mpsc::Sender<Vec<u8>>>>;

/// The sockets.
pub(crate) struct Transport {
    shared: Arc<Shared>,
    look: JoinHandle<()>,
}

struct Shared {
    v4: UdpSocket,
    /// Absent where the host has no IPv6.
    v6: Option<UdpSocket>,
    routes: Mutex<Routes>,
    /// How many wait for a packet that has not come yet, and the word that there is one.
    waiting: AtomicUsize,
    wanted: Notify,
}

impl Transport {
    /// Opens the sockets.
    ///
    /// # Errors
    /// No IPv4 socket could be opened.
    pub(crate) fn bind() -> std::io::Result<Self> {
        let v6 = match open("[::]:0") {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::info!(%error, "no IPv6 socket for IPMI: targets with IPv6 addresses cannot be polled");
                None
            }
        };
        let shared = Arc::new(Shared {
            v4: open("0.0.0.0:0")?,
            v6,
            routes: Mutex::default(),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
        });
        let look = tokio::spawn(look(Arc::clone(&shared)));
        Ok(Self { shared, look })
    }

    /// Whether there is a socket for addresses of this kind.
    pub(crate) fn reaches(&self, peer: &SocketAddr) -> bool {
        self.shared.socket(peer).is_some()
    }

    /// A way to a peer, for the session that this console calls `console`.
    ///
    /// # Errors
    /// There is no socket of the address's family, or no place left.
    pub(crate) fn port(&self, peer: SocketAddr, console: u32) -> Result<Port, PortError> {
        self.shared.socket(&peer).ok_or(PortError::Family)?;
        let (sender, packets) = mpsc::channel(MAX_WAITING);
        let mut routes = lock(&self.shared.routes);
        let key = (peer.ip(), peer.port());
        if routes.len() >= MAX_PEERS && !routes.contains_key(&key) {
            return Err(PortError::Peers);
        }
        let sessions = routes.entry(key).or_default();
        if sessions.len() >= MAX_SESSIONS || sessions.contains_key(&console) {
            return Err(PortError::Sessions);
        }
        sessions.insert(console, sender);
        Ok(Port { shared: Arc::clone(&self.shared), peer, console, packets })
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.look.abort();
    }
}

fn open(address: &str) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    // What is not granted costs packets in a flood of answers, which are asked for again.
    let raised = set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER);
    let bytes = socket_recv_buffer_size(&socket).ok();
    tracing::debug!(
        address,
        bytes,
        error = raised.err().map(tracing::field::display),
        "receive buffer of IPMI"
    );
    Ok(socket)
}

/// Looks for packets again and again while somebody waits.
async fn look(shared: Arc<Shared>) {
    loop {
        while shared.waiting.load(Ordering::Relaxed) == 0 {
            shared.wanted.notified().await;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
        for socket in [Some(&shared.v4), shared.v6.as_ref()].into_iter().flatten() {
            shared.collect(socket);
        }
    }
}

impl Shared {
    fn socket(&self, peer: &SocketAddr) -> Option<&UdpSocket> {
        if peer.is_ipv4() { Some(&self.v4) } else { self.v6.as_ref() }
    }

    /// Gives everybody the packets that have come for them.
    fn collect(&self, socket: &UdpSocket) {
        let mut buffer = [0; MAX_PACKET];
        for _ in 0..MAX_LOOK {
            let (length, peer) = match socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                // An ICMP message to an earlier packet: the next answer may still come.
                Err(_) => continue,
            };
            let Some(bytes) = buffer.get(..length) else { continue };
            let Some(packet) = Packet::parse(bytes) else { continue };
            let routes = lock(&self.routes);
            let Some(sessions) = routes.get(&(peer.ip(), peer.port())) else { continue };
            match packet.console() {
                Some(console) => deliver(sessions.get(&console), bytes),
                None => sessions.values().for_each(|session| deliver(Some(session), bytes)),
            }
        }
    }
}

/// Somebody waits for a packet for as long as this lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared) -> Self {
        if shared.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            shared.wanted.notify_one();
        }
        Self(&shared.waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One session's way to its BMC.
pub(crate) struct Port {
    shared: Arc<Shared>,
    peer: SocketAddr,
    console: u32,
    packets: mpsc::Receiver<Vec<u8>>,
}

impl Port {
    /// Sends a packet. One that finds the system's buffer full is lost, as it may be on its way.
    pub(crate) fn send(&self, packet: &[u8]) -> std::io::Result<()> {
        let Some(socket) = self.shared.socket(&self.peer) else { return Ok(()) };
        match socket.send_to(packet, self.peer) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            result => result.map(drop),
        }
    }

    /// A packet that has come already and claims to be for this session.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        if let Some(socket) = self.shared.socket(&self.peer) {
            self.shared.collect(socket);
        }
        self.packets.try_recv().ok()
    }

    /// The next packet that claims to be for this session.
    pub(crate) async fn receive(&mut self) -> Option<Vec<u8>> {
        if let Some(packet) = self.take() {
            return Some(packet);
        }
        let _waiting = Waiting::new(&self.shared);
        self.packets.recv().await
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let peer = (self.peer.ip(), self.peer.port());
        let mut routes = lock(&self.shared.routes);
        if let Some(sessions) = routes.get_mut(&peer) {
            sessions.remove(&self.console);
            if sessions.is_empty() {
                routes.remove(&peer);
            }
        }
    }
}

fn lock(routes: &Mutex<Routes>) -> MutexGuard<'_, Routes> {
    routes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A full queue drops the packet, as a network would.
fn deliver(session: Option<&mpsc::Sender<Vec<u8>>>, bytes: &[u8]) {
    if let Some(session) = session {
        let _ = session.try_send(bytes.to_vec());
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;
    use crate::driver::ipmi::wire::packet;

    /// A datagram of RMCP+ for the session that the console calls `console`.
    fn datagram(console: u32) -> Vec<u8> {
        packet::open(packet::RAKP_2, &[&[0; 4], &console.to_le_bytes()[..]].concat())
    }

    #[tokio::test]
    async fn packets_find_their_session_by_address_port_and_id() {
        let transport = Transport::bind().unwrap();
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let bmcs = [UdpSocket::bind(loopback).await.unwrap(), UdpSocket::bind(loopback).await.unwrap()];
            let addresses = [bmcs[0].local_addr().unwrap(), bmcs[1].local_addr().unwrap()];
            // Two BMCs behind one address, two sessions with the first of them, and the same id twice.
            let sessions = [(0, 7), (0, 8), (1, 7)];
            for (index, (bmc, console)) in sessions.into_iter().enumerate() {
                let mut ports: Vec<Port> =
                    sessions.map(|(bmc, console)| transport.port(addresses[bmc], console).unwrap()).into();
                ports[index].send(b"hello").unwrap();
                let mut buffer = [0; 16];
                let (_, console_address) = bmcs[bmc].recv_from(&mut buffer).await.unwrap();
                // From the other BMC, and for nobody: both are dropped.
                bmcs[1 - bmc].send_to(&datagram(9), console_address).await.unwrap();
                bmcs[bmc].send_to(&datagram(console), console_address).await.unwrap();
                assert_eq!(ports[index].receive().await.unwrap(), datagram(console));
                for other in (0..3).filter(|other| *other != index) {
                    assert!(ports[other].packets.try_recv().is_err(), "{index} {other}");
                }
            }
        }
        assert!(lock(&transport.shared.routes).is_empty(), "a port that is gone leaves nothing behind");
    }

    /// Most packets of `sent` that a socket holds while nobody looks.
    fn held(socket: &std::net::UdpSocket, sent: usize) -> usize {
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = (std::net::Ipv4Addr::LOCALHOST, socket.local_addr().unwrap().port());
        (0..sent).for_each(|_| assert_eq!(sender.send_to(&datagram(7), to).unwrap(), datagram(7).len()));
        std::iter::from_fn(|| socket.recv_from(&mut [0; MAX_PACKET]).ok()).count()
    }

    #[tokio::test]
    async fn answers_of_a_thousand_bmcs_fit_the_buffer_as_far_as_the_system_grants() {
        let plain = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        plain.set_nonblocking(true).unwrap();
        let transport = Transport::bind().unwrap();
        let (plain, ours) = (held(&plain, 1_000), held(&transport.shared.v4, 1_000));
        assert!(ours == 1_000 || ours > plain, "{ours} of 1000 packets are held, {plain} by default");
    }

    #[tokio::test]
    async fn the_table_is_bounded_and_a_flood_waits_for_nobody() {
        let transport = Transport::bind().unwrap();
        let bmc = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let peer = bmc.local_addr().unwrap();
        let mut ports: Vec<Port> =
            (1..=MAX_SESSIONS as u32).map(|id| transport.port(peer, id).unwrap()).collect();
        assert_eq!(transport.port(peer, 99).err(), Some(PortError::Sessions));
        ports.pop();
        assert_eq!(transport.port(peer, 1).err(), Some(PortError::Sessions), "an id is used once");
        let mut last = transport.port(peer, 99).unwrap();
        last.send(b"hello").unwrap();
        let (_, console) = bmc.recv_from(&mut [0; 16]).await.unwrap();
        for _ in 0..3 * MAX_WAITING {
            bmc.send_to(&datagram(99), console).await.unwrap();
        }
        // Whatever comes after it is read too.
        bmc.send_to(&datagram(1), console).await.unwrap();
        assert_eq!(ports[0].receive().await.unwrap(), datagram(1));
        let waiting = std::iter::from_fn(|| last.packets.try_recv().ok()).count();
        assert_eq!(waiting, MAX_WAITING);
    }
}
