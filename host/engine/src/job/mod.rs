//! The job file: what the user wrote, as checked types with the place of each name kept for errors.
//!
//! [`Job::load`] reads a TOML file into the types of this module. What always holds afterwards: every key was known,
//! every value has its type, every name that stands outside SQL points somewhere, paths are absolute, durations are
//! microseconds. What is left to [`crate::plan`]: whether files and plugins are there, SQL and its table names
//! (see [`Job::order`]), columns and their types.
//!
//! Every error is [`crate::ErrorKind::Invalid`], points at the bytes it is about and says how to mend it.

mod connectors;
mod digest;
mod event_time;
mod fields;
mod keys;
mod limit;
mod model;
mod operator;
mod options;
mod order;
mod read;
mod replaced;
mod sink;
mod source;
pub(crate) mod suggest;
mod text;
mod tree;
mod value;

/// The plugin and the operator that `name` means, which is a plugin's or `plugin.operator`; `is_plugin` says which names
/// are a plugin's.
pub(crate) fn plugin_and_operator(name: &str, is_plugin: impl Fn(&str) -> bool) -> (&str, Option<&str>) {
    match name.rsplit_once('.') {
        Some((plugin, operator)) if !is_plugin(name) => (plugin, Some(operator)),
        _ => (name, None),
    }
}

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

use digest::digest;
pub use event_time::EventTimeSpec;
use fields::Fields;
pub use keys::{Absent, ConnectorKeys, Key, KeyKind, KeyTable, Refusal, With};
pub use limit::Limit;
pub use model::*;
pub use options::{OptionValue, Options};
pub use replaced::PluginChange;
pub use sink::SINK_KEYS;
pub use source::{SOURCE_KEYS, STATIC_KEYS};
pub use text::{JobText, Spanned};
use tree::Value;
pub use tree::parse_with_value;
pub use value::{instant as parse_instant, micros as parse_micros};

const KEYS: [&str; 13] = [
    "name",
    "checkpoint",
    "trigger",
    "on_error",
    "final_watermark",
    "max_state_memory",
    "keep_epochs",
    "keep_bytes",
    "source",
    "plugin",
    "operator",
    "sink",
    "dead_letters",
];

/// Epochs that can be computed again, where the job says nothing.
const KEEP_EPOCHS: u64 = 200;

/// Bytes that are kept for it.
const KEEP_BYTES: u64 = 256 << 20;

/// The name that the dead letters' sink has among the sinks.
pub const DEAD_LETTERS: &str = "dead_letters";

