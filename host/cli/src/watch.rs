//! `run --watch`: when a plugin's file changes, or a source of its project, or its `with` in the job file, the running job is
//! swapped to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use millstream_engine::connector::Connectors;
use millstream_engine::job::{Job, PluginChange};
use millstream_engine::run::Control;
use millstream_engine::{Error, Result};
use millstream_plugin::{Runtime, digest};

use crate::args::JobArgs;
use crate::progress::Progress;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_millis(500);

/// A thread that looks at the files of a job until it is dropped.
pub(crate) struct Watch(Option<(Sender<()>, JoinHandle<()>)>);

impl Watch {
    /// Nothing is looked at.
    pub(crate) fn nothing() -> Self {
        Self(None)
    }

    /// Begins to look at the file of `job`, which `args` name, and at its plugins. `control` swaps it.
    pub(crate) fn begin(
        args: &JobArgs,
        job: &Job,
        runtime: &Runtime,
        control: &Control,
        progress: &Arc<dyn Progress>,
    ) -> Result<Self> {
        let looks = Looks { runtime: runtime.clone(), control: control.clone(), progress: progress.clone() };
        let mut components: BTreeMap<String, Component> = BTreeMap::new();
        for (name, spec) in &job.plugins {
            // What cannot be read is told where the job is checked.
            let Ok(bytes) = runtime.component(&spec.path.value) else { continue };
            let path = spec.path.value.clone();
            components.insert(name.clone(), Component { path, digest: Seen::new(digest(&bytes)), failed: None });
        }
        let mut file = JobFile { args: args.clone(), text: Seen::new(text_of(args)?), job: job.clone() };
        let (end, ended) = channel::<()>();
        let look = move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(EVERY) {
                file.look(&looks);
                components.iter_mut().for_each(|(name, component)| component.look(name, &looks));
            }
        };
        let thread = std::thread::Builder::new().name("millstream-watch".to_owned()).spawn(look);
        let thread = thread.map_err(|e| Error::internal("no thread could be started").caused_by(e))?;
        Ok(Self(Some((end, thread))))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            drop(thread.join());
        }
    }
}

/// Who looks.
struct Looks {
    runtime: Runtime,
    control: Control,
    progress: Arc<dyn Progress>,
}

impl Looks {
    /// Swaps, and waits for it: how it went the job itself tells.
    fn swap(&self, what: &str, change: PluginChange) {
        self.progress
            .message(&format!("{what} of plugin `{}` has changed: it is swapped with the next epoch", change.plugin));
        match self.control.swap(change) {
            Ok(swapping) => drop(swapping.wait()),
            Err(e) => self.progress.message(&e.to_string()),
        }
    }
}

/// What is looked at again and again.
struct Seen {
    /// What is used.
    used: String,
    /// What was found at the last look, if it was something else, or could not be used: a file may still be written.
    found: Option<std::result::Result<String, String>>,
}

impl Seen {
    fn new(used: String) -> Self {
        Self { used, found: None }
    }

    /// What is found, if it is something else for the second time; what cannot be used is told once.
    fn changed(&mut self, now: std::result::Result<String, String>, tell: impl FnOnce(&str)) -> Option<String> {
        if now.as_ref() == Ok(&self.used) {
            self.found = None;
            return None;
        }
        let is_still_so = self.found.as_ref() == Some(&now);
        if let (Ok(found), true) = (&now, is_still_so) {
            self.found = None;
            return Some(std::mem::replace(&mut self.used, found.clone()));
        }
        if let (Err(e), false) = (&now, is_still_so) {
            tell(e);
        }
        self.found = Some(now);
        None
    }
}

/// A plugin's component.
struct Component {
    path: PathBuf,
    digest: Seen,
    /// The files of its project when it could not be built: as long as they are the same it is not tried again.
    failed: Option<Vec<Stamp>>,
}

/// A file, its length, and when it was changed.
type Stamp = (PathBuf, u64, Option<SystemTime>);

impl Component {
    fn look(&mut self, name: &str, looks: &Looks) {
        let stamps = self.path.is_dir().then(|| stamps(&self.path));
        if self.failed.is_some() && self.failed == stamps {
            return;
        }
        let now = looks.runtime.component(&self.path).map(|bytes| digest(&bytes)).map_err(|e| e.to_string());
        self.failed = stamps.filter(|_| now.is_err());
        let tell = |e: &str| looks.progress.message(&format!("plugin `{name}` cannot be used as it is now: {e}"));
        if self.digest.changed(now, tell).is_some() {
            let change =
                PluginChange { plugin: name.to_owned(), path: Some(self.path.clone()), ..PluginChange::default() };
            looks.swap("the component", change);
        }
    }
}

/// The files of a project, but for what a build leaves there.
fn stamps(folder: &Path) -> Vec<Stamp> {
    let (mut stamps, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Ok(is) = entry.metadata() else { continue };
            if is.is_dir() && name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                folders.push(entry.path());
            } else if is.is_file() {
                stamps.push((entry.path(), is.len(), is.modified().ok()));
            }
        }
    }
    stamps.sort();
    stamps
}

/// The job's file.
struct JobFile {
    args: JobArgs,
    text: Seen,
    job: Job,
}

fn text_of(args: &JobArgs) -> Result<String> {
    std::fs::read_to_string(&args.file)
        .map_err(|e| Error::invalid(format!("the job file {} cannot be read: {e}", args.file.display())).caused_by(e))
}

impl JobFile {
    fn look(&mut self, looks: &Looks) {
        let now = text_of(&self.args).map_err(|e| e.to_string());
        let tell = |e: &str| looks.progress.message(e);
        let Some(before) = self.text.changed(now, tell) else { return };
        let job = match Job::load(&self.args.file, &Connectors::built_in().keys(), &self.args.set) {
            Ok(job) => job,
            Err(e) => return tell(&format!("the job file cannot be used as it is now: {e}")),
        };
        if without_with(&before) != without_with(&self.text.used) {
            tell(
                "the job file was changed in more than the `with` of its plugins: that counts when the job is started again",
            );
        }
        let old = std::mem::replace(&mut self.job, job.clone());
        let changed = |name: &&String| old.configurations(name) != job.configurations(name);
        for name in old.plugins.keys().filter(changed).filter(|name| job.plugins.contains_key(*name)) {
            let change = PluginChange {
                plugin: name.clone(),
                configurations: Some(job.configurations(name)),
                ..PluginChange::default()
            };
            looks.swap("`with`", change);
        }
    }
}

/// A job file but for the configurations of its plugins.
fn without_with(text: &str) -> Option<toml::Table> {
    let mut job: toml::Table = text.parse().ok()?;
    for kind in ["plugin", "operator"] {
        let tables = job.get_mut(kind).and_then(toml::Value::as_table_mut);
        for table in tables.into_iter().flat_map(|tables| tables.iter_mut().map(|(_, table)| table)) {
            if let Some(table) = table.as_table_mut() {
                table.remove("with");
            }
        }
    }
    Some(job)
}
