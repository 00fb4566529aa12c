//! `connector = "generate"`: made-up rows, at a rate or as fast as they are taken.

mod access_logs;
mod cards;
mod columns;
mod draws;
mod event_times;
mod lines;
mod math;
mod nexmark;
mod options;
mod rows;
mod rows_of;
mod source;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use access_logs::AccessLogs;
pub use lines::LogForm;
pub use options::GenerateSpec;
pub use rows_of::RowsOf;
pub use source::GenerateSource;

use super::source::Source;
use super::{Connector, SourceConnector};
use crate::error::{Error, Result};
use crate::job::{JobText, KeyTable, OptionValue, Options, SourceSpec, Spanned};

/// The connector.
pub(super) struct Generate;

/// The options of a source of so many rows that no job file asks for.
pub(crate) fn options(base: &Path, rows: u64) -> Options {
    let rows = Spanned { value: OptionValue::Count(rows), span: 0..0 };
    Options::given("generate", &options::SOURCE, base, [("rows", rows)])
}

impl Connector for Generate {
    fn name(&self) -> &'static str {
        "generate"
    }

    fn source(&self) -> Option<&dyn SourceConnector> {
        Some(self)
    }
}

impl SourceConnector for Generate {
    fn keys(&self) -> &'static KeyTable {
        &options::SOURCE
    }

    fn open(&self, spec: &SourceSpec, job: &JobText) -> Result<Box<dyn Source>> {
        let opened = GenerateSource::open(&GenerateSpec::of(&spec.options));
        Ok(Box::new(opened.map_err(|e| Error::from(e).at(job.at(spec.name.span.clone())))?))
    }

    fn describe(&self, options: &Options, _: &dyn Fn(&Path) -> String) -> String {
        format!("generated {}", GenerateSpec::of(options).rows_of.describe())
    }

    fn endless(&self, options: &Options) -> Option<&'static str> {
        let spec = GenerateSpec::of(options);
        (spec.rows.is_none() && spec.rows_per_second.is_none()).then_some("say how many rows it gives: rows = 10000")
    }
}
