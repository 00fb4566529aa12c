//! Whether stored state fits an operator, by the fingerprint that was noted with it; and if not, what was changed.

use std::sync::Arc;

use arrow::datatypes::{Field, Fields};
use serde_json::{Map, Value};

use super::configuration;
use super::sides::{SIDES, changed_places};
use super::{Fingerprint, VERSION};
use crate::Error;
use crate::format::parse_type;

/// Whether stored state fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It can be used as it is.
    AsItIs,
    /// Once these states are brought over.
    After(Old),
    /// It cannot.
    No(Misfit),
}

/// What older versions have stored in another form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Old {
    /// Older versions of plugins.
    pub plugins: Vec<OldStates>,
    /// Versions of Millstream that kept the sets of DISTINCT of sessions as lists in their states.
    pub lists: bool,
}

impl Old {
    /// Whether there is nothing of the kind.
    pub fn is_nothing(&self) -> bool {
        self.plugins.is_empty() && !self.lists
    }
}

/// States that an older version of a plugin has stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldStates {
    /// Which of the operator's aggregates they are of.
    pub aggregate: usize,
    /// The plugin, by its name in the job.
    pub plugin: String,
    /// The version that they are of.
    pub version: u32,
    /// Their columns.
    pub fields: Fields,
}

impl OldStates {
    /// `e`, for which they cannot be brought over, as the error of operator `name`.
    pub fn refused(&self, name: &str, e: Error) -> Error {
        let Self { plugin, version, .. } = self;
        e.context(format!("operator `{name}`: plugin `{plugin}` cannot bring over its states of version {version}"))
            .with_help(
                "write or mend the plugin's `migrate`, use the build that wrote them, give the operator another name (its state then begins anew), or start over with --fresh",
            )
    }
}

/// Why stored state does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// What was changed, as the end of a sentence.
    pub what: String,
    /// What can be done instead of undoing it, if there is something of its own.
    pub help: Option<String>,
}

impl Misfit {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), help: None }
    }
}

const AGGREGATES: &str = "its aggregates were changed";
const FUNCTION: &str = "its function was changed";

/// The parts of a fingerprint as they are called in a message.
const NAMES: [(&str, &str); 11] = [
    ("states", "how many states its query keeps was changed"),
    ("time", "its window or event time was changed"),
    ("keys", "its keys were changed"),
    ("aggregates", AGGREGATES),
    ("function", FUNCTION),
    ("remembers", "how long its keys are remembered was changed"),
    ("join", "the kind of its join was changed"),
    ("left", "its keys, event time or columns of the left side were changed"),
    ("right", "its keys, event time or columns of the right side were changed"),
    ("reach", "which event times it joins was changed"),
    ("where", "its condition was changed"),
];

impl Fingerprint {
    /// Whether state that was noted as `stored` can be used. Which branch of its query it is of says nothing of that.
    pub fn fits(&self, stored: &Value) -> Fit {
        let Some(stored) = stored.as_object() else {
            return Fit::No(Misfit::new("an older version of Millstream has noted it in other words"));
        };
        let stored = &self.adjusted(stored);
        if compared(stored).eq(compared(&self.0)) {
            return Fit::AsItIs;
        }
        if stored.get("v").and_then(Value::as_u64) != Some(VERSION) {
            return Fit::No(Misfit::new("another version of Millstream has noted it"));
        }
        if stored.get("of") != self.0.get("of") {
            return Fit::No(Misfit::new(format!("it is of {}, and this is {}", kind(stored), kind(&self.0))));
        }
        if let (Some(Value::String(was)), Some(Value::String(is))) = (stored.get("mode"), self.0.get("mode"))
            && was != is
        {
            let help = format!("set output_mode = \"{was}\" again, or give");
            let what = format!("it was in {was} mode and is in {is} mode now, which keeps other groups");
            return Fit::No(Misfit { what, help: Some(help) });
        }
        // Where it is told, sets are not in the states any more.
        let mut old = Old { plugins: Vec::new(), lists: !stored.contains_key("sets") && self.0.contains_key("sets") };
        let mut changed: Vec<String> = Vec::new();
        for (part, name) in NAMES {
            match (stored.get(part), self.0.get(part)) {
                (was, is) if was == is => {}
                (Some(Value::Array(was)), Some(Value::Array(is))) if [AGGREGATES, FUNCTION].contains(&name) => {
                    match functions(was, is, name) {
                        Ok(found) => old.plugins = found,
                        Err(misfit) if changed.is_empty() && misfit.help.is_some() => return Fit::No(misfit),
                        Err(misfit) => changed.push(misfit.what),
                    }
                }
                _ => changed.push(name.to_owned()),
            }
        }
        if changed_places(stored.get(SIDES), self.0.get(SIDES)) {
            changed.push("the sides of its join have changed places".to_owned());
        }
        let but_for_sides = |parts: &Map<String, Value>| {
            let parts = parts.iter().filter(|(part, _)| *part != SIDES);
            parts.map(|(part, value)| (part.clone(), value.clone())).collect::<Map<_, _>>()
        };
        match changed.as_slice() {
            [] if !old.is_nothing() => Fit::After(old),
            [] if but_for_sides(stored) == but_for_sides(&self.0) => Fit::AsItIs,
            [] => Fit::No(Misfit::new("its output mode or what it groups by was changed")),
            changed => Fit::No(Misfit::new(changed.join(", and "))),
        }
    }
}