impl Job {
    /// Reads and checks the job file at `path`, whose sources and sinks have the connectors `known`. `overrides` are pairs of a dotted key and a TOML value or plain text:
    /// `("trigger", "once")`, `("source.logs.path", "/data")`; they replace what the file says.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with the place and a hint; also if there is no such file.
    pub fn load(path: &Path, known: &[ConnectorKeys], overrides: &[(String, String)]) -> Result<Self> {
        let text = std::fs::read(path).map_err(|error| unreadable(path, error))?;
        let text = String::from_utf8(text).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let help = match error.as_bytes() {
                [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => "it begins as UTF-32 does: save it as UTF-8",
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it begins as UTF-16 does: save it as UTF-8",
                _ => "a job file is a text: save it as UTF-8, or name another file",
            };
            Error::invalid(format!("{} is not a job file: byte {at} is not UTF-8", path.display())).with_help(help)
        })?;
        let absolute = std::path::absolute(path).map_err(|error| unreadable(path, error))?;
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        Self::parse(&text, path, folder, known, overrides)
    }

    /// Checks `text`, which came from `file` (a path to show) in the absolute folder `base_folder`; see [`Job::load`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with the place and a hint.
    pub fn parse(
        text: &str,
        file: &Path,
        base_folder: &Path,
        known: &[ConnectorKeys],
        overrides: &[(String, String)],
    ) -> Result<Self> {
        let given = Given { text: text.into(), overrides: overrides.to_vec() };
        let (text, entries) = tree::parse(text, file, overrides)?;
        let root = Fields::root(&text, &entries);
        root.only(&KEYS, &[])?;
        let name = name(&root)?;

        let mut sources = Vec::new();
        for (fields, name) in named(&root, "source")? {
            sources.push(source::read(&fields, name, base_folder, known)?);
        }
        let mut plugins = BTreeMap::new();
        for (fields, name) in named(&root, "plugin")? {
            let plugin = operator::plugin(&fields, name, base_folder)?;
            plugins.insert(plugin.name.value.clone(), plugin);
        }
        let mut operators = Vec::new();
        for (fields, name) in named(&root, "operator")? {
            operators.push(operator::read(&fields, name)?);
        }
        let mut sinks = Vec::new();
        for (fields, name) in named(&root, "sink")? {
            sinks.push(sink::read(&fields, name, base_folder, known)?);
        }
        let mut job = Self {
            trigger: trigger(&root)?,
            on_error: root
                .choice("on_error", &[("dead-letter", OnError::DeadLetter), ("fail", OnError::Fail)])?
                .map_or(OnError::DeadLetter, |on_error| on_error.value),
            final_watermark: root.boolean("final_watermark")?.unwrap_or(false),
            max_state_memory: root.bytes("max_state_memory")?,
            keep: KeepEpochs {
                epochs: root.count("keep_epochs", 0)?.unwrap_or(KEEP_EPOCHS),
                bytes: root.bytes("keep_bytes")?.unwrap_or(KEEP_BYTES),
            },
            base: base_folder.to_path_buf(),
            checkpoint: checkpoint(&root, base_folder)?,
            checkpoint_at: root.get("checkpoint").map_or(0..0, |entry| entry.node.span.clone()),
            dead_letters: dead_letters(&root, &name, base_folder, known)?,
            given,
            content_digest: digest(&entries),
            name,
            text: text.clone(),
            sources,
            plugins,
            operators,
            sinks,
        };
        check_names(&job)?;
        job.order(|operator| {
            operator.logic.input().into_iter().map(|input| (input.value.clone(), input.span.clone())).collect()
        })?;
        Ok(job)
    }

    /// BLAKE3, hexadecimal, of what the job says, environment variables and overrides included. Spacing, comments and
    /// the order of tables do not count, nor does what cannot change an epoch's result: `trigger`, `checkpoint`, `keep_…`.
    pub fn digest(&self) -> &str {
        &self.content_digest
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let inside = path.join("job.toml");
    let wrong = Error::invalid(format!("cannot read the job file {}: {error}", path.display()));
    match error.kind() {
        _ if inside.is_file() => wrong.with_help(format!("did you mean {}?", inside.display())),
        std::io::ErrorKind::NotFound => {
            wrong.with_help("give the path of a job file, such as examples/page-hits/job.toml")
        }
        std::io::ErrorKind::PermissionDenied => wrong,
        _ => Error::new(ErrorKind::Invalid, wrong.message()).caused_by(error),
    }
}

/// `path` below `base`, unless it is absolute.
fn absolute(base: &Path, path: &str) -> PathBuf {
    let path = base.join(path);
    let path = std::path::absolute(&path).unwrap_or(path);
    // `a/..` is nothing, but for what is no folder: a link leads elsewhere.
    let mut straight = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if straight.symlink_metadata().is_ok_and(|meta| meta.is_dir()) => {
                straight.pop();
            }
            part => straight.push(part),
        }
    }
    straight
}

/// A folder, glob or file as an absolute path. What stands before a relative glob is taken as it is, also when it
/// holds characters that mean something in a glob.
pub(crate) fn absolute_pattern(base: &Path, path: &str) -> String {
    let is_pattern = path.contains(['*', '?', '[']);
    if is_pattern && Path::new(path).is_relative() {
        let base = glob::Pattern::escape(&base.to_string_lossy());
        return format!("{}/{}", base.trim_end_matches('/'), path.strip_prefix("./").unwrap_or(path));
    }
    absolute(base, path).to_string_lossy().into_owned()
}

