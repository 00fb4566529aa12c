//! Adding lines at the end of a file that is not ours alone to remove: the dead letters.
//!
//! The record says at which length the epoch's lines begin, so that adding them twice is adding them once, and half
//! of them can be cut off and written again. The user may read, rotate or remove the file at any time; the rules:
//!
//! | what is there | what is done |
//! |---|---|
//! | these lines, anywhere | nothing: done |
//! | their beginning, as the file's end (blocks that the disk never wrote read as zeros) | cut off, then added |
//! | the recorded length | added |
//! | less: the user has removed, shortened or rotated the file | added at its end; an unfinished line is ended first |
//! | more | refused: somebody else writes to the file |
//!
//! Lines are known by their text, since a file that was removed meanwhile may have any length. That is safe: no two dead
//! letters are the same, each has its epoch, source and offset. What the user takes away is not brought back.

use std::cmp::Ordering;
use std::io::Write;

use super::place::Placing;
use crate::connector::sink::SinkError;
use crate::fault::point;
use crate::record::Held;

/// What to do with a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The lines are there.
    Done,
    /// Keep that many bytes, then add the lines; `newline`: end an unfinished line of somebody else's first.
    Write { keep: usize, newline: bool },
    /// Somebody else has written.
    Foreign,
}

/// Decides for a file with `content` that `lines` are to be added to, at length `from`.
pub(super) fn decide(content: &[u8], from: u64, lines: &[u8]) -> Step {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    // Where lines may begin: at the recorded length, whatever stands before it, and after any line.
    let may_start = |at: usize| at == from || at == 0 || content[at - 1] == b'\n';
    if memchr::memmem::find_iter(content, lines).any(may_start) {
        return Step::Done;
    }
    let reach = content.len().saturating_sub(lines.len());
    if let Some(keep) = (reach..content.len()).find(|&at| may_start(at) && is_torn(&content[at..], lines)) {
        return Step::Write { keep, newline: false };
    }
    match content.len().cmp(&from) {
        Ordering::Less => Step::Write { keep: content.len(), newline: !may_start(content.len()) },
        Ordering::Equal => Step::Write { keep: from, newline: false },
        Ordering::Greater => Step::Foreign,
    }
}

/// Whether a crash while `lines` were being written may have left `there`.
fn is_torn(there: &[u8], lines: &[u8]) -> bool {
    there.iter().zip(lines).all(|(a, b)| a == b || *a == 0)
}

/// Adds the output's bytes at the end of its file and syncs it.
pub(super) fn run(placing: &Placing<'_>, from: u64) -> Result<(), SinkError> {
    let Placing { storage, faults, output, again, .. } = *placing;
    let target = output.target.as_str();
    let entries = storage.list("").map_err(SinkError::io("list", storage.describe()))?;
    let len = entries.iter().find(|e| e.name == target).map_or(0, |e| e.len);

    let aside;
    let lines = match &output.held {
        Held::Inline { .. } => placing.inline,
        Held::Aside { path } if again && !placing.exists(path)? => {
            return gone(placing, from, len);
        }
        Held::Aside { path } => {
            aside = placing.check_aside(path)?;
            &aside
        }
    };
    // In an undisturbed run nothing is read.
    let step = if len == from && !again {
        Step::Write { keep: usize::try_from(from).unwrap_or(usize::MAX), newline: false }
    } else {
        let content = if len == 0 { Vec::new() } else { placing.read(target)? };
        decide(&content, from, lines)
    };
    match step {
        Step::Done => {
            // Written by a process that may have died before it could sync.
            let mut file = storage.append(target).map_err(SinkError::io("open", placing.at(target)))?;
            file.sync().map_err(SinkError::sync(placing.at(target)))?;
        }
        Step::Foreign => {
            return Err(placing.changed(format!("after byte {from} stand other lines than its own")));
        }
        Step::Write { keep, newline } => {
            faults.hit(point::EXTEND_BEFORE);
            if (keep as u64) < len {
                storage.truncate(target, keep as u64).map_err(SinkError::io("shorten", placing.at(target)))?;
            }
            let mut file = storage.append(target).map_err(SinkError::io("open", placing.at(target)))?;
            if newline {
                file.write_all(b"\n").map_err(SinkError::io("write", placing.at(target)))?;
            }
            // In two halves, so that a test can stop between them.
            let (half, rest) = lines.split_at(lines.len() / 2);
            file.write_all(half).map_err(SinkError::io("write", placing.at(target)))?;
            faults.hit(point::EXTEND_TORN);
            file.write_all(rest).map_err(SinkError::io("write", placing.at(target)))?;
            faults.hit(point::EXTEND_WRITTEN);
            file.sync().map_err(SinkError::sync(placing.at(target)))?;
            faults.hit(point::EXTEND_SYNCED);
        }
    }
    if matches!(output.held, Held::Aside { .. }) {
        // The file may be new: its name must last before the only other copy goes.
        storage.sync_folder("").map_err(SinkError::sync(storage.describe()))?;
    }
    placing.drop_aside()
}

/// The file aside is gone: the lines were added, durably, and only the user can have changed that.
fn gone(placing: &Placing<'_>, from: u64, len: u64) -> Result<(), SinkError> {
    let end = from.saturating_add(placing.output.len);
    if len < end {
        return Ok(());
    }
    let content = placing.read(&placing.output.target)?;
    let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
    match content.get(at(from)..at(end)) {
        Some(there) if placing.is_output(there) => Ok(()),
        _ => Err(placing.changed(format!("after byte {from} stand other lines than its own"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_the_file_has_its_step() {
        let lines = b"{\"a\":1}\n{\"b\":2}\n";
        let write = |keep, newline| Step::Write { keep, newline };
        assert_eq!(decide(b"0123", 4, lines), write(4, false));
        assert_eq!(decide(b"0123{\"a\":1}\n{\"b", 4, lines), write(4, false));
        assert_eq!(decide(b"0123{\"a\0\0", 4, lines), write(4, false));
        assert_eq!(decide(b"0123{\"a\":1}\n{\"b\":2}\n", 4, lines), Step::Done);
        assert_eq!(decide(b"0123{\"a\":1}\n{\"b\":2}\nlater", 4, lines), Step::Done);
        assert_eq!(decide(b"0123mine\n", 4, lines), Step::Foreign);
        assert_eq!(decide(b"0123{\"a\":1}\n{\"b\":3}\n", 4, lines), Step::Foreign);
        assert_eq!(decide(b"", 400, lines), write(0, false));
        assert_eq!(decide(b"kept\n", 400, lines), write(5, false));
        assert_eq!(decide(b"kept", 400, lines), write(4, true));
        assert_eq!(decide(b"kept\n{\"a\":1}\n{\"b\":2}\nlater\n", 400, lines), Step::Done);
        assert_eq!(decide(b"kept\n{\"a\":1}\n", 400, lines), write(5, false));
        // Removed meanwhile, and as long as it was before, or longer, by chance.
        assert_eq!(decide(lines, lines.len() as u64, lines), Step::Done);
        assert_eq!(decide(b"{\"a\":1}\n{\"b", 4, lines), write(0, false));
    }
}
