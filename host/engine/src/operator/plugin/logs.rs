//! What plugins log, until somebody is told of it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use millstream_plugin::{LogLevel, LogSink};

/// The most lines that are kept of an epoch.
const LINES: usize = 1000;

/// A line that a plugin logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The job's node that called the plugin.
    pub node: Arc<str>,
    /// The plugin, as the job calls it.
    pub plugin: Arc<str>,
    /// What it said; no control characters but line ends and tabs.
    pub text: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operator `{}`, plugin `{}`: {}: {}", self.node, self.plugin, self.level, self.text)
    }
}

/// The lines of all plugins of a job. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct PluginLogs(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    kept: Vec<LogLine>,
    dropped: u64,
}

impl PluginLogs {
    /// Takes the lines of `plugin` in `node`.
    pub fn sink(&self, node: Arc<str>, plugin: Arc<str>) -> LogSink {
        let logs = self.clone();
        LogSink::new(move |level, text| {
            let mut lines = logs.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.kept.len() == LINES {
                lines.dropped += 1;
            } else {
                lines.kept.push(LogLine { level, node: node.clone(), plugin: plugin.clone(), text: text.to_owned() });
            }
        })
    }

    /// The lines since the last time, and how many more there were than are kept.
    pub fn take(&self) -> (Vec<LogLine>, u64) {
        let lines = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (lines.kept, lines.dropped)
    }
}
