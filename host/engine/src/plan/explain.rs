//! What `check` shows: the graph in words, with schemas, modes, watermarks and what plugins read.

use std::fmt;

use arrow::datatypes::SchemaRef;

use super::{Plan, PlannedNode};
use crate::format::type_name;
use crate::job::{FileFormat, OutputMode, SinkConnector, SourceConnector};
use crate::sql::{Emits, Relation};

/// A plan in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained(String);

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Plan {
    /// The plan in words.
    pub fn explain(&self) -> Explained {
        let mut out = format!("job {}\n", self.job.name);
        for (source, node) in self.job.sources.iter().zip(&self.nodes) {
            let what = match &source.connector {
                SourceConnector::File(file) => format!("{} files {}", format_name(&file.format), file.path.value),
                SourceConnector::Generate(_) => "generated access-log rows".to_owned(),
            };
            let kind = if source.fixed.is_some() { "static source" } else { "source" };
            out += &format!("\n{kind} {}: {what}\n", node.name);
            out += &format!("  columns    {}\n", columns(&node.schema));
            out += &self.event_time(node);
        }
        for node in &self.nodes[self.job.sources.len()..] {
            let inputs: Vec<&str> = node.uses.iter().map(|u| u.input.as_str()).collect();
            out += &format!("\noperator {} <- {}\n", node.name, inputs.join(", "));
            steps(&node.relation, &mut out);
            if let Some(reads) = &node.plugin_reads {
                out += &format!("  plugin     reads {}; may do nothing but compute\n", list(reads));
            }
            out += &format!("  columns    {}\n", columns(&node.schema));
            if node.relation.is_stateful() {
                out += &format!("  emits      {}\n", emits(node.emits()));
                out += &self.watermark(node);
            }
            out += &self.event_time(node);
        }
        for sink in &self.sinks {
            let spec = &sink.spec;
            let from = spec.input.as_ref().map_or("rejected rows", |i| i.value.as_str());
            let late =
                self.stateful.iter().find(|s| s.late.is_some_and(|l| self.sinks[l].spec.name.value == spec.name.value));
            let from = late.map_or(from.to_owned(), |s| format!("late rows of {}", s.name));
            let what = match &spec.connector {
                SinkConnector::Console { max_rows } => format!("console, at most {max_rows} rows an epoch"),
                SinkConnector::Memory => "memory".to_owned(),
                SinkConnector::File { path, format, .. } => {
                    format!("{} files in {}", format_name(format), path.value.display())
                }
            };
            out += &format!("\nsink {} <- {from}: {what}, {}\n", spec.name.value, mode_name(sink.mode));
        }
        Explained(out)
    }

    fn event_time(&self, node: &PlannedNode) -> String {
        let Some((number, column)) = node.observes else { return String::new() };
        let name = node.schema.field(column).name();
        match &self.watermarks[number].rule {
            Some(rule) => format!("  event time {name}, watermark {} behind the greatest\n", span(rule.delay)),
            None => format!("  event time {name}, no watermark\n"),
        }
    }

    fn watermark(&self, node: &PlannedNode) -> String {
        let nodes = node.watermark.nodes();
        let names: Vec<&str> = nodes.iter().map(|w| self.watermarks[*w].name.as_str()).collect();
        if names.is_empty() {
            return "  watermark  none: state is kept for ever\n".to_owned();
        }
        format!("  watermark  of {}\n", names.join(", "))
    }
}

/// A length of time as people write it.
fn span(us: i64) -> String {
    humantime::format_duration(std::time::Duration::from_micros(us.unsigned_abs())).to_string()
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "no columns".to_owned() } else { names.join(", ") }
}

fn columns(schema: &SchemaRef) -> String {
    let column = |f: &arrow::datatypes::FieldRef| format!("{} {}", f.name(), type_name(f.data_type()));
    schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

/// The relation's operators, first the one nearest to the input.
fn steps(relation: &Relation, out: &mut String) {
    match relation {
        Relation::Input { columns, schema, .. } => {
            if columns.is_some() {
                let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
                *out += &format!("  reads      {}\n", list(&names));
            }
        }
        Relation::Transform { input, what, .. } => {
            steps(input, out);
            *out += &format!("  then       {what}\n");
        }
        Relation::Union { inputs, .. } => {
            inputs.iter().for_each(|input| steps(input, out));
            *out += "  then       put together\n";
        }
        Relation::Stateful { inputs, what, .. } => {
            inputs.iter().for_each(|input| steps(input, out));
            *out += &format!("  state      {what}\n");
        }
    }
}

fn emits(emits: Emits) -> &'static str {
    match emits {
        Emits::Rows => "append: each group once, when the watermark passes it",
        Emits::Updates => "update: the groups that an epoch touched",
        Emits::Snapshot => "complete: the whole result in each epoch",
    }
}

fn mode_name(mode: OutputMode) -> &'static str {
    match mode {
        OutputMode::Append => "append",
        OutputMode::Update => "update",
        OutputMode::Complete => "complete",
    }
}

fn format_name(format: &FileFormat) -> &'static str {
    match format {
        FileFormat::Text => "text",
        FileFormat::Csv { .. } => "CSV",
        FileFormat::Json => "JSON",
        FileFormat::Parquet => "Parquet",
    }
}
