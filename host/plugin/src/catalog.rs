//! What a component says that it holds.

use crate::contract::catalog as told;
use crate::error::{PluginError, Result};
use crate::inspect::PluginKind;
use crate::logging::printable;
use crate::rejects::cut;

/// The most operators of one component.
const OPERATORS: usize = 1000;
/// The most bytes that are kept of a text in one line.
const TEXT_BYTES: usize = 1000;
/// The most bytes that are kept of a schema.
const SCHEMA_BYTES: usize = 64 << 10;

/// An operator of a component, as its catalog tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorInfo {
    /// Its name, unique in the component.
    pub name: String,
    /// What it is.
    pub kind: PluginKind,
    /// What it does, in a line.
    pub summary: String,
    /// A JSON schema of its configuration.
    pub config_schema: Option<String>,
    /// The columns that it takes and makes, in words.
    pub columns: Vec<ColumnInfo>,
}

/// A column that an operator takes or makes, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name, or in angle brackets what names it.
    pub name: String,
    /// Whether the operator makes it; else it takes it.
    pub made: bool,
    /// Its type, in words.
    pub type_text: String,
    /// What it holds.
    pub summary: String,
}

/// The operators that `given` tells of, checked; `kinds` are those that the component exports.
pub(crate) fn checked(given: Vec<told::Operator>, kinds: &[PluginKind]) -> Result<Vec<OperatorInfo>> {
    let wrong = |message: String| Err(PluginError::bad_output(format!("`operators` of its catalog: {message}")));
    if given.is_empty() {
        return wrong("it lists none".to_owned());
    }
    if given.len() > OPERATORS {
        return wrong(format!("{} operators; the most are {OPERATORS}", given.len()));
    }
    let mut operators: Vec<OperatorInfo> = Vec::with_capacity(given.len());
    for operator in given {
        let name = cut(operator.name, 200);
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') {
            return wrong(format!("`{}` is no name: letters, digits, `-` and `_` are", name.escape_debug()));
        }
        if operators.iter().any(|other| other.name == name) {
            return wrong(format!("`{name}` is listed twice"));
        }
        // A kind of a newer minor version: nothing that this host could use, and no reason to refuse the others.
        let Some(kind) = PluginKind::ALL.into_iter().find(|kind| kind.name() == operator.kind) else { continue };
        if !kinds.contains(&kind) {
            return wrong(format!("`{name}` is a {kind}, but the component does not export `{kind}`"));
        }
        let columns = operator.columns.into_iter().map(|column| ColumnInfo {
            name: shown(&column.name),
            made: column.direction == told::Direction::Makes,
            type_text: shown(&column.type_text),
            summary: shown(&column.summary),
        });
        operators.push(OperatorInfo {
            kind,
            summary: shown(&operator.summary),
            config_schema: operator.config_schema.map(|schema| cut(printable(&schema), SCHEMA_BYTES)),
            columns: columns.collect(),
            name,
        });
    }
    Ok(operators)
}

/// A text of the component's as it may stand on a terminal, in one line.
fn shown(text: &str) -> String {
    cut(printable(text).replace(['\n', '\t'], " "), TEXT_BYTES)
}
