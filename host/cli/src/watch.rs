//! `run --watch`: when a plugin's file changes, or a source of its project, the running job is swapped to it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use millstream_engine::job::{Job, PluginChange};
use millstream_engine::run::Control;
use millstream_engine::{Error, Result};
use millstream_plugin::{Runtime, digest};

use crate::progress::Progress;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_millis(500);

/// A thread that looks at the files of a job's plugins until it is dropped.
pub(crate) struct Watch(Option<(Sender<()>, JoinHandle<()>)>);

/// A plugin whose files are looked at.
struct Watched {
    path: PathBuf,
    /// The digest of the component that the job uses, or was told to use.
    used: String,
    /// What was found at the last look, if it was something else: a file may still be written.
    found: Option<std::result::Result<String, String>>,
}

impl Watch {
    /// Nothing is looked at.
    pub(crate) fn nothing() -> Self {
        Self(None)
    }

    /// Begins to look at the plugins of `job`, which `control` swaps.
    pub(crate) fn begin(job: &Job, runtime: &Runtime, control: &Control, progress: &Arc<dyn Progress>) -> Result<Self> {
        let mut plugins: BTreeMap<String, Watched> = BTreeMap::new();
        for (name, spec) in &job.plugins {
            // What cannot be read is told where the job is checked.
            let Ok(bytes) = runtime.component(&spec.path.value) else { continue };
            let watched = Watched { path: spec.path.value.clone(), used: digest(&bytes), found: None };
            plugins.insert(name.clone(), watched);
        }
        let (runtime, control, progress) = (runtime.clone(), control.clone(), progress.clone());
        let (end, ended) = channel::<()>();
        let look = move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(EVERY) {
                for (name, watched) in &mut plugins {
                    if let Some(change) = watched.changed(name, &runtime, &*progress) {
                        swap(&control, change, &*progress);
                    }
                }
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

impl Watched {
    /// The change that the plugin is to be swapped with, if it is another one for the second time.
    fn changed(&mut self, name: &str, runtime: &Runtime, progress: &dyn Progress) -> Option<PluginChange> {
        let now = runtime.component(&self.path).map(|bytes| digest(&bytes)).map_err(|e| e.to_string());
        if now.as_ref() == Ok(&self.used) {
            self.found = None;
            return None;
        }
        let is_still_so = self.found.as_ref() == Some(&now);
        match (&now, is_still_so) {
            (Ok(found), true) => {
                self.used.clone_from(found);
                self.found = None;
                Some(PluginChange { plugin: name.to_owned(), path: Some(self.path.clone()), ..PluginChange::default() })
            }
            (Err(e), false) => {
                progress.message(&format!("plugin `{name}` cannot be used as it is now: {e}"));
                self.found = Some(now);
                None
            }
            _ => {
                self.found = Some(now);
                None
            }
        }
    }
}

/// Swaps, and waits for it: how it went the job itself tells.
fn swap(control: &Control, change: PluginChange, progress: &dyn Progress) {
    progress.message(&format!("plugin `{}` has changed: it is swapped with the next epoch", change.plugin));
    match control.swap(change) {
        Ok(swapping) => drop(swapping.wait()),
        Err(e) => progress.message(&e.to_string()),
    }
}
