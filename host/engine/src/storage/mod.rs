//! Files that must survive a crash: the checkpoint's and the file sink's. Everything that is written passes
//! through [`Storage`], so that a test can put a faulty disk in its place.
//!
//! The local implementation is our own because `object_store` never syncs local files.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod faulty;
mod local;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

pub use local::LocalStorage;

/// One file in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// Name inside the folder, without a slash.
    pub name: String,
    /// Length in bytes.
    pub len: u64,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// A folder of files, addressed by relative paths with `/`. A write is durable only after the file's
/// [`WriteFile::sync`], a new name only after [`Storage::sync_folder`] of its folder.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Opens `path` for writing from empty; makes the folders above it.
    fn create(&self, path: &str) -> io::Result<Box<dyn WriteFile>>;

    /// Opens `path` for writing at its end; makes it if it is not there.
    fn append(&self, path: &str) -> io::Result<Box<dyn WriteFile>>;

    /// The whole content of `path`.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// Cuts `path` to `len` bytes and syncs it.
    fn truncate(&self, path: &str, len: u64) -> io::Result<()>;

    /// Gives a file its final name; an existing target is replaced in one step.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file; one that is not there is no error.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Removes a folder with everything in it; one that is not there is no error.
    fn remove_folder(&self, folder: &str) -> io::Result<()>;

    /// The files and folders in `folder` (`""` is the root), sorted by name; none if it is not there.
    fn list(&self, folder: &str) -> io::Result<Vec<FolderEntry>>;

    /// Whether there is a file or folder at `path`.
    fn exists(&self, path: &str) -> io::Result<bool>;

    /// Makes new names in `folder` durable; makes the folder if it is not there.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;

    /// Takes an exclusive lock on the file `path`, which is made and never removed. `None` if another process
    /// (or another handle of this one) holds it. The lock ends when the returned value is dropped.
    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>>;

    /// Where this is, for messages.
    fn describe(&self) -> String;
}

/// A file being written.
pub trait WriteFile: io::Write + Send {
    /// Makes what was written durable. After an error the content is unknown: never try again.
    fn sync(&mut self) -> io::Result<()>;
}

/// A held lock.
pub trait Lock: Send + Sync + fmt::Debug {
    /// Whether its file is still the one at its path. If somebody has removed it, another process can lock the new
    /// one: then this lock keeps nobody out any more.
    fn is_held(&self) -> io::Result<bool>;
}
