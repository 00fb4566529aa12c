//! The text of a job file, and values with their places in it.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Location};

/// The text of a job file, to point into.
#[derive(Debug, Clone)]
pub struct JobText {
    /// Path as the user gave it.
    pub file: PathBuf,
    /// The whole text, and after it a comment line for each override, so that errors can point at them too.
    pub text: Arc<str>,
}

impl JobText {
    /// The place of `span` in this file.
    pub fn at(&self, span: Range<usize>) -> Location {
        Location { file: self.file.clone(), text: self.text.clone(), span }
    }

    /// An [`crate::ErrorKind::Invalid`] error that points at `span`.
    pub fn error(&self, span: Range<usize>, message: impl Into<String>) -> Error {
        Error::invalid(message).at(self.at(span))
    }
}

/// A value and the bytes of the job file that it stands in.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands; of a string, the bytes inside the quotes.
    pub span: Range<usize>,
}

impl Spanned<String> {
    /// Where the bytes `part` of the text stand in the job file. All of the text's place where that cannot be said:
    /// escapes or environment variables were replaced in it.
    pub fn locate(&self, part: Range<usize>) -> Range<usize> {
        let verbatim = self.span.len() == self.value.len();
        if !verbatim || part.start > part.end || part.end > self.value.len() {
            return self.span.clone();
        }
        self.span.start + part.start..self.span.start + part.end
    }
}
