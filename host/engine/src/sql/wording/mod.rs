//! DataFusion's and the parser's errors in the words of those who write jobs: by their kinds ([`rules`]), with columns
//! without the names of tables, the types of the job file, in one line, and with what to do about it.
//!
//! Nothing of what a library says reaches a user as it is: what no kind fits, and what still has a word of a library's own in it
//! ([`leaks`]), is told in general words, at the place that it is about.

mod functions;
pub(super) mod meant;
mod rules;
mod syntax;

use std::collections::{BTreeMap, BTreeSet};

use datafusion_common::{Column, DataFusionError, SchemaError};

use super::names::fields::UnknownField;
use super::names::written;
use super::plugin::PluginFunction;
use crate::format::with_our_types;
use crate::operator::readable;

/// Whether an error that says `essence` is about a column that is neither a group's key nor inside an aggregate.
pub(super) fn is_ungrouped(essence: &str) -> bool {
    rules::is_ungrouped(essence)
}

/// What a user is told.
pub(super) struct Reworded {
    pub message: String,
    pub help: Option<String>,
    /// Words of the query that it is about, if the error itself names no place.
    pub about: Option<About>,
    /// The name that may have been meant, as it is to be written.
    pub near: Option<String>,
}

/// What in the query an error is about.
pub(super) enum About {
    /// The first call of a function.
    Call(String),
    /// The first place where these words stand.
    Words(String),
    /// The same, whatever place the error itself names.
    Clause(String),
    /// Where the query ends.
    End,
    /// The bytes from here, where the parser stopped, to the end of the word.
    Line(u64, u64),
}

impl Reworded {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()).filter(|h| !h.is_empty()), about: None, near: None }
    }

    fn about(mut self, about: About) -> Self {
        self.about = Some(about);
        self
    }
}

pub(super) const NAME_IT: &str = "give one of them another name: … AS other_name";

/// Says `error` in our words; `asked_once`: of a query that is in no job.
pub(super) fn reword(
    error: &DataFusionError,
    plugins: &BTreeMap<String, PluginFunction>,
    asked_once: bool,
) -> Reworded {
    let error = innermost(error);
    let said = match error {
        DataFusionError::SchemaError(schema, _) => reword_schema(schema),
        DataFusionError::SQL(parser, _) => syntax::reword(parser, asked_once),
        other if let Some(unknown) = UnknownField::told_by(other) => Reworded::new(unknown.to_string(), unknown.help()),
        other => {
            let text = other.strip_backtrace();
            let text = without_speaker(&text);
            functions::reword(text, plugins, asked_once)
                .or_else(|| rules::reword(text, asked_once))
                .unwrap_or_else(|| Reworded::new(plain(text), ""))
        }
    };
    if leaks(&said.message) || said.help.as_deref().is_some_and(leaks) {
        return Reworded { message: GENERAL.into(), help: Some(GENERAL_HELP.into()), ..said };
    }
    Reworded { help: said.help.or_else(|| Some("docs/sql.md says what a query may say".into())), ..said }
}

/// What an error says, without what it is wrapped in: the same for the same mistake, wherever in a plan it is found.
pub(super) fn essence(error: &DataFusionError) -> String {
    without_speaker(&innermost(error).strip_backtrace()).to_owned()
}

const GENERAL: &str = "this part of the query cannot be computed: what it is made of does not fit together";
const GENERAL_HELP: &str =
    "CAST its parts to the types that are meant, or write it in another way; docs/sql.md says what a query may say";

/// Words that only those know who have read a library's code.
const THEIRS: [&str; 42] = [
    "DataFusion",
    "datafusion",
    "Arrow",
    "arrow",
    "sqlparser",
    "sqltorel",
    "ast node",
    "Utf8",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Float16",
    "Float32",
    "Float64",
    "Date32",
    "Date64",
    "Decimal128",
    "Decimal256",
    "Timestamp(",
    "Struct(",
    "List(",
    "Interval(",
    "DataType",
    "NativeType",
    "TypeSignature",
    "Coercib",
    "coerc",
    "signature",
    "ScalarValue",
    "Expr",
    "LogicalPlan",
    "Projection",
    "Schema error",
    "schema",
    "planning",
    "UDF",
    "UDAF",
    "Internal",
    "not implemented",
    "Volatil",
    "This was likely caused",
];

/// Whether a message has a library's own word in it; what stands in backticks or quotes is the user's.
pub(super) fn leaks(text: &str) -> bool {
    let quoted = |quote: char, text: &str| -> String {
        let parts: Vec<&str> = text.split(quote).collect();
        // An odd quote opens nothing.
        let closed = if parts.len() % 2 == 1 { parts.len() } else { parts.len() - 1 };
        let kept = parts.iter().enumerate().filter(|(at, _)| at % 2 == 0 || *at >= closed).map(|(_, part)| *part);
        kept.collect::<Vec<_>>().join(" ")
    };
    let own = quoted('`', text);
    let debug = own.contains(" { ") || own.contains("Some(") || own.contains("Ident") || own.contains("\n");
    debug || THEIRS.iter().any(|word| own.contains(word))
}

/// One line without a library's words, as far as that can be told.
fn plain(text: &str) -> String {
    let line = text.lines().next().unwrap_or(text);
    let line = line.split(" at Line: ").next().unwrap_or(line);
    let line = line.split(". No function matches").next().unwrap_or(line);
    // Texts in quotes stay so beside names in backticks.
    with_our_types(&if line.contains('`') { line.to_owned() } else { line.replace('\'', "`") })
}

