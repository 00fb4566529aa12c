//! `[operator.NAME]` and `[plugin.NAME]` tables.

use std::path::Path;

use super::absolute;
use super::event_time::event_time;
use super::fields::{Fields, string};
use super::model::{ConfigPlaces, Logic, OperatorSpec, OutputMode, PluginSpec, WatermarkPolicy};
use super::text::Spanned;
use super::tree::{NO_SUCH_NUMBER, TableEntry, Value, table_json};
use crate::error::Result;

const PLUGIN: [&str; 4] = ["path", "operator", "limits", "with"];
const LIMITS: [&str; 2] = ["memory", "time"];

const SQL_NODE: [&str; 9] = [
    "sql",
    "output_mode",
    "event_time",
    "watermark",
    "idle_after",
    "max_ahead",
    "late",
    "watermark_policy",
    "unbounded_state",
];
const DEDUP_NODE: [&str; 9] = [
    "dedup",
    "input",
    "event_time",
    "watermark",
    "idle_after",
    "max_ahead",
    "late",
    "watermark_policy",
    "unbounded_state",
];
const DEDUP: [&str; 2] = ["keys", "within"];
const THROTTLE_NODE: [&str; 8] =
    ["throttle", "input", "event_time", "watermark", "idle_after", "max_ahead", "late", "watermark_policy"];
const THROTTLE: [&str; 3] = ["keys", "rows", "per"];
const PLUGIN_NODE: [&str; 12] = [
    "plugin",
    "input",
    "with",
    "group_by",
    "key_by",
    "output_mode",
    "event_time",
    "watermark",
    "idle_after",
    "max_ahead",
    "late",
    "watermark_policy",
];

/// Reads one plugin; `base` is the job file's folder.
pub(super) fn plugin(fields: &Fields<'_>, name: Spanned<String>, base: &Path) -> Result<PluginSpec> {
    fields.only(&PLUGIN, &[])?;
    let path = fields.required(fields.text("path")?, "path", "\"../plugins/my-plugin\"")?;
    if path.value.contains("://") {
        return Err(fields
            .job
            .error(path.span, "a plugin is loaded from this machine's disk only")
            .with_help("name a .wasm file or a project folder"));
    }
    let (mut memory, mut time) = (None, None);
    if let Some(entry) = fields.get("limits") {
        let limits = Fields::table(fields.job, format!("limits of {}", fields.label()), entry)?;
        limits.only(&LIMITS, &[])?;
        memory = limits.bytes("memory")?;
        time = limits.duration("time")?;
        if let (Some(time), Some(entry)) = (time, limits.get("time"))
            && time.is_zero()
        {
            return Err(fields.job.error(entry.node.span.clone(), "no call can end in no time"));
        }
    }
    let path = Spanned { value: absolute(base, &path.value), span: path.span };
    Ok(PluginSpec { name, path, operator: fields.text("operator")?, memory, time, config: config(fields)? })
}

/// Reads one operator. Whether its names point anywhere is checked when all are known.
pub(super) fn read(fields: &Fields<'_>, name: Spanned<String>) -> Result<OperatorSpec> {
    let kinds = ["sql", "plugin", "dedup", "throttle"];
    let mut said: Vec<_> = kinds.iter().filter_map(|kind| fields.get(kind)).collect();
    said.sort_by_key(|entry| entry.key_span.start);
    if let [first, second, ..] = said[..] {
        return Err(fields
            .job
            .error(second.key_span.clone(), format!("{} has both `{}` and `{}`", fields.label(), first.key, second.key))
            .with_help("an operator does one thing: make two of them, the second reading the first"));
    }
    let logic = match said.first().map(|entry| entry.key.as_str()) {
        Some("sql") => {
            let plugin_only = "`plugin`; a SQL operator reads the tables that its text names, so it goes with that";
            let elsewhere = ["input", "with", "group_by", "key_by"].map(|key| (key, plugin_only));
            fields.only(&SQL_NODE, &elsewhere)?;
            Logic::Sql(fields.required(fields.text("sql")?, "sql", "\"SELECT …\"")?)
        }
        Some("dedup") => {
            fields.only(&DEDUP_NODE, &[("output_mode", "an aggregation; a dedup appends, so it goes with that")])?;
            dedup(fields)?
        }
        Some("throttle") => {
            let elsewhere = [
                ("output_mode", "an aggregation; a throttle appends, so it goes with that"),
                (
                    "unbounded_state",
                    "a query or a dedup; a throttle forgets what the watermark has passed, so it goes with those",
                ),
            ];
            fields.only(&THROTTLE_NODE, &elsewhere)?;
            throttle(fields)?
        }
        Some(_) => {
            fields.only(&PLUGIN_NODE, &[])?;
            Logic::Plugin {
                input: fields.required(fields.text("input")?, "input", "\"the node whose rows it takes\"")?,
                plugin: fields.required(fields.text("plugin")?, "plugin", "\"a plugin's name\"")?,
                config: config(fields)?,
                config_at: config_at(fields, &name),
                group_by: group_by(fields)?,
                key_by: columns(fields, "key_by")?.unwrap_or_default(),
            }
        }
        None => {
            let all: Vec<&str> = ["sql", "dedup", "throttle"].into_iter().chain(PLUGIN_NODE).collect();
            fields.only(&all, &[])?;
            return Err(fields
                .error(format!("{} has neither `sql` nor `plugin` nor `dedup` nor `throttle`", fields.label()))
                .with_help("add `sql = \"SELECT … FROM …\"`, or `plugin = \"…\"` with its `input`"));
        }
    };
    let output_modes =
        [("append", OutputMode::Append), ("update", OutputMode::Update), ("complete", OutputMode::Complete)];
    let policies = [("min", WatermarkPolicy::Min), ("max", WatermarkPolicy::Max)];
    Ok(OperatorSpec {
        name,
        logic,
        output_mode: fields.choice("output_mode", &output_modes)?,
        event_time: event_time(fields)?,
        late: fields.text("late")?,
        watermark_policy: fields.choice("watermark_policy", &policies)?.map(|policy| policy.value).unwrap_or_default(),
        unbounded_state: fields.boolean("unbounded_state")?.unwrap_or(false),
        asked_once: false,
    })
}

