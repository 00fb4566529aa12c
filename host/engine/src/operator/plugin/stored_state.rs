//! What a user is told whose plugin cannot read a state that is stored.

use millstream_plugin::PluginError;

use crate::{Error, ErrorKind};

/// The plugin failed with `error` on a state of its own `version`: that stops the job, since a state that is passed over
/// would be lost. `of`: whose state it is, as JSON, where that is known.
pub fn unreadable_state(plugin: &str, version: u32, of: Option<&str>, error: &PluginError) -> Error {
    let of = of.map_or_else(String::new, |of| format!(", for {of}"));
    Error::new(ErrorKind::Plugin, format!("plugin `{plugin}`{of}: {error}")).with_help(format!(
        "the state is of version {version}, as the plugin is now: raise the plugin's state version and have its `migrate` \
         read those of version {version}; or give a field that is new a default (in Rust `#[serde(default)]`); or use \
         the build that wrote them. Nothing is lost: the job goes on from its last epoch"
    ))
}
