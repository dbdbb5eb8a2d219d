//! Addresses of this machine for peers that cannot choose one and tell it, and addresses where nobody listens.
//!
//! A port that the kernel gave (`127.0.0.1:0`) and that was let go is soon another's: a listener's, or the near end
//! of somebody's connection. So these lie below the range from which the kernel gives ports
//! (`ip_local_port_range`, 32768 and above unless somebody changed it), and each is claimed until this process
//! ends, so that of several processes that reserve at the same time no two get the same.
//! `tests/ports.py` claims by the same names. Never listens.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};

/// The first port, and how many there are: above those of well-known programs, below those that the kernel gives.
const FIRST: u16 = 20_000;
const COUNT: u32 = 12_000;
/// How many each process has before it meets those of the next: a process begins where others have not just been,
/// because a client of theirs may still ask.
const STRIDE: u32 = 64;

/// An address of 127.0.0.1 that nobody listens on, over TCP or UDP, until the caller has somebody do so.
///
/// # Errors
/// All are taken.
pub fn reserve() -> io::Result<SocketAddr> {
    let start = std::process::id().wrapping_mul(STRIDE) % COUNT;
    let ports =
        (start..COUNT).chain(0..start).filter_map(|offset| FIRST.checked_add(u16::try_from(offset).ok()?));
    let mut addresses = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    addresses.find(|address| claim(address.port()) && is_free(*address)).ok_or_else(|| {
        io::Error::new(io::ErrorKind::AddrInUse, format!("all {COUNT} ports from {FIRST} on are taken"))
    })
}

/// Whether this process got the port's name among the abstract ones of unix(7), and keeps it until it ends.
fn claim(port: u16) -> bool {
    let name = UnixAddress::from_abstract_name(format!("lightsout-port-{port}"));
    let claimed = name.and_then(|name| UnixDatagram::bind_addr(&name));
    claimed.map(std::mem::forget).is_ok()
}

/// Whether nobody who claims nothing has it.
fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same_and_none_is_one_that_the_kernel_gives() {
        let mut reserved: Vec<_> = (0..100).map(|_| reserve().unwrap()).collect();
        assert!(reserved.iter().all(|address| (20_000..32_768).contains(&address.port())), "{reserved:?}");
        reserved.sort();
        reserved.dedup();
        assert_eq!(reserved.len(), 100);
    }

    #[test]
    fn what_somebody_else_listens_on_is_left_to_him() {
        let address = reserve().unwrap();
        assert!(is_free(address) && !claim(address.port()));
        let tcp = TcpListener::bind(address).unwrap();
        assert!(!is_free(address));
        drop(tcp);
        let _udp = UdpSocket::bind(address).unwrap();
        assert!(!is_free(address));
    }
}
