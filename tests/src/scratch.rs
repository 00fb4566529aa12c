//! A folder of a test's own, with a job, its input and what comes out of it.

use std::path::{Path, PathBuf};

use millstream_engine::connector::Connectors;
use millstream_engine::connector::memory::MemoryTables;
use millstream_engine::job::{Job, Trigger};
use millstream_engine::run::{RunOptions, run};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ran, lines, runtime};

/// A folder that is gone after the test.
pub struct Scratch(TempDir);

impl Scratch {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, with the folders that it needs.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The job of this text, as if it stood in this folder as `job.toml`.
    pub fn job(&self, text: &str) -> millstream_engine::Result<Job> {
        Job::parse(text, Path::new("job.toml"), self.path(), &Connectors::built_in().keys(), &[])
    }

    /// Runs the job of this text on all the input there is.
    pub fn run(&self, text: &str) -> millstream_engine::Result<Ran> {
        self.run_with(text, RunOptions::default())
    }

    /// Runs the job of this text; what `options` leave open is filled in.
    pub fn run_with(&self, text: &str, mut options: RunOptions) -> millstream_engine::Result<Ran> {
        let tables = MemoryTables::default();
        options.memory = tables.clone();
        options.trigger = options.trigger.or(Some(Trigger::AvailableNow));
        options.runtime = Some(runtime());
        options.threads = options.threads.or(Some(2));
        let summary = run(self.job(text)?, options)?;
        Ok(Ran { summary, tables })
    }

    /// The JSON lines of file `name`; none if it is not there.
    pub fn lines(&self, name: &str) -> Vec<Value> {
        match std::fs::read_to_string(self.path().join(name)) {
            Ok(text) => lines(&text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => panic!("{name}: {e}"),
        }
    }

    /// The published files of a file sink's folder, by name without the checkpoint's, each with its bytes.
    pub fn published(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let Ok(entries) = self.path().join(folder).read_dir() else { return Vec::new() };
        let files = entries.map(|e| e.unwrap().path()).filter(|p| p.is_file());
        let mut files: Vec<(String, Vec<u8>)> = files
            .map(|p| (without_checkpoint(p.file_name().unwrap().to_str().unwrap()), std::fs::read(&p).unwrap()))
            .collect();
        files.sort();
        files
    }
}

/// `part-out-<checkpoint>-0…7.json` without the checkpoint, which differs from run to run.
fn without_checkpoint(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('-').collect();
    match parts[0] {
        "part" => drop(parts.remove(2)),
        "snapshot" => parts.truncate(2),
        _ => {}
    }
    parts.join("-")
}
