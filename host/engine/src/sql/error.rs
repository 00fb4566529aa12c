//! Where in a job file a query's error is. DataFusion speaks of lines and columns of the query; a user looks at the
//! job file.

use std::collections::BTreeMap;
use std::ops::Range;

use datafusion_common::DataFusionError;
use datafusion_sql::sqlparser::tokenizer::{Location, Span};

use super::constants::Mistake;
use super::plugin::PluginFunction;
use super::wording::meant;
use super::wording::{About, reword};
use crate::job::{JobText, Spanned};
use crate::{Error, ErrorKind};

/// A query's text and its place in the job file.
#[derive(Debug, Clone)]
pub struct SqlText {
    job: JobText,
    sql: Spanned<String>,
    asked_once: bool,
}

impl SqlText {
    /// The query `sql` of `job`.
    pub fn new(job: JobText, sql: Spanned<String>) -> Self {
        Self { job, sql, asked_once: false }
    }

    /// The query `sql` that is asked once, of input that ends: it is in no job, and no message about it speaks of one.
    pub fn asked_once(text: JobText) -> Self {
        let sql = Spanned { value: text.text.to_string(), span: 0..text.text.len() };
        Self { job: text, sql, asked_once: true }
    }

    /// Whether it is asked once.
    pub(super) fn is_asked_once(&self) -> bool {
        self.asked_once
    }

