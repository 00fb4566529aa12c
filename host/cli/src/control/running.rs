//! The jobs that run: found by their sockets, told apart by what a person calls them.

use std::path::{Path, PathBuf};

use millstream_engine::{Error, ErrorKind, Result};
use serde_json::Value;

use super::client::{Question, Unanswered, ask};
use super::folder::{remove, sockets};
use super::status::JobStatus;

/// Sockets that are looked at at a time.
const AT_A_TIME: usize = 32;

/// A job that runs.
#[derive(Debug)]
pub(crate) struct Running {
    /// The process that runs it.
    pub(crate) pid: u32,
    socket: PathBuf,
    /// What it says of itself.
    pub(crate) status: std::result::Result<JobStatus, Unanswered>,
}

/// All jobs of this user, by their process ids. Sockets that killed ones left behind are removed.
pub(crate) fn all() -> Result<Vec<Running>> {
    let sockets = sockets()?;
    let mut running = Vec::new();
    for some in sockets.chunks(AT_A_TIME) {
        // One that does not reply holds nobody up.
        running.extend(std::thread::scope(|scope| {
            let looks: Vec<_> = some.iter().map(|(pid, socket)| scope.spawn(|| Running::at(*pid, socket))).collect();
            looks.into_iter().filter_map(|look| look.join().ok().flatten()).collect::<Vec<_>>()
        }));
    }
    Ok(running)
}

/// The one that `word` means: a process id, a job's name, or the path of its file.
pub(crate) fn one(word: &str) -> Result<Running> {
    let mut running = all()?;
    let process = word.parse().ok();
    if let Some(at) = running.iter().position(|job| Some(job.pid) == process) {
        return Ok(running.swap_remove(at));
    }
    let file = Path::new(word).canonicalize().ok().filter(|path| path.is_file());
    let is_meant = |status: &JobStatus| status.job == word || file.as_deref() == Some(Path::new(&status.file));
    let (mut meant, others): (Vec<_>, Vec<_>) =
        running.into_iter().partition(|job| job.status.as_ref().is_ok_and(is_meant));
    match meant.len() {
        0 => Err(no_such(word, file.is_some(), &others)),
        1 => Ok(meant.swap_remove(0)),
        _ => {
            let which: Vec<String> = meant.iter().map(|job| format!("process {}", job.pid)).collect();
            let help = format!("say which by its process id, such as {}", meant[0].pid);
            Err(Error::invalid(format!("several running jobs are `{word}`: {}", which.join(", "))).with_help(help))
        }
    }
}

/// The one whose checkpoint is in `folder`.
pub(crate) fn of_checkpoint(folder: &Path) -> Result<Running> {
    let is_there = |job: &Running| match job.status.as_ref().ok().and_then(|status| status.checkpoint.as_ref()) {
        Some(checkpoint) => {
            Path::new(checkpoint).canonicalize().is_ok_and(|path| folder.canonicalize().is_ok_and(|f| f == path))
        }
        None => false,
    };
    let mut running = all()?;
    match running.iter().position(is_there) {
        Some(at) => Ok(running.swap_remove(at)),
        None => Err(Error::invalid(format!("no running job has its checkpoint in {}", folder.display()))
            .with_help("`millstream ps` shows which jobs run")),
    }
}

fn no_such(word: &str, is_file: bool, running: &[Running]) -> Error {
    let message = match is_file {
        true => format!("no running job has the file {word}"),
        false => format!("no running job is called `{word}`"),
    };
    let shown = |job: &Running| match &job.status {
        Ok(status) => format!("`{}` (process {})", status.job, job.pid),
        Err(why) => format!("process {} ({why})", job.pid),
    };
    let shown: Vec<String> = running.iter().map(shown).collect();
    let help = match shown.is_empty() {
        true => "no job of yours is running: `millstream run JOB` starts one".to_owned(),
        false => format!("running are: {}", shown.join(", ")),
    };
    Error::invalid(message).with_help(help)
}

impl Running {
    /// The job that listens on `socket`; none = it has ended.
    fn at(pid: u32, socket: &Path) -> Option<Self> {
        let question = Question { method: "GET", path: "/job", body: None, lasts: false };
        let status = match ask(socket, &question) {
            Err(Unanswered::Nobody) => {
                remove(socket);
                return None;
            }
            Err(Unanswered::Ended) => return None,
            Err(why) => Err(why),
            Ok((200, body)) => serde_json::from_value(body).map_err(|e| Unanswered::Strange(e.to_string())),
            Ok((status, body)) => Err(Unanswered::Strange(format!("{status} {}", message(&body)))),
        };
        Some(Self { pid, socket: socket.to_owned(), status })
    }

    /// What messages call it.
    pub(crate) fn label(&self) -> String {
        match &self.status {
            Ok(status) => format!("job `{}` (process {})", status.job, self.pid),
            Err(_) => format!("process {}", self.pid),
        }
    }

    /// Asks it.
    ///
    /// # Errors
    /// What it says when it refuses; or why it does not reply.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Result<Value> {
        let (status, body) = ask(&self.socket, question).map_err(|why| self.unanswered(&why))?;
        let kind = match status {
            200 => return Ok(body),
            400 | 409 => ErrorKind::Invalid,
            500 => ErrorKind::Internal,
            _ => ErrorKind::Unavailable,
        };
        let error = Error::new(kind, message(&body));
        Err(match body.get("help").and_then(Value::as_str) {
            Some(help) => error.with_help(help),
            None => error,
        })
    }

    fn unanswered(&self, why: &Unanswered) -> Error {
        let help = match why {
            Unanswered::Nobody | Unanswered::Ended => "`millstream ps` shows which jobs run".to_owned(),
            Unanswered::Silent => {
                format!("see whether it was stopped (`kill -CONT {0}`) or hangs (`kill {0}`)", self.pid)
            }
            Unanswered::Closed(_) => format!("see what {} is", self.socket.display()),
            Unanswered::Strange(_) => format!("see what listens on {}", self.socket.display()),
        };
        Error::new(ErrorKind::Unavailable, format!("{}: {why}", self.label())).with_help(help)
    }
}

fn message(body: &Value) -> String {
    body.get("message").and_then(Value::as_str).map_or_else(|| body.to_string(), str::to_owned)
}
