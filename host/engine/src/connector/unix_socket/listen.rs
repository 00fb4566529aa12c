//! Takes what clients send, each on a thread of its own, and puts it into the spool.

use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::spec::SocketSpec;
use crate::clock::{Clock, SystemClock, Wake};
use crate::connector::source::Notices;
use crate::connector::source::spool::Spool;
use crate::error::{Error, ErrorKind, Result, remedy};
use crate::format::Record;

/// Bytes that are read of a client at once.
const READ: usize = 256 << 10;

/// Longest wait for room, or for a client, without a look at whether it is over.
const LOOK: Duration = Duration::from_millis(200);

/// Listens until it is dropped.
pub(super) struct Listener {
    shared: Arc<Shared>,
    path: PathBuf,
    thread: Option<thread::JoinHandle<()>>,
}

struct Shared {
    spool: Spool,
    wake: Wake,
    max_record: usize,
    over: AtomicBool,
    notices: Mutex<Vec<String>>,
}

impl Listener {
    /// Begins to listen.
    ///
    /// # Errors
    /// The socket cannot be made; [`ErrorKind::Conflict`] where another process listens on it.
    pub fn start(spec: &SocketSpec, spool: Spool, wake: Wake) -> Result<Self> {
        let cannot = |e: io::Error| {
            let help = remedy(
                &e,
                "let `path` name a file in a folder that is there; it must be short, as names of sockets are",
            );
            Error::new(ErrorKind::Unavailable, format!("cannot listen on {}: {e}", spec.shown))
                .with_help(help)
                .caused_by(e)
        };
        remove_left_over(spec)?;
        let listener = UnixListener::bind(&spec.path).map_err(cannot)?;
        let max_record = usize::try_from(spec.max_record).unwrap_or(usize::MAX);
        let shared = Shared { spool, wake, max_record, over: AtomicBool::new(false), notices: Mutex::default() };
        let shared = Arc::new(shared);
        let accepting = shared.clone();
        let thread = thread::Builder::new().name("millstream-socket".into());
        let thread = thread.spawn(move || accepting.accept(&listener)).map_err(cannot)?;
        Ok(Self { shared, path: spec.path.clone(), thread: Some(thread) })
    }

    /// What was noticed since the last time.
    pub fn notices(&self) -> Notices {
        let mut notices = self.shared.notices.lock().unwrap_or_else(PoisonError::into_inner);
        Notices { messages: std::mem::take(&mut *notices), ..Notices::default() }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // It waits for a client: one that has nothing to say.
        drop(UnixStream::connect(&self.path));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        drop(std::fs::remove_file(&self.path));
    }
}

/// A process that was killed leaves its socket behind.
fn remove_left_over(spec: &SocketSpec) -> Result<()> {
    match std::fs::symlink_metadata(&spec.path) {
        Ok(there) if there.file_type().is_socket() => {}
        Ok(_) => {
            let message = format!("{} is there, and is no socket", spec.shown);
            return Err(Error::new(ErrorKind::Conflict, message).with_help("let `path` name a file that is not there"));
        }
        Err(_) => return Ok(()),
    }
    if UnixStream::connect(&spec.path).is_ok() {
        let message = format!("another process listens on {}", spec.shown);
        return Err(Error::new(ErrorKind::Conflict, message).with_help("stop it, or let `path` name another socket"));
    }
    // If it cannot be removed, it cannot be made anew: that is told.
    drop(std::fs::remove_file(&spec.path));
    Ok(())
}

impl Shared {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn accept(self: &Arc<Self>, listener: &UnixListener) {
        for client in listener.incoming() {
            if self.is_over() {
                return;
            }
            let shared = self.clone();
            let serve = move |client| {
                if let Err(e) = shared.take(client) {
                    shared.notice(format!("a client was hung up on: {e}"));
                }
            };
            let served = client.and_then(|client| {
                client.set_read_timeout(Some(LOOK))?;
                thread::Builder::new().name("millstream-client".into()).spawn(move || serve(client)).map(drop)
            });
            if let Err(e) = served {
                self.notice(format!("a client could not be served: {e}"));
                thread::sleep(LOOK);
            }
        }
    }

    fn notice(&self, message: String) {
        const MOST: usize = 20;
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.len() < MOST {
            notices.push(message);
        }
        drop(notices);
        self.wake.notify();
    }

    /// Takes the lines of a client until it hangs up. The last one may lack its newline.
    fn take(&self, mut client: UnixStream) -> Result<()> {
        let (mut text, mut part) = (Vec::new(), vec![0; READ]);
        while !self.is_over() {
            let read = match client.read(&mut part) {
                Ok(0) => {
                    if !text.is_empty() {
                        text.push(b'\n');
                        self.keep(&text)?;
                    }
                    return Ok(());
                }
                Ok(read) => read,
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                // It went away: what it has sent to the end of a line is kept.
                Err(_) => return Ok(()),
            };
            let before = text.len();
            text.extend_from_slice(&part[..read]);
            if let Some(last) = memchr::memrchr(b'\n', &text[before..]) {
                let rest = text.split_off(before + last + 1);
                self.keep(&text)?;
                text = rest;
            }
            if text.len() > self.max_record {
                let message =
                    format!("it sent a line longer than the {} bytes that `max_record` allows", self.max_record);
                return Err(Error::new(ErrorKind::Data, message));
            }
        }
        Ok(())
    }

    /// Puts whole lines into the spool; waits while it is full.
    fn keep(&self, lines: &[u8]) -> Result<()> {
        let now = SystemClock.now();
        let mut records: Vec<Record<'_>> = Vec::new();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            let line = &lines[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            records.push(Record { time: Some(now), value: Some(line), ..Record::default() });
            start = end + 1;
        }
        while self.spool.append(&records)?.is_none() {
            if self.is_over() {
                return Ok(());
            }
            self.spool.wait_for_room(LOOK);
        }
        self.wake.notify();
        Ok(())
    }
}
