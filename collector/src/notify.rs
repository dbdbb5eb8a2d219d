//! Tells the service manager that started this program when it is ready, by the protocol of `sd_notify(3)`.
//!
//! Where none asks for that, nobody is told. Never waits.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Names the socket that wants to know: a path, or a name without a file after an `@`.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Says that the program does what it is for.
///
/// # Errors
/// The socket that was named takes nothing.
pub fn ready() -> io::Result<()> {
    std::env::var_os(SOCKET).map_or(Ok(()), |name| tell(&name, b"READY=1"))
}

fn tell(name: &OsStr, what: &[u8]) -> io::Result<()> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(what, &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> Vec<u8> {
        let mut room = [0; 64];
        socket.set_nonblocking(true).unwrap();
        let length = socket.recv(&mut room).unwrap();
        room[..length].to_vec()
    }

    #[test]
    fn a_socket_is_a_path_or_a_name_without_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        tell(path.as_os_str(), b"READY=1").unwrap();
        assert_eq!(heard(&socket), b"READY=1");

        let name = format!("lightsout-{:016x}", fastrand::u64(..));
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        tell(OsStr::new(&format!("@{name}")), b"READY=1").unwrap();
        assert_eq!(heard(&socket), b"READY=1");
    }

    #[test]
    fn nobody_who_listens_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        tell(folder.path().join("nobody").as_os_str(), b"READY=1").unwrap_err();
    }
}
