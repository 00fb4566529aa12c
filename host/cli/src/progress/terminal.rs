//! The terminal that the live line, messages and the tables of console sinks share.
//!
//! What always holds: a table or a message never stands on the live line's line. Whoever prints goes through one lock,
//! clears the live line first, and leaves it to the next tick to draw it again below.

use std::fs::File;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

/// Clears the line the cursor is on.
const CLEAR: &str = "\r\x1b[K";
/// Lines are cut at the terminal's edge instead of wrapped, also when it was just made narrower.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// Bytes that a console sink may hold back before they are shown.
const HELD: usize = 1 << 16;

/// Standard output and standard error, with a live line on the latter.
pub(crate) struct Terminal(Mutex<Screen>);

struct Screen {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    /// Whether the live line is drawn.
    drawn: bool,
}

impl Terminal {
    /// The process's own.
    pub(crate) fn new() -> Arc<Self> {
        Self::on(Box::new(io::stdout()), Box::new(io::stderr()))
    }

    /// Two writers in their place.
    pub(crate) fn on(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Screen { out, err, drawn: false })))
    }

    /// Draws the live line.
    pub(super) fn draw(&self, line: &str) {
        let mut screen = self.screen();
        screen.tell(&format!("{CLEAR}{NO_WRAP}{line}{WRAP}"));
        screen.drawn = true;
    }

    /// Whether the live line is drawn: somebody may have cleared it.
    pub(super) fn is_drawn(&self) -> bool {
        self.screen().drawn
    }

    /// Removes the live line.
    pub(crate) fn clear(&self) {
        self.screen().clear();
    }

    /// Removes the live line, unless somebody is printing.
    pub(crate) fn clear_if_free(&self) {
        if let Ok(mut screen) = self.0.try_lock() {
            screen.clear();
        }
    }

    /// A line on standard error.
    pub(crate) fn say(&self, line: &str) {
        let mut screen = self.screen();
        screen.clear();
        screen.tell(&format!("{line}\n"));
    }

    /// Bytes on standard output.
    pub(crate) fn print(&self, bytes: &[u8]) -> io::Result<()> {
        let mut screen = self.screen();
        screen.clear();
        screen.out.write_all(bytes)?;
        screen.out.flush()
    }

    fn screen(&self) -> MutexGuard<'_, Screen> {
        // A panic while it was held leaves at worst a line half drawn.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Screen {
    fn clear(&mut self) {
        if self.drawn {
            self.tell(CLEAR);
            self.drawn = false;
        }
    }

    /// Progress that cannot be written is no reason to stop a job.
    fn tell(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
    }
}

/// Where console sinks write: held back until flushed, so that a table appears in one piece.
pub(crate) struct Console {
    terminal: Arc<Terminal>,
    held: Vec<u8>,
}

impl Console {
    pub(crate) fn new(terminal: Arc<Terminal>) -> Self {
        Self { terminal, held: Vec::new() }
    }
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= HELD {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        self.terminal.print(&held)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // An error was for whoever flushed; here nobody is left to be told.
        let _ = self.flush();
    }
}

/// Draws `lines` in the place of the last `drawn` lines of a terminal.
pub(crate) fn over(drawn: usize, lines: &[String]) -> String {
    let up = if drawn > 0 { format!("\x1b[{drawn}A") } else { String::new() };
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("{NO_WRAP}{up}\r\x1b[J{text}{WRAP}")
}

/// Columns of the terminal, if there is one.
pub(crate) fn width() -> Option<usize> {
    size(1).filter(|columns| *columns >= 20)
}

/// Lines of the terminal, if there is one.
pub(crate) fn height() -> Option<usize> {
    size(0).filter(|lines| *lines > 0)
}

/// Lines and columns, asked of `stty`: the standard library has no call for it.
fn size(which: usize) -> Option<usize> {
    let terminal = File::open("/dev/tty").ok()?;
    let size = Command::new("stty").arg("size").stdin(terminal).stderr(Stdio::null()).output().ok()?;
    let size = String::from_utf8(size.stdout).ok()?;
    size.split_whitespace().nth(which)?.parse().ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A writer whose content can be looked at.
    #[derive(Clone, Default)]
    pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn tables_and_messages_never_share_the_live_line() {
        // Both streams are the same terminal.
        let screen = Shared::default();
        let terminal = Terminal::on(Box::new(screen.clone()), Box::new(screen.clone()));
        let mut console = Console::new(terminal.clone());
        terminal.draw("epoch 1");
        writeln!(console, "| a |").unwrap();
        writeln!(console, "| 1 |").unwrap();
        assert!(terminal.is_drawn(), "nothing is printed before the table is whole");
        console.flush().unwrap();
        assert!(!terminal.is_drawn());
        terminal.say("a message");
        terminal.draw("epoch 2");
        terminal.clear();
        let line = |text: &str| format!("{CLEAR}{NO_WRAP}{text}{WRAP}");
        let expected = format!("{}{CLEAR}| a |\n| 1 |\na message\n{}{CLEAR}", line("epoch 1"), line("epoch 2"));
        assert_eq!(screen.text(), expected);
    }
}
