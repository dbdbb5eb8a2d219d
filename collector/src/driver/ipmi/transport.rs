//! The sockets: one UDP socket for IPv4 and one for IPv6, shared by all BMCs of the process.
//!
//! What comes in finds its receiver by the sender's address and by the session that it names. A packet
//! that nobody waits for is dropped. Nothing of a packet is proved here.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::wire::packet::Packet;

/// Largest packet that is taken, in bytes: an RMCP+ payload has 255 bytes at most on a LAN that keeps to
/// the specification, and Ethernet carries no more than this.
const MAX_PACKET: usize = 1500;

/// Packets that wait for one session. One command is in flight, so more than a few are a flood.
const MAX_WAITING: usize = 8;

type Peer = (IpAddr, u16);
type Routes = HashMap<Peer, HashMap<u32, mpsc::Sender<Vec<u8>>>>;

/// The sockets.
pub(crate) struct Transport {
    v4: Arc<UdpSocket>,
    /// Absent where the host has no IPv6.
    v6: Option<Arc<UdpSocket>>,
    routes: Arc<Mutex<Routes>>,
    readers: Vec<JoinHandle<()>>,
}

impl Transport {
    /// Opens the sockets.
    ///
    /// # Errors
    /// No IPv4 socket could be opened.
    pub(crate) async fn bind() -> std::io::Result<Self> {
        let v4 = Arc::new(UdpSocket::bind("0.0.0.0:0").await?);
        let v6 = match UdpSocket::bind("[::]:0").await {
            Ok(socket) => Some(Arc::new(socket)),
            Err(error) => {
                tracing::info!(%error, "no IPv6 socket for IPMI: targets with IPv6 addresses cannot be polled");
                None
            }
        };
        let routes = Arc::default();
        let readers =
            v6.iter().chain([&v4]).map(|socket| tokio::spawn(read(Arc::clone(socket), Arc::clone(&routes))));
        let readers = readers.collect();
        Ok(Self { v4, v6, routes, readers })
    }

    /// A way to a peer, for the session that this console calls `console`. `None` where this host has no
    /// socket of the address's family.
    pub(crate) fn port(&self, peer: SocketAddr, console: u32) -> Option<Port> {
        let socket = if peer.is_ipv4() { &self.v4 } else { self.v6.as_ref()? };
        let (sender, packets) = mpsc::channel(MAX_WAITING);
        lock(&self.routes).entry((peer.ip(), peer.port())).or_default().insert(console, sender);
        let (socket, routes) = (Arc::clone(socket), Arc::clone(&self.routes));
        Some(Port { socket, peer, console, packets, routes })
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.readers.iter().for_each(JoinHandle::abort);
    }
}

/// One session's way to its BMC.
pub(crate) struct Port {
    socket: Arc<UdpSocket>,
    peer: SocketAddr,
    console: u32,
    packets: mpsc::Receiver<Vec<u8>>,
    routes: Arc<Mutex<Routes>>,
}

impl Port {
    pub(crate) async fn send(&self, packet: &[u8]) -> std::io::Result<()> {
        self.socket.send_to(packet, self.peer).await.map(drop)
    }

    /// The next packet that claims to be for this session.
    pub(crate) async fn receive(&mut self) -> Option<Vec<u8>> {
        self.packets.recv().await
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let peer = (self.peer.ip(), self.peer.port());
        let mut routes = lock(&self.routes);
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

async fn read(socket: Arc<UdpSocket>, routes: Arc<Mutex<Routes>>) {
    let mut buffer = [0; MAX_PACKET];
    loop {
        // An error here is an ICMP message to an earlier packet: the next answer may still come.
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(bytes) = buffer.get(..length) else { continue };
        let Some(packet) = Packet::parse(bytes) else { continue };
        let routes = lock(&routes);
        let Some(sessions) = routes.get(&(peer.ip(), peer.port())) else { continue };
        match packet.console() {
            Some(console) => deliver(sessions.get(&console), bytes),
            None => sessions.values().for_each(|session| deliver(Some(session), bytes)),
        }
    }
}

/// A full queue drops the packet, as a network would.
fn deliver(session: Option<&mpsc::Sender<Vec<u8>>>, bytes: &[u8]) {
    if let Some(session) = session {
        let _ = session.try_send(bytes.to_vec());
    }
}
