//! The control socket of a running job: the side of the job, which listens and replies, and the side of the commands that
//! find running jobs and ask them.
//!
//! A job's socket is `<process id>.sock` in a folder that only its user may enter. On it HTTP is spoken, one request a
//! connection, JSON both ways: `GET /job`, `POST /swap`, `/stop`, `/pause`, `/resume`.

mod answers;
mod board;
mod client;
mod connect;
mod folder;
mod http;
mod listen;
mod peer;
mod running;
mod status;

use std::sync::Arc;

use millstream_engine::Result;
use millstream_engine::run::Control;

use answers::Answers;
pub(crate) use answers::SwapRequest;
pub(crate) use board::Board;
pub(crate) use client::Question;
pub(crate) use folder::remove;
pub(crate) use listen::Listening;
pub(crate) use running::{Running, all, of_checkpoint, one};
pub(crate) use status::JobStatus;

/// Begins to reply for the job that `board` watches and `control` steers.
///
/// # Errors
/// There can be no socket: the message says why.
pub(crate) fn listen(board: &Arc<Board>, control: &Control) -> Result<Listening> {
    let answers = Answers { board: board.clone(), control: control.clone() };
    Listening::begin(Arc::new(move |request| answers.to(request)))
}
