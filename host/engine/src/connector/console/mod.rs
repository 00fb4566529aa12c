//! `connector = "console"`: a table on standard output per epoch.

mod sink;

use std::path::Path;

use super::sink::{Sink, SinkContext};
use super::{Connector, SinkConnector, SinkInput};
use crate::error::Result;
use crate::job::{Key, KeyKind, KeyTable, Options, SinkSpec};

/// The connector.
pub(super) struct Console;

const KEYS: KeyTable = KeyTable {
    about: "Shows the rows of each epoch as a table on standard output. After a crash an epoch may be shown twice, or not \
            at all: it is for looking.",
    keys: &[Key::new("max_rows", KeyKind::Count(1), "100", "Rows of an epoch that are shown; the others are counted.")
        .or("20")],
    may_be_static: false,
    check: |_| Ok(()),
};

fn max_rows(options: &Options) -> usize {
    options.count("max_rows").map_or(0, |rows| usize::try_from(rows).unwrap_or(usize::MAX))
}

impl Connector for Console {
    fn name(&self) -> &'static str {
        "console"
    }

    fn sink(&self) -> Option<&dyn SinkConnector> {
        Some(self)
    }

    fn dead_letters(&self) -> Option<&dyn SinkConnector> {
        Some(self)
    }
}

impl SinkConnector for Console {
    fn keys(&self) -> &'static KeyTable {
        &KEYS
    }

    fn open(&self, spec: &SinkSpec, input: SinkInput, context: &SinkContext) -> Result<Box<dyn Sink>> {
        let (name, max_rows) = (&spec.name.value, max_rows(&spec.options));
        Ok(Box::new(sink::ConsoleSink::new(name, max_rows, input.mode, input.schema, context.console.clone())))
    }

    fn describe(&self, options: &Options, _: &dyn Fn(&Path) -> String) -> String {
        format!("console, at most {} rows an epoch", max_rows(options))
    }
}
