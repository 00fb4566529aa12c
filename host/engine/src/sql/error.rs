//! Where in a job file a query's error is. DataFusion speaks of lines and columns of the query; a user looks at the
//! job file.

use std::collections::BTreeMap;
use std::ops::Range;

use datafusion_common::DataFusionError;

use super::plugin::PluginFunction;
use super::wording::{in_our_types, reword};
use crate::job::{JobText, Spanned};
use crate::{Error, ErrorKind};

/// A query's text and its place in the job file.
#[derive(Debug, Clone)]
pub struct SqlText {
    job: JobText,
    sql: Spanned<String>,
}

impl SqlText {
    /// The query `sql` of `job`.
    pub fn new(job: JobText, sql: Spanned<String>) -> Self {
        Self { job, sql }
    }

    /// The query.
    pub fn sql(&self) -> &str {
        &self.sql.value
    }

    /// The bytes of the job file that `range` of the query stands in. Where escapes make the two texts differ, the
    /// whole query.
    fn in_job(&self, range: Range<usize>) -> Range<usize> {
        let whole = self.sql.span.clone();
        let same = self.job.text.get(whole.clone()) == Some(self.sql.value.as_str());
        if same { whole.start + range.start..whole.start + range.end } else { whole }
    }

    /// The offset in the query of a line and column, counted from 1.
    fn offset(&self, line: u64, column: u64) -> Option<usize> {
        let sql = self.sql();
        let line = usize::try_from(line).ok()?.checked_sub(1)?;
        let column = usize::try_from(column).ok()?.checked_sub(1)?;
        let start: usize = sql.split_inclusive('\n').take(line).map(str::len).sum();
        let rest = sql.get(start..)?;
        Some(start + rest.char_indices().nth(column).map_or(rest.len(), |(i, _)| i))
    }

    /// An error about `range` of the query.
    pub fn refuse(&self, range: Range<usize>, message: impl Into<String>) -> Error {
        self.job.error(self.in_job(range), message)
    }

    /// An error about the whole query.
    pub fn refuse_all(&self, message: impl Into<String>) -> Error {
        self.refuse(0..self.sql().len(), message)
    }

    /// An error about the first place where the words `clause` stand in the query, else about all of it.
    pub fn refuse_clause(&self, clause: &str, message: impl Into<String>) -> Error {
        self.refuse(self.find(clause), message)
    }

    /// Where the words of `clause` first stand in the query, whatever the case and the white space between them.
    pub fn find(&self, clause: &str) -> Range<usize> {
        self.find_before(clause, |_| true)
    }

    /// Where the function `name` is first called.
    pub fn find_call(&self, name: &str) -> Range<usize> {
        self.find_before(name, |behind| behind.trim_start().starts_with('('))
    }

    /// Where the words of `clause` first stand before something of which `fits` is true.
    fn find_before(&self, clause: &str, fits: impl Fn(&str) -> bool) -> Range<usize> {
        let sql = self.sql().to_ascii_lowercase();
        let words: Vec<String> = clause.to_ascii_lowercase().split(' ').map(str::to_owned).collect();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        for (at, _) in sql.match_indices(&words[0]) {
            if sql[..at].chars().next_back().is_some_and(is_word) {
                continue;
            }
            let mut end = at + words[0].len();
            let follows = words[1..].iter().all(|word| {
                let gap = sql[end..].len() - sql[end..].trim_start().len();
                let found = gap > 0 && sql[end + gap..].starts_with(word);
                end += gap + word.len();
                found
            });
            if follows && !sql[end..].chars().next().is_some_and(is_word) && fits(&sql[end..]) {
                return at..end;
            }
        }
        0..self.sql().len()
    }

    /// Where the first of `clauses` that is there stands, else the whole query.
    pub fn find_any(&self, clauses: &[&str]) -> Range<usize> {
        let whole = 0..self.sql().len();
        clauses.iter().map(|c| self.find(c)).find(|at| *at != whole).unwrap_or(whole)
    }

    /// What DataFusion refused, at the place it names.
    pub fn error(&self, error: DataFusionError) -> Error {
        self.error_with(error, &BTreeMap::new())
    }

    /// What DataFusion refused, at the place it names; the job has these plugins.
    pub(super) fn error_with(&self, error: DataFusionError, plugins: &BTreeMap<String, PluginFunction>) -> Error {
        let (range, help) = match error.diagnostic() {
            Some(diagnostic) => {
                let span = diagnostic.span.and_then(|s| {
                    let start = self.offset(s.start.line, s.start.column)?;
                    Some(start..self.offset(s.end.line, s.end.column)?.max(start + 1).min(self.sql().len()))
                });
                let said =
                    diagnostic.helps.iter().map(|h| &h.message).chain(diagnostic.notes.iter().map(|n| &n.message));
                (span, said.cloned().collect::<Vec<_>>().join("; "))
            }
            None => (None, String::new()),
        };
        let error = match own_error(error) {
            Ok(ours) => {
                let range = range.or_else(|| self.quoted_place(ours.message())).unwrap_or(0..self.sql().len());
                return ours.at(self.job.at(self.in_job(range)));
            }
            Err(theirs) => theirs,
        };
        let place = self.named_place(&error.strip_backtrace());
        let said = reword(&error, plugins);
        let range = range.or(place).or_else(|| self.quoted_place(&said.message)).unwrap_or(0..self.sql().len());
        let range = if said.is_over { self.find("OVER") } else { range };
        let refused = Error::new(ErrorKind::Invalid, said.message).at(self.job.at(self.in_job(range)));
        match said.help {
            Some(help) => refused.with_help(help),
            None if help.is_empty() => refused,
            None => refused.with_help(in_our_types(&help)),
        }
    }

    /// The first name in backticks that a message speaks of and the query has.
    fn quoted_place(&self, message: &str) -> Option<Range<usize>> {
        let whole = 0..self.sql().len();
        let names = message.split('`').skip(1).step_by(2);
        names.map(|name| self.find(name)).find(|at| *at != whole)
    }

    /// The parser's errors name their place in words.
    fn named_place(&self, text: &str) -> Option<Range<usize>> {
        let rest = text.rsplit_once("Line: ")?.1;
        let (line, rest) = rest.split_once(", Column: ")?;
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        let at = self.offset(line.parse().ok()?, rest[..digits].parse().ok()?)?;
        let word = self.sql()[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
        Some(at..(at + usize::max(word, 1)).min(self.sql().len()))
    }
}

/// An error of ours that travelled through DataFusion.
fn own_error(error: DataFusionError) -> Result<Error, DataFusionError> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => Ok(*ours),
            Err(other) => Err(DataFusionError::External(other)),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => own_error(*inner),
        other => Err(other),
    }
}
