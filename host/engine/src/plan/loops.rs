//! A job must not read what it writes: each epoch would feed the next one, without end.
//!
//! Refused is a file source, a stream or static, whose path can match a file that a sink, the dead letters or the
//! checkpoint write; and one folder of theirs inside the other, so that a change of a pattern makes no loop of it.
//! Where a folder or a pattern cannot match what is written (another ending, a name that begins with `_` or `.`),
//! they may stand side by side. Links are followed as far as the folders are there, and those of files among what a
//! source reads now ([`links`]).

mod links;
mod patterns;

#[cfg(test)]
mod tests;

use std::fs;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use crate::Result;
use crate::connector::{Connectors, Writes};
use crate::job::Job;

use glob::MatchOptions;
use patterns::{PathPart, matches, parts};

/// As files are looked for.
const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Refuses the first loop there is, in the order of the job file.
pub(super) fn refuse(job: &Job, connectors: &Connectors) -> Result<()> {
    let written = written(job, connectors)?;
    refuse_inside_checkpoint(job, &written)?;
    for source in &job.sources {
        let Some(reads) = connectors.source(source)?.reads(&source.options) else { continue };
        let read = ReadPath::new(&reads.path);
        for written in &written {
            let Some(how) = read.meets(written) else { continue };
            let name = &source.name.value;
            let (what, shown) = (&written.what, shown(job, &written.shown));
            let (message, help) = match how {
                Meeting::Reads => {
                    (format!("source `{name}` would read {what}, which go to {shown}"), written.help.clone())
                }
                Meeting::WritesInside => (
                    format!("{what} would go to {shown}, inside the folder that source `{name}` reads"),
                    written.help.clone(),
                ),
                Meeting::ReadsInside => (
                    format!("source `{name}` reads inside {shown}, where {what} go"),
                    "keep what a job reads and what it writes in folders side by side".to_owned(),
                ),
            };
            let at =
                written.at.clone().filter(|_| how != Meeting::ReadsInside).unwrap_or(source.options.place(reads.key));
            return Err(job.text.error(at, message).with_help(help));
        }
        if let Some(link) = links::find(&reads.path, &written) {
            let to = &written[link.written];
            let (name, link) = (&source.name.value, shown(job, &link.path));
            let message = format!("source `{name}` would read {}: {link} leads to {}", to.what, shown(job, &to.shown));
            return Err(job.text.error(source.options.place(reads.key), message).with_help(
                "take the link away; or let the source's path match its input only, such as \"data/*.csv\"",
            ));
        }
    }
    Ok(())
}

/// A sink must not write where the checkpoint is.
fn refuse_inside_checkpoint(job: &Job, written: &[Written]) -> Result<()> {
    let Some(checkpoint) = job.checkpoint.as_ref().map(|path| real(path)) else { return Ok(()) };
    let inside = written.iter().filter(|w| w.by != WrittenBy::Checkpoint).find(|w| w.folder.starts_with(&checkpoint));
    let Some(written) = inside else { return Ok(()) };
    let message = format!("{} would go into the job's checkpoint", written.what);
    Err(match &written.at {
        Some(at) => job.text.error(at.clone(), message).with_help("name a folder beside it"),
        None => {
            let error = job.text.error(job.checkpoint_at.clone(), message);
            error.with_help("give the checkpoint a folder of its own, such as `checkpoint = \"state\"`")
        }
    })
}

/// What the job writes in one folder.
struct Written {
    by: WrittenBy,
    /// What it is, several of something.
    what: String,
    /// As the job file has it.
    shown: PathBuf,
    /// Where the job file says so.
    at: Option<Range<usize>>,
    /// The folder, links followed.
    folder: PathBuf,
    /// The files, relative to the folder; `*` stands for anything.
    files: Vec<String>,
    help: String,
}

/// What of a job writes files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WrittenBy {
    Sink,
    DeadLetters,
    Checkpoint,
}

fn written(job: &Job, connectors: &Connectors) -> Result<Vec<Written>> {
    let mut all = Vec::new();
    for sink in &job.sinks {
        let Some(Writes { path, key, folder, files }) = connectors.sink(sink)?.writes(sink) else { continue };
        all.push(Written {
            by: WrittenBy::Sink,
            what: format!("the rows of sink `{}`", sink.name.value),
            shown: path,
            at: Some(sink.options.place(key)),
            folder: real(&folder),
            files,
            help:
                "name another folder beside it; or let the source's path match its input only, such as \"data/*.csv\""
                    .into(),
        });
    }
    let letters = &job.dead_letters;
    if let Some(Writes { path, key, folder, files }) = connectors.dead_letters(letters)?.writes(letters) {
        let place = letters.options.place(key);
        let said = !place.is_empty();
        all.push(Written {
            by: WrittenBy::DeadLetters,
            what: "the dead letters".into(),
            shown: path,
            at: said.then_some(place),
            folder: real(&folder),
            files,
            help: if said {
                "name a file elsewhere; or let the source's path match its input only, such as \"data/*.csv\"".into()
            } else {
                "let the source's path match its input only, such as \"data/*.csv\"; or name a file elsewhere: \
                 [dead_letters] with path = \"rejected/rows.jsonl\""
                    .into()
            },
        });
    }
    if let Some(path) = &job.checkpoint {
        all.push(Written {
            by: WrittenBy::Checkpoint,
            what: "the files of the checkpoint".into(),
            shown: path.clone(),
            at: None,
            folder: real(path),
            files: ["LOCK", "checkpoint.json", "log/*.log", "state/*.snap"].map(str::to_owned).to_vec(),
            help: "name another folder for `checkpoint`; or let the source's path match its input only".into(),
        });
    }
    Ok(all)
}

