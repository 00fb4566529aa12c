//! Which connector a table of the job file names, and whether its keys are that connector's.

use super::fields::Fields;
use super::keys::{ConnectorKeys, KeyTable};
use crate::error::Result;

/// A table of the job file in which a connector is named.
pub(super) struct ConnectorTable {
    /// What a connector has there.
    pub table: fn(&ConnectorKeys) -> Option<&'static KeyTable>,
    /// The connector of a table that names none.
    pub default: &'static str,
    /// The keys that every such table has.
    pub common: fn(&KeyTable) -> Vec<&'static str>,
}

/// The connector that `fields` names, after its keys were looked at by name.
pub(super) fn choose<'k>(
    fields: &Fields<'_>,
    named: &ConnectorTable,
    known: &'k [ConnectorKeys],
) -> Result<(&'k ConnectorKeys, &'static KeyTable)> {
    let here: Vec<(&'k ConnectorKeys, &'static KeyTable)> =
        known.iter().filter_map(|keys| Some((keys, (named.table)(keys)?))).collect();
    let words: Vec<(&str, usize)> = here.iter().enumerate().map(|(at, (keys, _))| (keys.name, at)).collect();
    let default = here.iter().position(|(keys, _)| keys.name == named.default);
    let at = match (fields.choice("connector", &words)?, default) {
        (Some(word), _) => word.value,
        (None, Some(default)) => default,
        (None, None) => return Err(fields.missing("connector", &format!("\"{}\"", named.default))),
    };
    let own = |table: &KeyTable| -> Vec<&'static str> {
        (named.common)(table).into_iter().chain(table.keys.iter().map(|key| key.name)).collect()
    };
    let mut elsewhere: Vec<(&str, String)> = Vec::new();
    for (keys, table) in here.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other) {
        for key in own(table) {
            if !elsewhere.iter().any(|(name, _)| *name == key) {
                elsewhere.push((key, format!("connector = \"{}\"", keys.name)));
            }
        }
    }
    let elsewhere: Vec<(&str, &str)> = elsewhere.iter().map(|(key, with)| (*key, with.as_str())).collect();
    let (keys, table) = here[at];
    fields.only(&own(table), &elsewhere)?;
    Ok((keys, table))
}
