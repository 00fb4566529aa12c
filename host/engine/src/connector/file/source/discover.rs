//! Which files there are.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use glob::{MatchOptions, Pattern};

use super::Names;
use crate::connector::source::SourceError;
use crate::record::FileRange;

/// A folder whose modification time is older than this when it is listed has no later change that this time would
/// hide: file systems count it in steps of up to two seconds.
const SETTLED: Duration = Duration::from_secs(3);

/// A folder is listed at least this often, in case its clock is not ours.
const RELIST: Duration = Duration::from_secs(10);

const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// What begins a wildcard.
const WILD: [char; 3] = ['*', '?', '['];

/// What is done with what a listing finds.
pub(super) type Each<'a> = dyn FnMut(&Path, String) -> Result<(), SourceError> + 'a;

/// Where files are looked for.
#[derive(Debug, Clone)]
pub(super) struct SourcePath {
    kind: PathKind,
}

#[derive(Debug, Clone)]
enum PathKind {
    /// One file.
    File(PathBuf),
    /// The files right in one folder whose names match.
    Folder {
        folder: PathBuf,
        names: Option<Pattern>,
        /// The folder's modification time at a listing that nothing can have been missed by, and when that was.
        settled: Option<(SystemTime, Instant)>,
    },
    /// A pattern with wildcards above its last part, or with `**`; `folder` is what stands before the first of them.
    Tree { folder: PathBuf, parts: Vec<String> },
}

