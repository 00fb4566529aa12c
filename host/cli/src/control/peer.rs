//! Who is at the other end of a socket, as the system says: nobody can claim to be somebody else.

use std::os::unix::net::UnixStream;

use nix::unistd::{Uid, geteuid};

/// The user at the other end, if it may not be heard: only who runs the job may, and root.
pub(super) fn stranger(stream: &UnixStream) -> Option<String> {
    match user(stream) {
        Ok(user) if user == geteuid() || user.is_root() => None,
        Ok(user) => Some(user.to_string()),
        Err(e) => Some(format!("that the system does not tell ({e})")),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn user(stream: &UnixStream) -> nix::Result<Uid> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    getsockopt(stream, PeerCredentials).map(|of| Uid::from_raw(of.uid()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn user(stream: &UnixStream) -> nix::Result<Uid> {
    nix::unistd::getpeereid(stream).map(|(user, _)| user)
}