/// `with` as a JSON object; `{}` if there is none.
fn config(fields: &Fields<'_>) -> Result<String> {
    let Some(entry) = fields.get("with") else { return Ok("{}".into()) };
    let Value::Table(entries) = &entry.node.value else {
        return Err(fields.wrong("with", &entry.node, "a table", "{ separator = \" \" }"));
    };
    let mut odd = None;
    let json = table_json(entries, &mut |node| odd = odd.take().or(Some(node.span.clone())));
    match odd {
        Some(span) => Err(fields.job.error(span, NO_SUCH_NUMBER)),
        None => Ok(json.to_string()),
    }
}

fn config_at(fields: &Fields<'_>, operator: &Spanned<String>) -> ConfigPlaces {
    let Some(TableEntry { key_span, node, .. }) = fields.get("with") else {
        return ConfigPlaces { keys: Vec::new(), whole: operator.span.clone() };
    };
    let keys = match &node.value {
        Value::Table(entries) => entries.iter().map(|e| (e.key.clone(), e.key_span.clone())).collect(),
        _ => Vec::new(),
    };
    ConfigPlaces { keys, whole: key_span.clone() }
}

fn group_by(fields: &Fields<'_>) -> Result<Vec<Spanned<String>>> {
    columns(fields, "group_by").map(Option::unwrap_or_default)
}

/// The names of columns in the array `key`, at least one.
fn columns(fields: &Fields<'_>, key: &str) -> Result<Option<Vec<Spanned<String>>>> {
    let Some(entry) = fields.get(key) else { return Ok(None) };
    let Value::Array(items) = &entry.node.value else {
        return Err(fields.wrong(key, &entry.node, "an array of column names", "[\"url\"]"));
    };
    if items.is_empty() {
        return Err(fields.job.error(entry.node.span.clone(), format!("`{key}` names no column")));
    }
    items.iter().map(|item| string(fields, key, item)).collect::<Result<_>>().map(Some)
}

fn dedup(fields: &Fields<'_>) -> Result<Logic> {
    let entry = fields.required(fields.get("dedup"), "dedup", "{ keys = [\"id\"] }")?;
    let options = Fields::table(fields.job, format!("dedup of {}", fields.label()), entry)?;
    options.only(&DEDUP, &[])?;
    let within = options.micros("within")?.zip(options.get("within"));
    Ok(Logic::Dedup {
        input: fields.required(fields.text("input")?, "input", "\"the node whose rows it takes\"")?,
        keys: options.required(columns(&options, "keys")?, "keys", "[\"id\"]")?,
        within: within.map(|(value, entry)| Spanned { value, span: entry.node.span.clone() }),
    })
}

fn throttle(fields: &Fields<'_>) -> Result<Logic> {
    let entry =
        fields.required(fields.get("throttle"), "throttle", "{ keys = [\"user\"], rows = 10, per = \"1 minute\" }")?;
    let options = Fields::table(fields.job, format!("throttle of {}", fields.label()), entry)?;
    options.only(&THROTTLE, &[])?;
    let (per, said) = options.required(options.micros("per")?.zip(options.get("per")), "per", "\"1 minute\"")?;
    if per == 0 {
        return Err(fields
            .job
            .error(said.node.span.clone(), "no row lies in windows of no length")
            .with_help("say how long one is: per = \"1 minute\""));
    }
    Ok(Logic::Throttle {
        input: fields.required(fields.text("input")?, "input", "\"the node whose rows it takes\"")?,
        keys: options.required(columns(&options, "keys")?, "keys", "[\"user\"]")?,
        rows: options.required(options.count("rows", 1)?, "rows", "10")?,
        per,
    })
}