fn reword_schema(error: &SchemaError) -> Reworded {
    match error {
        SchemaError::FieldNotFound { field, .. }
            if field.relation.as_ref().is_some_and(|r| ["window", "session_window"].contains(&r.table())) =>
        {
            let window = field.relation.as_ref().map_or("window", |r| r.table());
            Reworded::new(
                format!("there is no `{window}` for `{window}.{}`: the query does not group by one", field.name),
                format!("add GROUP BY {window}(ts, '10 minutes')"),
            )
        }
        SchemaError::FieldNotFound { field, valid_fields } => {
            let path = Path::of(field, valid_fields);
            path.without_table().unwrap_or_else(|| {
                let names = path.columns(None);
                let choices = written::choices(&field.name, &names);
                let help = match meant::is_unit(&field.name) && !choices.starts_with("did you mean") {
                    true => format!("a unit is a text: '{}'; {choices}", field.name.to_lowercase()),
                    false => choices,
                };
                let said = Reworded::new(format!("there is no column `{}`", readable(&field.name)), help);
                Reworded { near: written::nearest(&field.name, &names), ..said }
            })
        }
        SchemaError::AmbiguousReference { field } => {
            let help = format!(
                "say whose it is, with the table's name before it: a_table.{}; or give one another name: … AS other_name",
                field.name
            );
            Reworded::new(format!("`{}` may mean two columns", readable(&field.name)), help)
        }
        SchemaError::DuplicateQualifiedField { qualifier, .. } => {
            let message = format!("FROM has two tables `{}`", qualifier.table());
            Reworded::new(message, "give one of them another name: FROM events AS other_name")
                .about(About::Clause(qualifier.table().to_owned()))
        }
        SchemaError::DuplicateUnqualifiedField { name } => {
            Reworded::new(format!("two columns are named `{}`", readable(name)), NAME_IT)
        }
    }
}

/// A name with dots that means no column, and the columns that there are.
struct Path<'a> {
    parts: Vec<&'a str>,
    valid: &'a [Column],
}

impl<'a> Path<'a> {
    fn of(field: &'a Column, valid: &'a [Column]) -> Self {
        let table = field.relation.as_ref();
        let parts = [table.and_then(|t| t.catalog()), table.and_then(|t| t.schema()), table.map(|t| t.table())];
        let parts = parts.into_iter().flatten().chain([field.name.as_str()]).collect();
        Self { parts, valid }
    }

    /// The tables of FROM.
    fn tables(&self) -> Vec<&'a str> {
        let mut seen = BTreeSet::new();
        let tables = self.valid.iter().filter_map(|f| f.relation.as_ref().map(|r| r.table()));
        tables.filter(|table| seen.insert(*table)).collect()
    }

    /// The columns with a name of their own, of one of these tables.
    fn columns(&self, of: Option<&str>) -> Vec<&'a str> {
        let mut seen = BTreeSet::new();
        let of_table = |f: &&Column| of.is_none() || of == f.relation.as_ref().map(|r| r.table());
        let names = self.valid.iter().filter(of_table).map(|f| f.name.as_str());
        names.filter(|name| !name.contains('(') && seen.insert(*name)).collect()
    }

    /// What is said where the first part means nothing, or the second is no column of the table that it means.
    fn without_table(&self) -> Option<Reworded> {
        let [first, second, rest @ ..] = self.parts.as_slice() else { return None };
        let (tables, columns) = (self.tables(), self.columns(None));
        let whole = self.parts.join(".");
        if tables.contains(first) {
            let columns = self.columns(Some(first));
            let message = format!("there is no column `{second}` in `{first}`");
            return (!rest.is_empty()).then(|| Reworded::new(message, written::choices(second, &columns)));
        }
        if columns.contains(first) {
            return None;
        }
        let column = written::nearest(first, &columns).filter(|_| written::nearest(first, &tables).is_none());
        let help = match column {
            Some(column) => format!("did you mean the column `{column}`?"),
            None => written::choices(first, &tables),
        };
        Some(Reworded::new(format!("there is no table `{first}` in FROM for `{whole}`"), help))
    }
}

/// What two columns of SELECT would be called, and their places from 0, if that is what `text` says.
pub(super) fn columns_alike(text: &str) -> Option<(String, usize, usize)> {
    let text = text.strip_prefix("Projections require unique expression names")?;
    let mut places = text.split(" at position ").skip(1);
    let mut place = || places.next()?.split(' ').next()?.parse().ok();
    let (first, second) = (place()?, place()?);
    Some((unqualified(&readable(between(text, "expression \"", "\" at position")?)), first, second))
}

/// The error that is wrapped in others; of several the first.
fn innermost(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => innermost(inner),
        DataFusionError::Shared(inner) => innermost(inner),
        DataFusionError::Collection(errors) => errors.first().map_or(error, innermost),
        other => other,
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

/// `url` of `events.url`; an expression as its writer has it.
fn unqualified(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    if name.chars().all(plain) { name.rsplit('.').next().unwrap_or(name).to_owned() } else { readable(name) }
}

/// Without the words that say which part of a library is speaking.
fn without_speaker(text: &str) -> &str {
    let mut text = text.trim();
    let prefixes = [
        "Error during planning: ",
        "Schema error: ",
        "type_coercion\ncaused by\n",
        "This feature is not implemented: ",
        "Arrow error: ",
        "Cast error: ",
        "Parser error: ",
        "Compute error: ",
        "Invalid argument error: ",
        "External error: ",
        "Execution error: ",
        "Internal error: ",
        "Optimizer rule 'simplify_expressions' failed\ncaused by\n",
    ];
    while let Some(rest) = prefixes.iter().find_map(|p| text.strip_prefix(p)) {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_librarys_words_leak_unless_they_are_the_users() {
        assert!(leaks("cannot cast to Int64"));
        assert!(leaks("Unsupported: Some(3)"));
        assert!(!leaks("there is no column `Int64`"));
        assert!(!leaks("it's `Expr` that isn't there"));
    }
}
