//! Log lines: one an epoch, or where epochs are short one a second that sums up its epochs. No count is lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use millstream_engine::run::report::{EpochReport, Observer, Started, Summary};

use super::Progress;
use super::summary;
use super::terminal::Terminal;
use super::ticker::Ticker;
use super::totals::Totals;
use crate::text;

/// Least time between two lines.
const LINE: Duration = Duration::from_secs(1);

/// Shows a run as log lines.
pub(super) struct Log {
    terminal: Arc<Terminal>,
    state: Arc<Mutex<State>>,
    ticker: Mutex<Option<Ticker>>,
}

/// What is not yet told.
#[derive(Default)]
struct State {
    pending: Totals,
    told: Option<Instant>,
}

impl State {
    /// The line to tell at `now`, if there is anything and it is time, or if it `must` be told.
    fn take(&mut self, now: Instant, must: bool) -> Option<String> {
        let due = must || self.told.is_none_or(|told| now.duration_since(told) >= LINE);
        if self.pending.epochs == 0 || !due {
            return None;
        }
        self.told = Some(now);
        Some(line(&std::mem::take(&mut self.pending)))
    }
}

fn line(totals: &Totals) -> String {
    let time = text::instant(totals.last.started.div_euclid(1000) * 1000).unwrap_or_default();
    let epochs = match totals.epochs {
        1 => format!("epoch {}", totals.first),
        _ => format!("epochs {}-{}", totals.first, totals.last.epoch),
    };
    let ahead = if totals.ahead > 0 { format!(" ahead {}", text::count(totals.ahead)) } else { String::new() };
    format!(
        "{time} {epochs}: in {} ({}) out {} late {}{ahead} rejected {} state {} ({}) watermark {} epoch {} checkpoint {}",
        text::count(totals.rows_in),
        text::bytes(totals.bytes_in),
        text::count(totals.rows_out),
        text::count(totals.late),
        text::count(totals.rejected),
        text::count(totals.last.state_rows),
        text::bytes(totals.last.state_bytes),
        text::watermark(totals.last.watermark),
        text::duration(totals.longest),
        text::duration(totals.longest_commit),
    )
}

impl Log {
    pub(super) fn new(terminal: Arc<Terminal>) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let ticker = Ticker::start(LINE / 4, {
            let (terminal, state) = (terminal.clone(), state.clone());
            move || tell(&terminal, &state, false)
        });
        Self { terminal, state, ticker: Mutex::new(Some(ticker)) }
    }
}

/// Tells what is due. The line is printed under the lock, so that lines keep their order.
fn tell(terminal: &Terminal, state: &Mutex<State>, must: bool) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(line) = state.take(Instant::now(), must) {
        terminal.say(&line);
    }
}

impl Observer for Log {
    fn started(&self, started: &Started) {
        for line in summary::started(started) {
            self.terminal.say(&line);
        }
    }

    fn epoch(&self, report: &EpochReport) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pending.add(report);
        tell(&self.terminal, &self.state, false);
    }

    fn message(&self, message: &str) {
        self.terminal.say(message);
    }
}

impl Progress for Log {
    fn finish(&self) {
        drop(self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take());
        tell(&self.terminal, &self.state, true);
    }

    fn summary(&self, job: &str, summary: &Summary) {
        for line in summary::ended(job, summary) {
            self.terminal.say(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::terminal::tests::Shared;
    use super::*;

    #[test]
    fn short_epochs_share_a_line_and_no_count_is_lost() {
        let start = Instant::now();
        let mut state = State::default();
        let mut lines = Vec::new();
        for epoch in 0..25 {
            let report = EpochReport { epoch, rows_in: 100, late: 1, ..EpochReport::default() };
            state.pending.add(&report);
            let now = start + Duration::from_millis(100) * u32::try_from(epoch).unwrap();
            lines.extend(state.take(now, false));
        }
        lines.extend(state.take(start, true));
        let starts = ["epoch 0: in 100 ", "epochs 1-10: in 1,000 ", "epochs 11-20: in 1,000 ", "epochs 21-24: in 400 "];
        assert_eq!(lines.len(), starts.len(), "{lines:#?}");
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.contains(start), "{line}");
        }
        assert!(lines[1].contains("late 10 "), "{}", lines[1]);
    }

    #[test]
    fn what_is_pending_is_told_without_another_epoch() {
        let screen = Shared::default();
        let log = Log::new(Terminal::on(Box::new(Shared::default()), Box::new(screen.clone())));
        log.epoch(&EpochReport { epoch: 0, rows_in: 1, ..EpochReport::default() });
        log.epoch(&EpochReport { epoch: 1, rows_in: 2, ..EpochReport::default() });
        assert_eq!(screen.text().lines().count(), 1);
        log.finish();
        assert!(screen.text().contains("epoch 1: in 2 "), "{}", screen.text());
    }
}