/// How a source and what is written meet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meeting {
    /// The source would read files that are written.
    Reads,
    /// The folder that is written to lies inside the one that is read.
    WritesInside,
    /// The other way round.
    ReadsInside,
}

/// Where a source reads.
struct ReadPath {
    /// The folder before the first wildcard, or that the file lies in, links followed.
    base: PathBuf,
    /// A folder without a pattern: all files right in it.
    is_folder: bool,
    /// What is read, from the root on; several where links lead elsewhere.
    patterns: Vec<Vec<PathPart>>,
}

impl ReadPath {
    fn new(path: &str) -> Self {
        let whole = Path::new(path);
        let is_wild = path.contains(['*', '?', '[']) && fs::metadata(whole).is_err();
        if !is_wild {
            let place = real(whole);
            let mut pattern = parts(&place);
            if place.is_file() {
                let base = place.parent().map_or(PathBuf::new(), Path::to_path_buf);
                return Self { base, is_folder: false, patterns: vec![pattern] };
            }
            // One that is not there yet may become either.
            let mut patterns = if place.is_dir() { Vec::new() } else { vec![pattern.clone()] };
            pattern.push(PathPart::new("*"));
            patterns.push(pattern);
            return Self { base: place, is_folder: true, patterns };
        }
        let wild = |part: &Path| part.to_string_lossy().contains(['*', '?', '[']);
        let above = whole.ancestors().find(|above| !wild(above)).unwrap_or(Path::new("/"));
        let base = real(above);
        let rest: Vec<&str> =
            path[above.to_string_lossy().len()..].split('/').filter(|part| !part.is_empty()).collect();
        let with = |folder: &Path, rest: &[&str]| {
            let mut pattern = parts(folder);
            pattern.extend(rest.iter().map(|part| PathPart::new(part)));
            pattern
        };
        let mut patterns = vec![with(&base, &rest)];
        // Folders that the pattern reaches through links.
        if let [folders @ .., last] = &rest[..]
            && !folders.is_empty()
        {
            let folders =
                glob::glob(&format!("{}/{}", glob::Pattern::escape(&base.to_string_lossy()), folders.join("/")));
            let found = folders.into_iter().flatten().filter_map(std::result::Result::ok);
            let linked = found.filter_map(|folder| Some((fs::canonicalize(&folder).ok()?, folder)));
            patterns.extend(linked.filter(|(real, folder)| real != folder).map(|(real, _)| with(&real, &[last])));
        }
        Self { base, is_folder: false, patterns }
    }

    fn meets(&self, written: &Written) -> Option<Meeting> {
        let hidden = |inside: &Path| inside.iter().any(|part| part.to_string_lossy().starts_with(['_', '.']));
        let is_visible = |file: &Path| file.strip_prefix(&self.base).map_or(true, |inside| !hidden(inside));
        let reads = |file: &String| {
            let file = written.folder.join(file);
            is_visible(&file) && self.patterns.iter().any(|pattern| matches(pattern, &parts(&file)))
        };
        if written.files.iter().any(reads) {
            return Some(Meeting::Reads);
        }
        if let Ok(inside) = written.folder.strip_prefix(&self.base)
            && self.is_folder
            && inside.iter().next().is_some()
            && !hidden(inside)
        {
            return Some(Meeting::WritesInside);
        }
        let reads_inside = self.base.starts_with(&written.folder) && self.base != written.folder;
        (reads_inside && written.by != WrittenBy::DeadLetters).then_some(Meeting::ReadsInside)
    }
}

/// The path with its links followed, as far as it is there, and without `.` and `..`.
fn real(path: &Path) -> PathBuf {
    let there =
        path.ancestors().find_map(|above| Some((fs::canonicalize(above).ok()?, path.strip_prefix(above).ok()?)));
    let (mut real, rest) = there.unwrap_or((PathBuf::from("/"), path));
    for part in rest.components() {
        match part {
            Component::ParentDir => drop(real.pop()),
            Component::Normal(part) => real.push(part),
            _ => {}
        }
    }
    real
}

/// The path as a person writes it: relative to the job file where it lies below it.
fn shown(job: &Job, path: &Path) -> String {
    match path.strip_prefix(&job.base) {
        Ok(below) if !below.as_os_str().is_empty() => format!("`{}`", below.display()),
        Ok(_) => "the job file's folder".into(),
        Err(_) => format!("`{}`", path.display()),
    }
}
