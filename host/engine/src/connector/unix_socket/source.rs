//! The source: what was received is in its spool, and its ranges are record numbers there.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::listen::Listener;
use super::spec::SocketSpec;
use crate::clock::Wake;
use crate::connector::source::spool::Spool;
use crate::connector::source::{Chunks, Known, NextLook, Notices, REST, Source, SourceError};
use crate::error::{Error, Result};
use crate::format::{Check, Decode};
use crate::record::SourceRange;
use crate::storage::Storage;

pub(super) struct SocketSource {
    spec: SocketSpec,
    /// Its folder in the checkpoint.
    folder: Option<Arc<dyn Storage>>,
    /// The next record to be planned; all before are committed when it is begun.
    next: u64,
    wake: Option<Wake>,
    /// From when on it is read.
    open: Option<(Spool, Listener)>,
    /// Only records before this one are planned.
    stopped: Option<u64>,
}

impl SocketSource {
    pub fn new(spec: SocketSpec) -> Self {
        Self { spec, folder: None, next: 0, wake: None, open: None, stopped: None }
    }

    /// Its spool; it listens from the first time on.
    fn spool(&mut self) -> Result<&Spool> {
        if self.open.is_none() {
            let folder = self.folder.clone().ok_or_else(|| Error::internal("a socket is read by a job that runs"))?;
            let spool = Spool::open(folder, self.next, self.spec.max_waiting)?;
            let wake = self.wake.clone().unwrap_or_default();
            let listener = Listener::start(&self.spec, spool.clone(), wake)?;
            self.open = Some((spool, listener));
        }
        self.open.as_ref().map(|(spool, _)| spool).ok_or_else(|| Error::internal("a socket that was not opened"))
    }
}

impl Source for SocketSource {
    fn schema(&self) -> SchemaRef {
        self.spec.records.schema()
    }

    fn keep_in(&mut self, folder: Arc<dyn Storage>) {
        self.folder = Some(folder);
    }

    fn wake_with(&mut self, wake: &Wake) {
        self.wake = Some(wake.clone());
    }

    fn plan(&mut self, _: i64, _: Known<'_>) -> Result<Option<SourceRange>> {
        let (next, most) = (self.next, self.spec.max_rows);
        let most = self.stopped.map_or(most, |end| most.min(end.saturating_sub(next)));
        let range = self.spool()?.plan(next, most)?;
        if let Some(SourceRange::Spooled { to, .. }) = range {
            self.next = to;
        }
        Ok(range)
    }

    fn stop_discovery(&mut self, _: i64, _: Known<'_>) -> Result<()> {
        self.stopped = Some(self.spool()?.end());
        Ok(())
    }

    fn next_look(&self, now: i64) -> NextLook {
        if self.wake.is_some() { NextLook::WhenWoken } else { NextLook::At(now.saturating_add(REST)) }
    }

    fn entries(&self, range: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        match range {
            SourceRange::Spooled { to, .. } => vec![(Vec::new(), to.to_le_bytes().to_vec())],
            _ => Vec::new(),
        }
    }

    fn notices(&mut self) -> Notices {
        self.open.as_ref().map_or_else(Notices::default, |(_, listener)| listener.notices())
    }

    fn restore(&mut self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<()> {
        for (key, value) in entries {
            let next = <[u8; 8]>::try_from(value).ok().filter(|_| key.is_empty());
            let bad = || SourceError::BadEntry(String::from_utf8_lossy(key).into_owned(), "unix-socket");
            self.next = u64::from_le_bytes(next.ok_or_else(bad)?);
        }
        Ok(())
    }

    fn read(&self, range: &SourceRange) -> Result<Chunks> {
        let Some((spool, _)) = &self.open else { return Err(SourceError::WrongRange("unix-socket").into()) };
        spool.read(range)
    }

    fn acknowledges(&self) -> bool {
        true
    }

    fn committed(&mut self, _: u64, range: Option<&SourceRange>) -> Result<()> {
        match (range, &self.open) {
            (Some(SourceRange::Spooled { to, .. }), Some((spool, _))) => spool.drop_before(*to),
            // What was committed before it was opened is dropped when it is.
            _ => Ok(()),
        }
    }

    fn decoder(&self, columns: &[usize]) -> Result<Arc<dyn Decode>> {
        Ok(self.spec.records.decoder(columns, Check::Declared)?)
    }

    fn exhausted(&self) -> bool {
        self.stopped.is_some_and(|end| self.next >= end)
    }

    fn part_name(&self, _: &SourceRange, _: u32) -> String {
        self.spec.shown.clone()
    }
}
