//! Ctrl-C and SIGTERM: the first asks the run to end with its epoch, the second ends the process.

use std::sync::Arc;

use millstream_engine::run::Control;
use millstream_engine::{Error, Result};

use crate::progress::Progress;
use crate::progress::terminal::Terminal;

/// What a shell gives for a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Ends the process at the first signal: for what leaves nothing behind.
pub(crate) fn at_once() -> Result<()> {
    ctrlc::set_handler(|| std::process::exit(INTERRUPTED))
        .map_err(|error| Error::internal("cannot take over Ctrl-C").caused_by(error))
}

/// Takes the signals over: the first of them tells `control` to stop. `left` is called before the process is ended at once.
pub(crate) fn on_signals(
    control: &Control,
    terminal: Arc<Terminal>,
    progress: Arc<dyn Progress>,
    left: impl Fn() + Send + 'static,
) -> Result<()> {
    let asked = control.clone();
    let mut interrupts = 0;
    ctrlc::set_handler(move || {
        interrupts += 1;
        // Who was told to stop otherwise, and is interrupted once, is not ended at once.
        if asked.stop() || interrupts == 1 {
            // Saying so may take as long as a reader of our output does; the next signal must not wait for that.
            let progress = progress.clone();
            std::thread::spawn(move || progress.message("stopping after this epoch (Ctrl-C again to stop at once)"));
        } else {
            terminal.clear_if_free();
            left();
            std::process::exit(INTERRUPTED);
        }
    })
    .map_err(|error| Error::internal("cannot take over Ctrl-C").caused_by(error))
}
