//! How a run is shown while it goes on, and its summary. All of it goes to standard error; standard output belongs to
//! the console sinks.

pub(crate) mod epoch_json;
mod json;
mod live;
mod log;
pub(crate) mod rate;
mod summary;
pub(crate) mod terminal;
mod ticker;
pub(crate) mod totals;

use std::io::IsTerminal;
use std::sync::Arc;

use millstream_engine::run::report::{Observer, Silent, Summary};

use crate::args::ProgressMode;
use terminal::Terminal;

/// An observer that also shows the end.
pub(crate) trait Progress: Observer {
    /// The run is over, well or not: what is still to be shown of its epochs is shown, the terminal is left clean.
    fn finish(&self) {}

    /// The run ended well.
    fn summary(&self, _job: &str, _summary: &Summary) {}
}

impl Progress for Silent {}

/// The way of showing progress that `mode` asks for.
pub(crate) fn of_mode(mode: ProgressMode, terminal: &Arc<Terminal>) -> Arc<dyn Progress> {
    let live = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    match mode {
        ProgressMode::Auto if live => Arc::new(live::Live::new(terminal.clone())),
        ProgressMode::Auto | ProgressMode::Log => Arc::new(log::Log::new(terminal.clone())),
        ProgressMode::Json => Arc::new(json::Json::new(terminal.clone())),
        ProgressMode::None => Arc::new(Silent),
    }
}
