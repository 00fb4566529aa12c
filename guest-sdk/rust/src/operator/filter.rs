//! Filters: keep or drop each row. The host applies the answer to all columns, those not read included.

use super::{About, Failure};
use crate::{batch::Batch, bitmap::Bitmap, config::Config, contract::types::Problem, reject::Rejects, schema::Schema};

/// An operator that keeps some rows and drops the others.
///
/// ```
/// use millstream_guest::prelude::*;
///
/// /// Keeps the rows whose `url` starts with the configured prefix.
/// struct UnderPath {
///     url: Input<Utf8>,
///     prefix: String,
/// }
///
/// impl Filter for UnderPath {
///     fn bind(config: &Config, input: &Schema) -> Result<Self, Problem> {
///         Ok(Self { url: input.column("url")?.utf8()?, prefix: config.text("prefix")? })
///     }
///
///     fn call(&self, batch: &Batch) -> Result<Selection, Failure> {
///         Ok(kernel::starts_with(&batch.get(self.url), &self.prefix).into())
///     }
/// }
///
/// millstream_guest::filter!(UnderPath);
///
/// # use millstream_guest::testing::{self, Table};
/// # fn main() {
/// let input = Table::new().utf8("url", [Some("/docs/a"), Some("/blog"), None]).int64("bytes", [1, 2, 3]);
/// let output = testing::filter::<UnderPath>(r#"{"prefix": "/docs"}"#, &input).unwrap();
/// assert_eq!(output.table, Table::new().utf8("url", ["/docs/a"]).int64("bytes", [1]));
/// # }
/// ```
pub trait Filter: Sized + 'static {
    /// Reads the configuration and asks for the columns that are needed. Called once per instance, before any batch,
    /// and when the job is checked; it must give the same answer every time.
    ///
    /// # Errors
    /// If the configuration or the input's columns won't do.
    fn bind(config: &Config, input: &Schema) -> Result<Self, Problem>;

    /// One batch: which rows to keep.
    ///
    /// # Errors
    /// If the batch as a whole cannot be dealt with.
    fn call(&self, batch: &Batch) -> Result<Selection, Failure>;

    /// What it says about itself to whoever looks into the component.
    fn about() -> About {
        About::new()
    }
}

/// A filter's answer. A [`Bitmap`] of the rows to keep converts with `.into()`.
#[derive(Clone, Debug)]
pub struct Selection {
    /// 1 = keep; one bit for each row of the batch.
    pub keep: Bitmap,
    /// Rows that are neither kept nor dropped, but go to the dead letters.
    pub rejects: Rejects,
}

impl Selection {
    /// The same, with these rows refused.
    pub fn with_rejects(mut self, rejects: Rejects) -> Self {
        self.rejects = rejects;
        self
    }
}

impl From<Bitmap> for Selection {
    fn from(keep: Bitmap) -> Self {
        Self { keep, rejects: Rejects::new() }
    }
}
