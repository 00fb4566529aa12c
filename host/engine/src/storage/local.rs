//! A folder of the local file system.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{FolderEntry, Lock, Storage, WriteFile};

/// Files below one local folder.
#[derive(Debug, Clone)]
pub struct LocalStorage {
    root: PathBuf,
}

impl LocalStorage {
    /// The files below `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn at(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn open(&self, path: &str, options: &mut OpenOptions) -> io::Result<File> {
        let path = self.at(path);
        match options.open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if let Some(folder) = path.parent() {
                    make_folder(folder)?;
                }
                options.open(&path)
            }
            done => done,
        }
    }
}

impl Storage for LocalStorage {
    fn create(&self, path: &str) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(LocalFile(self.open(path, OpenOptions::new().write(true).create(true).truncate(true))?)))
    }

    fn append(&self, path: &str) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(LocalFile(self.open(path, OpenOptions::new().append(true).create(true))?)))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(self.at(path))
    }

    fn truncate(&self, path: &str, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.at(path))?;
        file.set_len(len)?;
        file.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        match fs::remove_file(self.at(path)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.at(folder)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<FolderEntry>> {
        let entries = match fs::read_dir(self.at(folder)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let meta = entry.metadata()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            found.push(FolderEntry { name, len: meta.len(), is_folder: meta.is_dir() });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.at(path).try_exists()
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        let folder = self.at(folder);
        make_folder(&folder)?;
        File::open(folder)?.sync_all()
    }

    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        let file = self.open(path, OpenOptions::new().read(true).write(true).create(true).truncate(false))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(LocalLock { file, path: self.at(path) }))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }
}

/// Makes a folder and those above it. Each new one's name is synced in the folder that holds it: files synced
/// further down would be lost with it.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(above)?;
    match fs::create_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(e) => Err(e),
        Ok(()) => File::open(above)?.sync_all(),
    }
}

struct LocalFile(File);

impl Write for LocalFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl WriteFile for LocalFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Held for as long as the file is open: the operating system lets go when the process dies.
#[derive(Debug)]
struct LocalLock {
    file: File,
    path: PathBuf,
}

impl Drop for LocalLock {
    /// Closing the file would do, but for a child process that is being started: until it runs its program it has the
    /// file open too.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl Lock for LocalLock {
    fn is_held(&self) -> io::Result<bool> {
        match fs::metadata(&self.path) {
            Ok(there) => Ok(is_same(&there, &self.file.metadata()?)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }
}

#[cfg(unix)]
fn is_same(a: &fs::Metadata, b: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Elsewhere a file that is open cannot be removed.
#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}
