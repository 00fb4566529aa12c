//! `connector = "memory"`: rows kept in tables that the library's user reads while the job runs.

mod sink;
mod table;

use std::path::Path;

pub use table::{MemoryTable, MemoryTables};

use super::sink::{Sink, SinkContext};
use super::{Connector, SinkConnector, SinkInput};
use crate::error::Result;
use crate::job::{KeyTable, Options, SinkSpec};

/// The connector.
pub(super) struct Memory;

const KEYS: KeyTable = KeyTable {
    about: "Keeps rows in memory, where a program that embeds the engine reads them. In update mode a row takes the \
            place of the one with the same key. It dies with the process.",
    keys: &[],
    may_be_static: false,
    check: |_| Ok(()),
};

impl Connector for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn sink(&self) -> Option<&dyn SinkConnector> {
        Some(self)
    }

    fn dead_letters(&self) -> Option<&dyn SinkConnector> {
        Some(self)
    }
}

impl SinkConnector for Memory {
    fn keys(&self) -> &'static KeyTable {
        &KEYS
    }

    fn open(&self, spec: &SinkSpec, input: SinkInput, context: &SinkContext) -> Result<Box<dyn Sink>> {
        let name = &spec.name.value;
        Ok(Box::new(sink::MemorySink::new(context.memory.table(name), name, input)?))
    }

    fn describe(&self, _: &Options, _: &dyn Fn(&Path) -> String) -> String {
        "memory".into()
    }

    fn replaces_rows(&self) -> bool {
        true
    }
}

/// The options of a memory sink that no job file asks for.
pub(crate) fn options(base: &Path) -> Options {
    Options::given("memory", &KEYS, base, [])
}
