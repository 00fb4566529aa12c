//! What a running job is asked and told over its socket.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use millstream_engine::job::PluginChange;
use millstream_engine::run::{CanaryTerms, Control};
use millstream_engine::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::board::Board;
use super::http::{Reply, Request};
use super::listen::refusal;

/// What there is.
const ENDPOINTS: [(&str, &str); 6] = [
    ("GET", "/job"),
    ("POST", "/swap"),
    ("POST", "/abort"),
    ("POST", "/stop"),
    ("POST", "/pause"),
    ("POST", "/resume"),
];

/// What is asked of `/swap`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwapRequest {
    /// The plugin's name in the job.
    pub(crate) plugin: String,
    /// A `.wasm` file or the folder of a project, absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<PathBuf>,
    /// Entries of its configuration that are set.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) with: Map<String, Value>,
    /// It is to answer for a share of the keys alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) canary: Option<CanaryTerms>,
}

/// Replies for one job.
pub(super) struct Answers {
    pub(super) board: Arc<Board>,
    pub(super) control: Control,
}

impl Answers {
    /// The reply to `request`. That to a swap is given when the swap has come about or has not.
    pub(super) fn to(&self, request: &Request) -> Reply {
        let done = match (&*request.method, &*request.path) {
            ("GET", "/job") => Ok(self.status()),
            ("POST", "/swap") => self.swap(&request.body),
            ("POST", "/abort") => {
                self.control.end_canary().and_then(|ending| ending.wait()).map(|plugin| json!({ "plugin": plugin }))
            }
            ("POST", "/stop") => Ok(self.told(self.control.stop(), "stopping after this epoch, as it was told")),
            ("POST", "/pause") => {
                self.unless_stopping().map(|()| self.told(self.control.pause(), "paused, as it was told"))
            }
            ("POST", "/resume") => {
                self.unless_stopping().map(|()| self.told(self.control.resume(), "going on, as it was told"))
            }
            (method, path) => return unknown(method, path),
        };
        match done {
            Ok(body) => Reply { status: 200, allow: None, body },
            Err(e) => refused(&e),
        }
    }

    fn status(&self) -> Value {
        serde_json::to_value(self.board.status(&self.control)).expect("numbers and texts are JSON")
    }

    /// The job's state, and whether it is another one than before; then whoever looks at the run reads `line`.
    fn told(&self, changed: bool, line: &'static str) -> Value {
        if changed {
            self.board.say(line);
        }
        let status = self.board.status(&self.control);
        json!({ "job": status.job, "pid": status.pid, "state": status.state, "changed": changed })
    }

    fn unless_stopping(&self) -> Result<()> {
        match self.control.is_stopped() {
            true => Err(Error::new(ErrorKind::Conflict, "the job was told to stop").with_help("start it again")),
            false => Ok(()),
        }
    }

    fn swap(&self, body: &[u8]) -> Result<Value> {
        let change: SwapRequest = serde_json::from_slice(body).map_err(|e| {
            let help =
                r#"send {"plugin": "NAME", "path": "/FILE.wasm", "with": {"key": "value"}}, without `path` or `with`"#;
            Error::invalid(format!("the request is no swap: {e}")).with_help(help)
        })?;
        let SwapRequest { plugin, path, with, canary } = change;
        if path.is_none() && with.is_empty() {
            let message = format!("nothing is said of what plugin `{plugin}` is to be swapped to");
            return Err(Error::invalid(message).with_help("give a `path`, a `with`, or both"));
        }
        if let Some(path) = path.as_ref().filter(|path| !path.is_absolute()) {
            let message = format!("the path {} is not absolute", path.display());
            return Err(Error::invalid(message).with_help("the job does not know from which folder it counts"));
        }
        if !self.board.has_begun() {
            return Err(Error::new(ErrorKind::Conflict, "the job is starting").with_help("try again when it runs"));
        }
        let change = PluginChange { plugin, path, with, configurations: None };
        let swapping = match canary {
            None => self.control.swap(change)?,
            Some(terms) => self.control.canary(change, terms)?,
        };
        let swapped = swapping.wait()?;
        Ok(serde_json::to_value(swapped).expect("numbers and texts are JSON"))
    }
}

fn unknown(method: &str, path: &str) -> Reply {
    let methods: Vec<&str> = ENDPOINTS.iter().filter(|(_, there)| *there == path).map(|(method, _)| *method).collect();
    if let [allowed] = methods[..] {
        let message = format!("there is no {method} {path}");
        return Reply { allow: Some(allowed), ..refusal(405, &message, &format!("there is {allowed} {path}")) };
    }
    let there: BTreeSet<String> = ENDPOINTS.iter().map(|(method, path)| format!("{method} {path}")).collect();
    let there = there.into_iter().collect::<Vec<_>>().join(", ");
    refusal(404, &format!("there is no {path}"), &format!("there are {there}"))
}

/// What the engine refuses, in its words.
fn refused(e: &Error) -> Reply {
    let status = match e.kind() {
        ErrorKind::Invalid => 400,
        ErrorKind::Internal => 500,
        _ => 409,
    };
    Reply { status, allow: None, body: json!({ "message": e.message(), "help": e.help() }) }
}
