//! The connectors that a job can name.

use std::fmt;
use std::sync::Arc;

use super::console::Console;
use super::file::File;
use super::generate::Generate;
use super::memory::Memory;
use super::null::Null;
use super::sink::{Sink, SinkContext};
use super::source::Source;
#[cfg(unix)]
use super::unix_socket::UnixSocket;
use super::{Committed, Connector, SinkConnector, SinkInput, SourceConnector};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{ConnectorKeys, JobText, SinkSpec, SourceSpec};
use crate::record::OutputRecord;

/// Connectors by the word that a job file has for them. Clones are cheap.
#[derive(Clone)]
pub struct Connectors(Arc<[Arc<dyn Connector>]>);

impl Connectors {
    /// Those of this crate.
    pub fn built_in() -> Self {
        Self(Arc::new([
            Arc::new(File),
            Arc::new(Generate),
            Arc::new(Console),
            Arc::new(Memory),
            Arc::new(Null),
            #[cfg(unix)]
            Arc::new(UnixSocket),
        ]))
    }

    /// These, and `connector`, which takes the place of one with the same name.
    pub fn with(&self, connector: Arc<dyn Connector>) -> Self {
        let others = self.0.iter().filter(|other| other.name() != connector.name()).cloned();
        Self(others.chain([connector.clone()]).collect())
    }

    /// The keys of all of them, as [`crate::job::Job::load`] takes them.
    pub fn keys(&self) -> Vec<ConnectorKeys> {
        let keys = |connector: &Arc<dyn Connector>| ConnectorKeys {
            name: connector.name(),
            source: connector.source().map(SourceConnector::keys),
            sink: connector.sink().map(SinkConnector::keys),
            dead_letters: connector.dead_letters().map(SinkConnector::keys),
        };
        self.0.iter().map(keys).collect()
    }

    /// The connector called `name`.
    ///
    /// # Errors
    /// There is none.
    pub fn get(&self, name: &str) -> Result<&dyn Connector> {
        let found = self.0.iter().find(|connector| connector.name() == name);
        found.map(|connector| &**connector).ok_or_else(|| {
            let message = format!("there is no connector \"{name}\" in this program");
            Error::new(ErrorKind::Invalid, message).with_help("run the job with a program that has the connector")
        })
    }

    /// What the source `spec` is.
    ///
    /// # Errors
    /// There is no such connector.
    pub fn source(&self, spec: &SourceSpec) -> Result<&dyn SourceConnector> {
        let name = spec.options.connector;
        self.get(name)?.source().ok_or_else(|| Error::invalid(format!("connector \"{name}\" is no source")))
    }

    /// What the sink `spec` is.
    ///
    /// # Errors
    /// There is no such connector.
    pub fn sink(&self, spec: &SinkSpec) -> Result<&dyn SinkConnector> {
        let name = spec.options.connector;
        self.get(name)?.sink().ok_or_else(|| Error::invalid(format!("connector \"{name}\" is no sink")))
    }

    /// What the dead letters `spec` are.
    ///
    /// # Errors
    /// There is no such connector.
    pub fn dead_letters(&self, spec: &SinkSpec) -> Result<&dyn SinkConnector> {
        let name = spec.options.connector;
        self.get(name)?
            .dead_letters()
            .ok_or_else(|| Error::invalid(format!("dead letters cannot go to connector \"{name}\"")))
    }

    /// Opens the source that `spec` describes; errors point into the job file.
    ///
    /// # Errors
    /// Those of [`SourceConnector::open`].
    pub fn open_source(&self, spec: &SourceSpec, job: &JobText) -> Result<Box<dyn Source>> {
        self.source(spec)?.open(spec, job)
    }

    /// Checks and opens the sink `spec`.
    ///
    /// # Errors
    /// Those of [`SinkConnector::check`] and [`SinkConnector::open`].
    pub fn open_sink(&self, spec: &SinkSpec, input: SinkInput, context: &SinkContext) -> Result<Box<dyn Sink>> {
        let connector = self.sink(spec)?;
        connector.check(spec, input.mode, &input.schema)?;
        connector.open(spec, input, context).map_err(|e| e.context(format!("sink {}", spec.name.value)))
    }

    /// Checks and opens the sink of the dead letters.
    ///
    /// # Errors
    /// Those of [`SinkConnector::check`] and [`SinkConnector::open`].
    pub fn open_dead_letters(&self, spec: &SinkSpec, input: SinkInput, context: &SinkContext) -> Result<Box<dyn Sink>> {
        let connector = self.dead_letters(spec)?;
        connector.check(spec, input.mode, &input.schema)?;
        connector.open(spec, input, context).map_err(|e| e.context("dead letters"))
    }

    /// Publishes a committed output again, by the connector that has left it.
    ///
    /// # Errors
    /// Those of [`Connector::republish`], and where this program has no such connector.
    pub fn republish(&self, output: &OutputRecord, committed: &Committed<'_>) -> Result<()> {
        self.get(&output.connector)?.republish(output, committed)
    }
}

impl Default for Connectors {
    fn default() -> Self {
        Self::built_in()
    }
}

impl fmt::Debug for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|connector| connector.name())).finish()
    }
}
