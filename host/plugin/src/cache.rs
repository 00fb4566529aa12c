//! The per-user folder that keeps what is expensive to make: compiled code, and in it the builder's files.
//!
//! Everything in it can be deleted at any time and is made again. Files are written aside and renamed, so that two
//! processes never see half a file; a damaged one is ignored and made again. Compiled code is machine code that will be
//! run, so it is only taken from a folder and a file that belong to this user and that nobody else can write.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::{PluginError, Result};

/// How many compiled components are kept; when there are more, the older half goes.
const COMPILED_KEPT: usize = 512;
const DIGEST_BYTES: usize = blake3::OUT_LEN;

/// The cache folder.
pub(crate) struct Cache {
    root: PathBuf,
    /// Kept for its life where there is no place for a folder that lasts.
    _temporary: Option<TempDir>,
}

impl Cache {
    /// The cache in `root`, or in the user's own cache folder.
    pub(crate) fn open(root: Option<&Path>) -> Result<Self> {
        if let Some(root) = root.map(Path::to_owned).or_else(user_folder) {
            // A path that another program's working directory does not change.
            let root = std::path::absolute(&root).map_err(|e| PluginError::io(&root, e))?;
            return Ok(Self { root, _temporary: None });
        }
        let temporary = TempDir::with_prefix("millstream-").map_err(|e| PluginError::io(std::env::temp_dir(), e))?;
        Ok(Self { root: temporary.path().to_owned(), _temporary: Some(temporary) })
    }

    /// The folder `name` in the cache, made for this user alone if it is not there.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        make_private(&path).map_err(|e| PluginError::io(&path, e))?;
        Ok(path)
    }

    /// The component whose bytes have `digest`, from compiled code that an engine just like this one made, if there is.
    pub(crate) fn load_compiled(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.compiled_path(engine, digest).ok()?;
        let stored = read_own(&path)?;
        let (expected, code) = stored.split_first_chunk::<DIGEST_BYTES>()?;
        if blake3::hash(code).as_bytes() != expected {
            return None;
        }
        deserialize(engine, code)
    }

    /// Keeps compiled code for next time. Failing to is no error: it only costs time.
    pub(crate) fn store_compiled(&self, engine: &Engine, digest: &str, component: &Component) {
        let stored = || -> Result<()> {
            let path = self.compiled_path(engine, digest)?;
            let Ok(code) = component.serialize() else { return Ok(()) };
            prune(path.parent().unwrap_or(&self.root), COMPILED_KEPT);
            write_aside(&path, &[blake3::hash(&code).as_bytes(), &code])
        };
        let _ = stored();
    }

    fn compiled_path(&self, engine: &Engine, digest: &str) -> Result<PathBuf> {
        Ok(self.folder("compiled")?.join(format!("{digest}-{}.bin", engine_version(engine))))
    }
}

/// Makes `path` from `parts`: aside first, then renamed, so that a reader sees all of it or what was there before.
pub(crate) fn write_aside(path: &Path, parts: &[&[u8]]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = NamedTempFile::new_in(folder)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|e| PluginError::io(path, e))
}

/// Turns code that `store_compiled` kept back into a component; `None` where the engine does not want it.
#[allow(unsafe_code, reason = "there is no safe way to load compiled code")]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: the engine checks that the code was made by its own version and settings, but must trust its bytes. They
    // come from a file in a folder that only this user can write, of which `read_own` made sure, and their digest was
    // checked, so that they are what `Component::serialize` gave.
    unsafe { Component::deserialize(engine, code) }.ok()
}

/// What compiled code depends on besides the component: the engine's version, its settings, the processor.
fn engine_version(engine: &Engine) -> String {
    struct Digest(blake3::Hasher);
    impl Hasher for Digest {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut digest = Digest(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut digest);
    digest.0.finalize().to_hex()[..16].to_owned()
}

/// Deletes the older half of the files in `folder` when there are more than `most`.
fn prune(folder: &Path, most: usize) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    if files.len() > most {
        files.sort();
        for (_, path) in &files[..files.len() / 2] {
            let _ = fs::remove_file(path);
        }
    }
}

/// `$XDG_CACHE_HOME/millstream` and its like.
fn user_folder() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(cache) = var("XDG_CACHE_HOME") {
        return Some(cache.join("millstream"));
    }
    if cfg!(windows) {
        return Some(var("LOCALAPPDATA")?.join("millstream").join("cache"));
    }
    let home = var("HOME")?;
    Some(if cfg!(target_os = "macos") {
        home.join("Library/Caches/millstream")
    } else {
        home.join(".cache/millstream")
    })
}

#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

/// The file's content, if it and its folder are this user's, and nobody else's to write.
#[cfg(unix)]
fn read_own(path: &Path) -> Option<Vec<u8>> {
    use std::os::unix::fs::MetadataExt;
    use std::sync::OnceLock;

    static USER: OnceLock<Option<u32>> = OnceLock::new();
    let user = (*USER.get_or_init(|| Some(tempfile::tempfile().ok()?.metadata().ok()?.uid())))?;

    let folder = fs::symlink_metadata(path.parent()?).ok()?;
    if !folder.is_dir() || folder.uid() != user || folder.mode() & 0o077 != 0 {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.uid() != user || metadata.mode() & 0o022 != 0 {
        return None;
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The file's content. The user's own cache folder is private on this system.
#[cfg(not(unix))]
fn read_own(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