/// Tables, and what the user is told of names: letters and digits, so that a name is also a table of SQL and part of
/// a file's name.
fn check_name(text: &JobText, what: &str, name: &Spanned<String>) -> Result<()> {
    let mut letters = name.value.chars();
    let starts = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if starts && letters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') && name.value.len() <= 100 {
        return Ok(());
    }
    Err(text
        .error(name.span.clone(), format!("`{}` cannot be the name of a {what}", name.value))
        .with_help("a name has letters, digits, `_` and `-`, starts with a letter, and is at most 100 long"))
}

fn name(root: &Fields<'_>) -> Result<String> {
    let stem = root.job.file.file_stem().map_or("my-job".into(), |stem| stem.to_string_lossy());
    let name = root.required(root.string("name")?, "name", &format!("\"{stem}\""))?;
    check_name(root.job, "job", &name)?;
    Ok(name.value)
}

/// The tables `[kind.NAME]`, in file order.
fn named<'a>(root: &Fields<'a>, kind: &str) -> Result<Vec<(Fields<'a>, Spanned<String>)>> {
    let Some(group) = root.get(kind) else { return Ok(Vec::new()) };
    let group = Fields::table(root.job, format!("[{kind}.NAME]"), group)?;
    let mut tables = Vec::new();
    for entry in group.entries() {
        let name = Spanned { value: entry.key.clone(), span: entry.key_span.clone() };
        let fields = match &entry.node.value {
            Value::Table(_) => Fields::table(root.job, format!("[{kind}.{}]", entry.key), entry)?,
            _ => {
                return Err(root
                    .job
                    .error(entry.key_span.clone(), format!("`{}` stands directly in [{kind}]", entry.key))
                    .with_help(format!("each {kind} has a name: [{kind}.NAME]")));
            }
        };
        check_name(root.job, kind, &name)?;
        tables.push((fields, name));
    }
    Ok(tables)
}

fn trigger(root: &Fields<'_>) -> Result<Trigger> {
    let Some(entry) = root.get("trigger") else { return Ok(Trigger::Continuous) };
    let words =
        [("continuous", Trigger::Continuous), ("available-now", Trigger::AvailableNow), ("once", Trigger::Once)];
    match &entry.node.value {
        Value::String { text, .. } if value::duration(text).is_ok() => Err(root
            .job
            .error(entry.node.span.clone(), format!("unknown trigger `{text}`"))
            .with_help(format!("an interval is written `trigger = {{ every = \"{text}\" }}`"))),
        Value::String { .. } => {
            let words = root.choice("trigger", &words).map_err(|error| {
                let help = format!("{}; or an interval: {{ every = \"1s\" }}", error.help().unwrap_or_default());
                error.with_help(help)
            });
            Ok(words?.map_or(Trigger::Continuous, |trigger| trigger.value))
        }
        Value::Table(_) => {
            let fields = Fields::table(root.job, "trigger".into(), entry)?;
            fields.only(&["every"], &[])?;
            let every = fields.required(fields.duration("every")?, "every", "\"1s\"")?;
            if every < std::time::Duration::from_millis(1) {
                let place = fields.get("every").map_or(entry.node.span.clone(), |every| every.node.span.clone());
                return Err(root
                    .job
                    .error(place, "an interval must be a millisecond or longer")
                    .with_help("`trigger = \"continuous\"` runs an epoch as soon as there is input"));
            }
            Ok(Trigger::Every(every))
        }
        _ => Err(root
            .wrong("trigger", &entry.node, "a word or `{ every = … }`", "\"available-now\"")
            .with_help("one of \"continuous\", \"available-now\", \"once\", { every = \"1s\" }")),
    }
}

fn checkpoint(root: &Fields<'_>, base: &Path) -> Result<Option<PathBuf>> {
    match root.text("checkpoint")? {
        Some(url) if url.value.contains("://") => Err(root
            .job
            .error(url.span, "a checkpoint on object storage is not possible yet")
            .with_help("name a folder on a local disk")),
        folder => Ok(folder.map(|folder| absolute(base, &folder.value))),
    }
}