impl SourcePath {
    /// What `path` (absolute) names: a file or folder that exists, else a pattern.
    pub fn new(path: &str) -> Result<Self, SourceError> {
        let whole = PathBuf::from(path);
        let kind = match fs::metadata(&whole) {
            Ok(meta) if meta.is_dir() => PathKind::Folder { folder: whole, names: None, settled: None },
            Ok(meta) if meta.is_file() => PathKind::File(whole),
            Ok(_) => return Err(SourceError::NoFile { path: path.into() }),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(SourceError::Unreadable { path: path.into(), error });
            }
            Err(_) if path.contains(WILD) => Self::pattern(path, &whole)?,
            Err(_) => {
                let parent = whole.parent().filter(|p| !p.exists()).map(|p| p.display().to_string());
                return Err(SourceError::NotFound { path: path.into(), folder: parent });
            }
        };
        Ok(Self { kind })
    }

    fn pattern(path: &str, whole: &Path) -> Result<PathKind, SourceError> {
        let bad = |e: glob::PatternError| SourceError::BadPattern { path: path.into(), reason: e.msg.into() };
        Pattern::new(path).map_err(bad)?;
        let is_wild = |part: &Path| part.to_string_lossy().contains(WILD);
        // The deepest folder above the first wildcard must exist.
        let folder = whole.ancestors().find(|above| !is_wild(above)).unwrap_or(Path::new("/")).to_path_buf();
        if !folder.is_dir() {
            return Err(SourceError::NotFound { path: path.into(), folder: Some(folder.display().to_string()) });
        }
        match whole.strip_prefix(&folder).ok().and_then(Path::to_str) {
            Some(name) if name != "**" && !name.contains('/') => {
                Ok(PathKind::Folder { folder, names: Some(Pattern::new(name).map_err(bad)?), settled: None })
            }
            Some(below) => {
                let mut parts: Vec<String> =
                    below.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
                // `data/**` is all below.
                if parts.last().is_some_and(|last| last == "**") {
                    parts.push("*".to_owned());
                }
                Ok(PathKind::Tree { folder, parts })
            }
            None => Ok(PathKind::Tree { folder, parts: Vec::new() }),
        }
    }

    /// Calls `each` with the path and the name of each thing there is that may be a file, in no order. Whether it
    /// looked: it does not where nothing can have come since the last time.
    pub fn list(&mut self, names: &Names, each: &mut Each<'_>) -> Result<bool, SourceError> {
        match &mut self.kind {
            PathKind::File(path) => {
                let name = names.of(path)?;
                each(path, name)?;
                Ok(true)
            }
            PathKind::Folder { folder, names: pattern, settled } => {
                in_folder(folder, pattern.as_ref(), settled, names, each)
            }
            PathKind::Tree { folder, parts } => in_tree(folder, parts, names, each).map(|()| true),
        }
    }

    /// All files there are, sorted by name.
    pub fn all(&self, names: &Names) -> Result<Vec<FileRange>, SourceError> {
        let mut found = Vec::new();
        self.clone().list(names, &mut |path, name| {
            found.extend(stat(path, name)?);
            Ok(())
        })?;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

fn in_folder(
    folder: &Path,
    pattern: Option<&Pattern>,
    settled: &mut Option<(SystemTime, Instant)>,
    names: &Names,
    each: &mut Each<'_>,
) -> Result<bool, SourceError> {
    let unreadable = |error| SourceError::Unreadable { path: folder.display().to_string(), error };
    // Looking at the folder alone spares the listing of a large one that nothing happens in. A folder's modification
    // time changes with each name that comes or goes.
    let modified = fs::metadata(folder).and_then(|meta| meta.modified()).map_err(unreadable)?;
    let now = Instant::now();
    if let Some((then, listed)) = settled
        && *then == modified
        && now.duration_since(*listed) < RELIST
    {
        return Ok(false);
    }
    *settled = modified.elapsed().is_ok_and(|age| age > SETTLED).then_some((modified, now));

    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let file_name = entry.file_name();
        let name = file_name.to_string_lossy();
        if is_hidden(&name) || pattern.is_some_and(|p| !p.matches_with(&name, MATCHING)) {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        let name = names.of(&path)?;
        each(&path, name)?;
    }
    Ok(true)
}

/// Calls `each` for the files below `folder` that fit `parts`, once for each.
fn in_tree(folder: &Path, parts: &[String], names: &Names, each: &mut Each<'_>) -> Result<(), SourceError> {
    Tree { folder, names, each, last: None }.level(folder, parts)
}

/// A walk through folders. (The library's own finds no file by a pattern that ends with `**`, and panics at a name that
/// is no UTF-8.)
struct Tree<'t, 'e> {
    folder: &'t Path,
    names: &'t Names,
    each: &'t mut Each<'e>,
    /// The folder of the file before.
    last: Option<PathBuf>,
}

impl Tree<'_, '_> {
    /// What is in the folder `at` and fits `parts`.
    fn level(&mut self, at: &Path, parts: &[String]) -> Result<(), SourceError> {
        let [first, rest @ ..] = parts else { return Ok(()) };
        if first == "**" {
            // All files below are looked at once, however many ways a pattern may fit them.
            return self.below(at, "", &pattern_of(&parts.join("/"))?);
        }
        if !first.contains(WILD) {
            let path = at.join(first);
            return match rest {
                _ if is_hidden(first) => Ok(()),
                [] => self.file(path),
                _ if path.is_dir() => self.level(&path, rest),
                _ => Ok(()),
            };
        }
        let pattern = pattern_of(first)?;
        for (path, name, is_folder) in entries(at)? {
            if !pattern.matches_with(&name, MATCHING) {
                continue;
            }
            match (rest, is_folder) {
                ([], false) => self.file(path)?,
                ([_, ..], true) => self.level(&path, rest)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The files in `at`, which is called `from`, and in all folders in it, that fit.
    fn below(&mut self, at: &Path, from: &str, pattern: &Pattern) -> Result<(), SourceError> {
        for (path, name, is_folder) in entries(at)? {
            let called = if from.is_empty() { name } else { format!("{from}/{name}") };
            if is_folder {
                let below = path.strip_prefix(self.folder).unwrap_or(&path);
                match link_back(self.folder, below) {
                    Some(error) => return Err(error),
                    None => self.below(&path, &called, pattern)?,
                }
            } else if pattern.matches_with(&called, MATCHING) {
                self.file(path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf) -> Result<(), SourceError> {
        // Files of one folder come one after the other.
        let below = path.strip_prefix(self.folder).unwrap_or(&path).parent();
        if below != self.last.as_deref() {
            self.last = below.map(Path::to_owned);
            if let Some(error) = below.and_then(|below| link_back(self.folder, below)) {
                return Err(error);
            }
        }
        let name = self.names.of(&path)?;
        (self.each)(&path, name)
    }
}

fn pattern_of(text: &str) -> Result<Pattern, SourceError> {
    Pattern::new(text).map_err(|e| SourceError::BadPattern { path: text.into(), reason: e.msg.into() })
}

/// What is in a folder and not hidden, each with its name and whether it is a folder, or a link to one.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, String, bool)>, SourceError> {
    let unreadable = |error| SourceError::Unreadable { path: folder.display().to_string(), error };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_hidden(&name) {
            continue;
        }
        let path = entry.path();
        let is_folder = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => path.is_dir(),
            kind => kind.is_ok_and(|kind| kind.is_dir()),
        };
        found.push((path, name, is_folder));
    }
    Ok(found)
}

/// The first link on the way `below` a folder that leads to a folder it is in.
fn link_back(folder: &Path, below: &Path) -> Option<SourceError> {
    let mut at = folder.to_owned();
    for part in below {
        let inside = at.clone();
        at.push(part);
        if fs::symlink_metadata(&at).ok()?.is_symlink()
            && let (Ok(leads_to), Ok(inside)) = (fs::canonicalize(&at), fs::canonicalize(inside))
            && inside.starts_with(&leads_to)
        {
            let (link, folder) = (at.display().to_string(), leads_to.display().to_string());
            return Some(SourceError::Loop { link, folder });
        }
    }
    None
}

fn is_hidden(name: &str) -> bool {
    name.starts_with(['_', '.'])
}

/// The file as it is now; none if it is no file, or gone already.
pub(super) fn stat(path: &Path, name: String) -> Result<Option<FileRange>, SourceError> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() => Ok(Some(FileRange { path: name, len: meta.len(), modified: modified(&meta) })),
        Ok(_) => Ok(None),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SourceError::Unreadable { path: name, error }),
    }
}

/// A file's modification time, microseconds since 1970.
pub(super) fn modified(meta: &Metadata) -> i64 {
    let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
    match meta.modified().unwrap_or(UNIX_EPOCH).duration_since(UNIX_EPOCH) {
        Ok(after) => micros(after),
        Err(before) => -micros(before.duration()),
    }
}
