//! A connection to a socket that does not wait for whoever listens: a process that was stopped may have as many waiting for it as
//! the system allows.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

/// Connects to the socket at `path`; [`io::ErrorKind::WouldBlock`]: there is no room for one more.
pub(super) fn connect_to(path: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::from(socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None)?);
    stream.set_nonblocking(true)?;
    connect(stream.as_raw_fd(), &UnixAddr::new(path)?)?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{Backlog, bind, listen};

    use super::*;

    #[test]
    fn who_has_no_room_is_told_from_who_is_not_there() {
        let path = std::env::temp_dir().join(format!("ms-connect-{}", std::process::id()));
        assert_eq!(connect_to(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let listener = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).unwrap();
        bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        assert_eq!(connect_to(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        listen(&listener, Backlog::new(1).unwrap()).unwrap();
        let waiting: Vec<_> = (0..10).map(|_| connect_to(&path)).collect();
        let full = waiting.iter().filter_map(|connected| connected.as_ref().err());
        assert!(waiting[0].is_ok() && full.count() > 5, "{waiting:?}");
        // Linux says that it would have to wait, others that it is refused.
        if cfg!(target_os = "linux") {
            assert_eq!(waiting[9].as_ref().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
        std::fs::remove_file(path).unwrap();
    }
}