impl Fingerprint {
    /// `stored` as if its plugins had been configured as they are now, where their states do not depend on that.
    fn adjusted(&self, stored: &Map<String, Value>) -> Map<String, Value> {
        let mut stored = stored.clone();
        for part in ["aggregates", "function"] {
            if let (Some(Value::Array(was)), Some(Value::Array(is))) = (stored.get_mut(part), self.0.get(part)) {
                *was = configuration::adjusted(was, is);
            }
        }
        stored
    }
}

/// The parts that decide.
fn compared(of: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    of.iter().filter(|(part, _)| *part != "branch")
}

fn kind(of: &Map<String, Value>) -> &'static str {
    match of.get("of").and_then(Value::as_str) {
        Some("aggregate") => "an aggregation",
        Some("dedup") => "a deduplication",
        Some("join") => "a join",
        Some("keyed") => "a keyed operator",
        Some("throttle") => "a throttle",
        _ => "another operator",
    }
}

/// What of the states of stored aggregates, or of a keyed function, is to be brought over, where they are those of the
/// operator; `otherwise` is said of others.
fn functions(was: &[Value], is: &[Value], otherwise: &str) -> Result<Vec<OldStates>, Misfit> {
    let changed = || Misfit::new(otherwise);
    if was.len() != is.len() {
        return Err(changed());
    }
    let pairs = was.iter().zip(is).enumerate().filter(|(_, (was, is))| was != is);
    let mut old = Vec::new();
    for (aggregate, (was, is)) in pairs {
        let (Some(was), Some(is)) = (was.as_object(), is.as_object()) else { return Err(changed()) };
        let (Some(Value::String(plugin)), Some(before)) = (is.get("plugin"), version(was)) else {
            return Err(changed());
        };
        let but_for_states = |of: &Map<String, Value>| {
            let kept = of.iter().filter(|(part, _)| !["state", "state_version"].contains(&part.as_str()));
            kept.map(|(part, value)| (part.clone(), value.clone())).collect::<Map<_, _>>()
        };
        let (mut before_it, mut now_it) = (but_for_states(was), but_for_states(is));
        if before_it != now_it {
            [&mut before_it, &mut now_it].into_iter().for_each(configuration::forget);
            if before_it == now_it {
                return Err(Misfit {
                    what: format!(
                        "plugin `{plugin}` was given another configuration (`with`), and does not say that its states are the same with it"
                    ),
                    help: Some("undo the change, let the plugin say which keys are `adjustable`, give".to_owned()),
                });
            }
            return Err(changed());
        }
        let now = version(is).ok_or_else(changed)?;
        if before == now {
            return Err(Misfit {
                what: format!("plugin `{plugin}` keeps other columns than before, and still says state_version {now}"),
                help: Some("raise the plugin's state_version and write its `migrate`, give".to_owned()),
            });
        }
        if before > now {
            return Err(Misfit {
                what: format!("it holds states of version {before} of plugin `{plugin}`, whose version is {now}"),
                help: Some(format!("use a build of the plugin with state_version {before} or a later one, give")),
            });
        }
        let fields = was.get("state").and_then(read_fields).ok_or_else(changed)?;
        old.push(OldStates { aggregate, plugin: plugin.clone(), version: before, fields });
    }
    Ok(old)
}

fn version(of: &Map<String, Value>) -> Option<u32> {
    u32::try_from(of.get("state_version")?.as_u64()?).ok()
}

/// Columns as [`super::fields_told`] has told them, which of a plugin's are all of types that a job file can name.
fn read_fields(told: &Value) -> Option<Fields> {
    let field = |told: &Value| {
        let [name, data_type] = told.as_array()?.as_slice() else { return None };
        Some(Arc::new(Field::new(name.as_str()?, parse_type(data_type.as_str()?).ok()?, true)))
    };
    told.as_array()?.iter().map(field).collect()
}