    /// What is said of it: `in_a_job`, or `alone` where it is asked once.
    pub(super) fn said<'w>(&self, in_a_job: &'w str, alone: &'w str) -> &'w str {
        if self.asked_once { alone } else { in_a_job }
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

    /// The bytes of the query that the parser means by `span`; the whole query where it has no place.
    pub(super) fn range_of(&self, span: Span) -> Range<usize> {
        self.whole_brackets(self.place_of(span).unwrap_or(0..self.sql().len()))
    }

    /// The bytes of the query that the parser means by `span`, if it has a place.
    fn place_of(&self, span: Span) -> Option<Range<usize>> {
        let start = self.offset(span.start.line, span.start.column)?;
        Some(start..self.offset(span.end.line, span.end.column)?.max(start + 1).min(self.sql().len()))
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

    /// Where the name of the function `name` stands that is called, which the parser means by `span`.
    pub(super) fn place_of_call(&self, span: Span, name: &str) -> Range<usize> {
        match self.place_of(span) {
            Some(at) if at.len() < self.sql().len() => at,
            _ => self.find_call(name),
        }
    }

    /// The call of the function whose name stands at `name`, with its brackets.
    pub(super) fn whole_call(&self, name: Range<usize>) -> Range<usize> {
        let behind = self.sql().get(name.end..).unwrap_or_default();
        match behind.trim_start().starts_with('(') {
            true => self.whole_brackets(name.start..name.end + behind.len() - behind.trim_start().len() + 1),
            false => name,
        }
    }

    /// Where the first of `clauses` that is there stands, else the whole query.
    pub fn find_any(&self, clauses: &[&str]) -> Range<usize> {
        let whole = 0..self.sql().len();
        clauses.iter().map(|c| self.find(c)).find(|at| *at != whole).unwrap_or(whole)
    }

    /// What DataFusion refused, at the place it names.
    pub fn error(&self, error: DataFusionError) -> Error {
        self.error_at(error, None, &BTreeMap::new())
    }

    /// What DataFusion refused, at the place it names, else at `place` if one is known; the job has these plugins.
    pub(super) fn error_at(
        &self,
        error: DataFusionError,
        place: Option<Range<usize>>,
        plugins: &BTreeMap<String, PluginFunction>,
    ) -> Error {
        let whole = 0..self.sql().len();
        let named = self.named_place(&error);
        let error = match own_error(error) {
            Ok(ours) => {
                let range = named.or_else(|| self.quoted_place(ours.message())).or(place).unwrap_or(whole);
                return ours.at(self.job.at(self.in_job(range)));
            }
            Err(theirs) => theirs,
        };
        let said = reword(&error, plugins, self.asked_once);
        let about = said.about.as_ref().map(|about| match about {
            About::Call(name) => self.find_call(name),
            About::Words(words) => self.find(words),
            About::Clause(words) => self.find(words),
            About::Line(line, column) => self.word_at(*line, *column),
            About::End => self.word_at(u64::MAX, 1),
        });
        let about = about.filter(|at| *at != whole);
        let strong = about.clone().filter(|_| matches!(said.about, Some(About::Clause(_))));
        let range = strong.or(place).or(named).or(about).or_else(|| self.quoted_place(&said.message)).unwrap_or(whole);
        let range = self.whole_brackets(range);
        let help = self.meant_otherwise(&range, said.near.as_deref()).or(said.help);
        let refused = Error::new(ErrorKind::Invalid, said.message).at(self.job.at(self.in_job(range)));
        match help {
            Some(help) => refused.with_help(help),
            None => refused,
        }
    }

    /// A mistake among constants, at the literal in `place` that it speaks of.
    pub(super) fn mistake(&self, place: Option<Range<usize>>, mistake: Mistake) -> Error {
        let place = self.whole_brackets(place.unwrap_or(0..self.sql().len()));
        let there = self.sql().get(place.clone()).unwrap_or_default();
        let place = mistake.literal.map_or(place.clone(), |text| {
            let quoted = format!("'{}'", text.replace('\'', "''"));
            match there.find(&quoted) {
                Some(at) => place.start + at..place.start + at + quoted.len(),
                None => Some(self.find(&text)).filter(|at| at.len() < self.sql().len()).unwrap_or(place),
            }
        });
        let refused = self.refuse(place, mistake.message);
        match mistake.help {
            Some(help) => refused.with_help(help),
            None => refused,
        }
    }

    /// `range` with what belongs to the brackets in it: the parser's places leave out the last one.
    fn whole_brackets(&self, mut range: Range<usize>) -> Range<usize> {
        let sql = self.sql();
        let Some(there) = sql.get(range.clone()) else { return range };
        let (mut open, mut unopened) = (0usize, 0usize);
        let mut quoted = None;
        for c in there.chars() {
            match (c, quoted) {
                ('\'' | '"', None) => quoted = Some(c),
                (c, Some(quote)) if c == quote => quoted = None,
                ('(' | '[', None) => open += 1,
                (')' | ']', None) if open > 0 => open -= 1,
                (')' | ']', None) => unopened += 1,
                _ => {}
            }
        }
        let mut rest = sql[range.end..].char_indices();
        while open > 0
            && let Some((at, c)) = rest.next()
        {
            if c == ')' || c == ']' {
                open -= 1;
            } else if c == '(' || c == '[' {
                open += 1;
            }
            if open == 0 {
                range.end += at + c.len_utf8();
            }
        }
        let mut before = sql[..range.start].char_indices().rev();
        while unopened > 0
            && let Some((at, c)) = before.next()
        {
            if c == '(' || c == '[' {
                unopened -= 1;
            }
            if unopened == 0 {
                let word = sql[..at].chars().rev().take_while(|c| c.is_alphanumeric() || *c == '_');
                range.start = at - word.map(char::len_utf8).sum::<usize>();
            }
        }
        range
    }

    /// The place that an error itself names.
    pub(super) fn named_place(&self, error: &DataFusionError) -> Option<Range<usize>> {
        let span = error.diagnostic()?.span?;
        self.place_of(Span::new(
            Location { line: span.start.line, column: span.start.column },
            Location { line: span.end.line, column: span.end.column },
        ))
    }

    /// The word at a line and column, or the last one where the query ends.
    fn word_at(&self, line: u64, column: u64) -> Range<usize> {
        let sql = self.sql();
        let at = self.offset(line, column).unwrap_or(sql.len()).min(sql.len());
        let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
        let Some(first) = sql[at..].chars().next() else {
            let end = sql.trim_end().len();
            let word: usize = sql[..end].chars().rev().take_while(is_word).map(char::len_utf8).sum();
            let last = sql[..end].chars().next_back().map_or(0, char::len_utf8);
            return end - word.max(last)..end;
        };
        let word: usize = sql[at..].chars().take_while(is_word).map(char::len_utf8).sum();
        at..at + word.max(first.len_utf8())
    }

    /// A mistake of spelling that explains what stands at `place`, where `near` is the name nearest to it: a text in double
    /// quotes, a keyword before it that is none.
    fn meant_otherwise(&self, place: &Range<usize>, near: Option<&str>) -> Option<String> {
        let there = self.sql().get(place.clone())?;
        if there.len() == self.sql().len() {
            return None;
        }
        let there_is = there.trim_matches('"');
        if let Some(near) = near.filter(|near| near.trim_matches('"').to_lowercase() == there_is.to_lowercase())
            && there.len() > 2
            && there.starts_with('"')
        {
            return Some(format!(
                "did you mean `{near}`? A name in double quotes is exact; a text stands in single ones: '{there_is}'"
            ));
        }
        meant::otherwise(&self.sql()[..place.start], there, &self.sql()[place.end..])
    }

    /// The first name in backticks that a message speaks of and the query has.
    fn quoted_place(&self, message: &str) -> Option<Range<usize>> {
        let whole = 0..self.sql().len();
        let names = message.split('`').skip(1).step_by(2);
        names.map(|name| self.find(name)).find(|at| *at != whole)
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
        DataFusionError::Collection(mut errors) if !errors.is_empty() => own_error(errors.swap_remove(0)),
        other => Err(other),
    }
}