fn dead_letters(root: &Fields<'_>, job_name: &str, base: &Path, known: &[ConnectorKeys]) -> Result<SinkSpec> {
    let entry = root.get(DEAD_LETTERS);
    let label = format!("[{DEAD_LETTERS}]");
    let fields = match entry {
        Some(entry) => Fields::table(root.job, label, entry)?,
        None => Fields::without_entries(root.job, label),
    };
    let span = entry.map_or(0..0, |entry| entry.key_span.clone());
    let name = Spanned { value: DEAD_LETTERS.to_owned(), span };
    sink::dead_letters(&fields, name, base, job_name, known)
}

/// Checks what the names of nodes, plugins and sinks point at; the inputs of operators are [`Job::order`]'s.
fn check_names(job: &Job) -> Result<()> {
    if job.sources.is_empty() {
        return Err(job.text.error(0..0, "the job has no source").with_help("add a table [source.NAME]"));
    }
    if job.sinks.is_empty() {
        return Err(job
            .text
            .error(0..0, "the job has no sink: nobody would see its results")
            .with_help("add a table [sink.NAME] with `input = \"…\"`"));
    }
    let is_source = |name: &str| job.sources.iter().any(|source| source.name.value == name);
    for operator in &job.operators {
        let name = &operator.name;
        if is_source(&name.value) {
            return Err(job
                .text
                .error(name.span.clone(), format!("`{}` is already the name of a source", name.value))
                .with_help("sources and operators are the tables of the job's SQL: their names differ"));
        }
        if let Logic::Plugin { plugin, .. } = &operator.logic
            && !job.plugins.contains_key(plugin_and_operator(&plugin.value, |name| job.plugins.contains_key(name)).0)
        {
            let error = job.text.error(plugin.span.clone(), format!("there is no plugin `{}`", plugin.value));
            return Err(match job.plugins.is_empty() {
                true => error.with_help(format!("add a table [plugin.{}] with its `path`", plugin.value)),
                false => error.with_help(suggest::choices(&plugin.value, job.plugins.keys().map(String::as_str))),
            });
        }
        if let Some(late) = &operator.late
            && !job.sinks.iter().any(|sink| sink.name.value == late.value)
        {
            let sinks = job.sinks.iter().map(|sink| sink.name.value.as_str());
            return Err(job
                .text
                .error(late.span.clone(), format!("there is no sink `{}` for late rows", late.value))
                .with_help(suggest::choices(&late.value, sinks)));
        }
    }
    for sink in &job.sinks {
        if sink.name.value == DEAD_LETTERS {
            return Err(job
                .text
                .error(sink.name.span.clone(), format!("`{DEAD_LETTERS}` is the name of the job's own sink"))
                .with_help(format!("write [{DEAD_LETTERS}] to say where failing rows go, or choose another name")));
        }
        check_sink_input(job, sink)?;
    }
    Ok(())
}

fn check_sink_input(job: &Job, sink: &SinkSpec) -> Result<()> {
    let name = &sink.name.value;
    let late = job.operators.iter().find_map(|operator| operator.late.as_ref().filter(|late| late.value == *name));
    match (&sink.input, late) {
        (Some(input), _) if !is_node(job, &input.value) => {
            Err(job.unknown_node(&input.value, input.span.clone(), None))
        }
        (Some(input), Some(late)) => Err(job
            .text
            .error(late.span.clone(), format!("sink `{name}` takes the rows of `{}` already", input.value))
            .with_help("late rows have other columns: give them a sink of their own, without `input`")),
        (None, None) => Err(job
            .text
            .error(sink.name.span.clone(), format!("[sink.{name}] has no `input`"))
            .with_help("add `input = \"…\"`, the node whose rows it takes; only a sink for late rows has none")),
        _ => Ok(()),
    }
}

fn is_node(job: &Job, name: &str) -> bool {
    job.sources.iter().any(|source| source.name.value == name)
        || job.operators.iter().any(|operator| operator.name.value == name)
}
