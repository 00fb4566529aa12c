//! The reference page of the connectors, written from their tables.

use std::fmt::Write as _;

use super::Connectors;
use crate::job::{Absent, Key, KeyTable, SINK_KEYS, SOURCE_KEYS, STATIC_KEYS};

/// Markdown: what each connector does, and its keys.
pub fn page(connectors: &Connectors) -> String {
    let mut page = String::from(
        "# Connectors\n\nWhat `connector = \"…\"` can be, and the keys that go with it. This page is written from the tables \
         that job files are checked against.\n",
    );
    section(&mut page, "## Every source", None, SOURCE_KEYS);
    section(&mut page, "## Every sink", None, SINK_KEYS);
    for keys in connectors.keys() {
        let _ = write!(page, "\n## `{}`\n", keys.name);
        for (title, table) in [("### A source", keys.source), ("### A sink", keys.sink)] {
            if let Some(table) = table {
                section(&mut page, title, Some(table), table.keys);
            }
        }
        match (keys.sink, keys.dead_letters) {
            (_, None) => {}
            (Some(sink), Some(letters)) if std::ptr::eq(sink, letters) => {
                page += "\nDead letters can go there too, with the same keys but `input`.\n";
            }
            (_, Some(letters)) => section(&mut page, "### Dead letters", Some(letters), letters.keys),
        }
    }
    page
}

fn section(page: &mut String, title: &str, table: Option<&KeyTable>, keys: &[Key]) {
    let _ = write!(page, "\n{title}\n");
    if let Some(table) = table {
        let _ = write!(page, "\n{}\n", table.about);
    }
    let of_static = table.filter(|table| table.may_be_static).map_or(&[][..], |_| STATIC_KEYS);
    if keys.is_empty() && of_static.is_empty() {
        page.push_str("\nIt has no keys of its own.\n");
        return;
    }
    page.push_str("\n| key | value | without it | example |\n|---|---|---|---|\n");
    let rows = || keys.iter().chain(of_static);
    for key in rows() {
        let absent = match key.absent {
            Absent::Refused => "must be given".to_owned(),
            Absent::Default(default) => format!("`{default}`"),
            Absent::Nothing => "–".to_owned(),
        };
        let value = key.kind.describe();
        let _ = writeln!(page, "| `{}` | {value} | {absent} | `{} = {}` |", key.name, key.name, key.example);
    }
    page.push('\n');
    for key in rows() {
        let with = key.with.map_or(String::new(), |with| {
            let words: Vec<_> = with.words.iter().map(|word| format!("`\"{word}\"`")).collect();
            format!(" With `{}` {} only.", with.key, words.join(", "))
        });
        let _ = writeln!(page, "- `{}`: {}{with}", key.name, key.about);
    }
}
