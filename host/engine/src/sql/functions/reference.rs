//! The functions as `docs/sql.md` shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{BUILT_IN, ours};

/// Markdown: ours with their examples, and the names of all others by what they are of.
pub fn section() -> String {
    let mut section = String::from("| function | gives | example | answer |\n|---|---|---|---|\n");
    for function in ours() {
        let (signature, gives) = (in_cell(function.signature), function.gives);
        let (sql, answer) = (in_cell(function.example.sql), in_cell(function.example.answer));
        let _ = writeln!(section, "| {signature} | {gives} | {sql} | {answer} |");
    }
    section += "\nOthers are DataFusion's, whose [documentation](https://datafusion.apache.org/user-guide/sql/index.html) describes \
                them; most `array_…` are called `list_…` too:\n\n";
    for (area, names) in others() {
        let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(section, "- {}: {}", area.trim_end_matches(" Functions"), names.join(", "));
    }
    section
}

/// Code in a table.
fn in_cell(code: &str) -> String {
    format!("`{}`", code.replace('|', "\\|"))
}

/// What is under these headings asks for types and files as DataFusion has them.
const LEFT_OUT: [&str; 2] = ["Other Functions", "Union Functions"];

/// By DataFusion's headings the names that are not ours. Each `list_…` is an `array_…` too.
fn others() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let built_in = &*BUILT_IN;
    let scalars = built_in.scalars.iter().map(|(name, f)| (name, f.documentation()));
    let higher_order = built_in.higher_order.iter().map(|(name, f)| (name, f.documentation()));
    let aggregates = built_in.aggregates.iter().map(|(name, f)| (name, f.documentation()));
    let mut areas = BTreeMap::<_, BTreeSet<_>>::new();
    for (name, documentation) in scalars.chain(higher_order).chain(aggregates) {
        let Some(area) = documentation.map(|documentation| documentation.doc_section.label) else { continue };
        let is_said = name.starts_with("list_") || ours().any(|function| function.name == name);
        if !is_said && !LEFT_OUT.contains(&area) {
            areas.entry(area).or_default().insert(name.as_str());
        }
    }
    areas
}
