//! A socket that is listened on while a job runs, and those who connect to it.
//!
//! What always holds: the job never waits for a connection. There are only so many at a time, each must say soon what it
//! wants, and each is of a user who may.

use std::os::fd::AsFd;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use millstream_engine::{Error, ErrorKind, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::json;

use super::folder::{self, remove};
use super::http::{Reply, Request, Unread, read_request, throw_away, write_reply};
use super::peer;

/// Connections at a time: a person has one or two, and a thread is needed for each.
const MOST: usize = 64;
/// In this time a request must be there, and a reply be taken.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the end of the job waits for replies that are being given: who waits for a swap is told that the job has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Gives the replies.
pub(super) type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

/// Listens until it is dropped; the socket is removed then.
#[derive(Debug)]
pub(crate) struct Listening {
    path: PathBuf,
    /// Dropped to end the thread.
    end: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
    open: Arc<Open>,
}

impl Listening {
    /// Begins to listen on the socket of this process; `answer` replies.
    ///
    /// # Errors
    /// There can be no such socket: the message says why.
    pub(super) fn begin(answer: Arc<Answer>) -> Result<Self> {
        let folder = folder::make()?;
        folder::sweep(&folder);
        let path = folder::socket(&folder, std::process::id());
        if SocketAddr::from_pathname(&path).is_err() {
            let length = path.as_os_str().len();
            let message = format!("{} is too long for the name of a socket ({length} bytes)", path.display());
            let help = "set XDG_RUNTIME_DIR to a folder with a shorter path";
            return Err(Error::new(ErrorKind::Unavailable, message).with_help(help));
        }
        let cannot = |e: std::io::Error| {
            Error::new(ErrorKind::Unavailable, format!("nobody can listen on {}: {e}", path.display())).caused_by(e)
        };
        // Under another name first: a socket that nobody listens on yet looks like one that was left behind.
        let aside = path.with_extension("new");
        remove(&aside);
        let listener = UnixListener::bind(&aside).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let (end, ended) = UnixStream::pair().map_err(cannot)?;
        std::fs::rename(&aside, &path).map_err(cannot)?;
        let open = Arc::new(Open::default());
        let mut listening = Self { path: path.clone(), end: Some(end), thread: None, open: open.clone() };
        let accept = move || accept(&listener, &ended, &open, &answer);
        listening.thread =
            Some(std::thread::Builder::new().name("millstream-control".to_owned()).spawn(accept).map_err(cannot)?);
        Ok(listening)
    }

    /// Where the socket is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        remove(&self.path);
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            drop(thread.join());
        }
        self.open.wait_for_replies();
    }
}

fn accept(listener: &UnixListener, ended: &UnixStream, open: &Arc<Open>, answer: &Arc<Answer>) {
    loop {
        let waits = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut both = [waits(listener.as_fd()), waits(ended.as_fd())];
        match poll(&mut both, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return,
        }
        if both[1].any() != Some(false) {
            return;
        }
        match listener.accept() {
            Ok((stream, _)) => connected(stream, open, answer),
            // It has gone away already, or there is no descriptor left for it: not to ask all the time.
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn connected(stream: UnixStream, open: &Arc<Open>, answer: &Arc<Answer>) {
    // It may have what its listener has.
    let can_wait = stream.set_nonblocking(false).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
    if can_wait.is_err() {
        return;
    }
    let Some(place) = Place::taken(open) else {
        // So short a reply is taken by the system itself.
        let reply = refusal(503, &format!("there are {MOST} connections already"), "try again in a moment");
        return drop(write_reply(&stream, &reply));
    };
    let answer = answer.clone();
    let serve = move || serve(&stream, &place.0, &*answer);
    // Without a thread it is closed.
    drop(std::thread::Builder::new().name("millstream-control".to_owned()).spawn(serve));
}

fn serve(stream: &UnixStream, open: &Open, answer: &Answer) {
    let refuse = |status: u16, message: &str, help: &str| {
        if write_reply(stream, &refusal(status, message, help)).is_ok() {
            throw_away(stream);
        }
    };
    if let Some(user) = peer::stranger(stream) {
        return refuse(403, &format!("user {user} may not ask this job"), "the user who runs it may, and root");
    }
    match read_request(stream, Instant::now() + PATIENCE) {
        Ok(request) => {
            let _answering = open.answering();
            // One that has gone away meanwhile does not take it.
            drop(write_reply(stream, &answer(&request)));
        }
        Err(Unread::Gone) => {}
        Err(Unread::Silent) => refuse(408, "the request did not come in time", "send all of it at once"),
        Err(Unread::Wrong(why)) => refuse(400, &why, "try `curl --unix-socket SOCKET http://job/job`"),
        Err(Unread::TooLong(why)) => refuse(413, &why, "a plugin's configuration has room in less"),
    }
}

/// A reply that says no.
pub(super) fn refusal(status: u16, message: &str, help: &str) -> Reply {
    Reply { status, allow: None, body: json!({ "message": message, "help": help }) }
}

/// How many connections there are.
#[derive(Debug, Default)]
struct Open {
    counts: Mutex<Counts>,
    replied: Condvar,
}

#[derive(Debug, Default)]
struct Counts {
    connections: usize,
    /// Of those, that have sent their request and have no reply yet.
    answering: usize,
}

impl Open {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Numbers are right after any panic.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answering(&self) -> Answering<'_> {
        self.counts().answering += 1;
        Answering(self)
    }

    fn wait_for_replies(&self) {
        drop(self.replied.wait_timeout_while(self.counts(), LAST_WORDS, |counts| counts.answering > 0));
    }
}

/// The place of one connection.
struct Place(Arc<Open>);

impl Place {
    /// None: all are taken.
    fn taken(open: &Arc<Open>) -> Option<Self> {
        let mut counts = open.counts();
        let is_free = counts.connections < MOST;
        counts.connections += usize::from(is_free);
        is_free.then(|| Self(open.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.counts().connections -= 1;
    }
}

struct Answering<'o>(&'o Open);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.counts().answering -= 1;
        self.0.replied.notify_all();
    }
}
