//! The live line on a terminal: rewritten at most ten times a second, cut to what fits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use millstream_engine::run::report::{EpochReport, Observer, Started, Summary};

use super::Progress;
use super::rate::Rate;
use super::summary;
use super::terminal::{self, Terminal};
use super::ticker::Ticker;
use super::totals::Totals;
use crate::text;

/// Time between two drawings.
const DRAW: Duration = Duration::from_millis(100);
/// How often the terminal is asked for its width.
const MEASURE: Duration = Duration::from_secs(5);

/// Shows a run on a terminal.
pub(super) struct Live {
    terminal: Arc<Terminal>,
    state: Arc<Mutex<State>>,
    ticker: Mutex<Option<Ticker>>,
}

/// What the line says.
struct State {
    totals: Totals,
    /// Of the rows read.
    rate: Rate,
    /// The text last drawn.
    shown: String,
}

impl Live {
    pub(super) fn new(terminal: Arc<Terminal>) -> Self {
        let rate = Rate::new(Instant::now());
        let state = Arc::new(Mutex::new(State { totals: Totals::default(), rate, shown: String::new() }));
        let ticker = Ticker::start(DRAW, {
            let (terminal, state) = (terminal.clone(), state.clone());
            let mut columns = terminal::width();
            let mut measured = Instant::now();
            move || {
                if measured.elapsed() >= MEASURE {
                    columns = terminal::width();
                    measured = Instant::now();
                }
                let mut state = lock(&state);
                if state.totals.epochs == 0 {
                    return;
                }
                let line = state.line(Instant::now(), columns.unwrap_or(100));
                if line != state.shown || !terminal.is_drawn() {
                    terminal.draw(&line);
                    state.shown = line;
                }
            }
        });
        Self { terminal, state, ticker: Mutex::new(Some(ticker)) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// The line at `now`, at most `columns` wide.
    fn line(&mut self, now: Instant, columns: usize) -> String {
        let rate = self.rate.at(now, self.totals.rows_in);
        fit(&parts(&self.totals, rate), columns.saturating_sub(1))
    }
}

/// A part of the line.
struct Part {
    /// How soon a narrow terminal does without it: the highest goes first.
    rank: u8,
    long: String,
    short: String,
}

fn parts(totals: &Totals, rate: u64) -> Vec<Part> {
    let part = |rank, long: String, short: String| Part { rank, long, short };
    let same = |rank, text: String| part(rank, text.clone(), text);
    // Nobody looks for what is not said: once there are late or rejected rows, they stay in sight.
    let counted = |count: u64| if count > 0 { 1 } else { 7 };
    let (rate, last) = (text::short(rate), &totals.last);
    let (late, rejected) = (text::short(totals.late), text::short(totals.rejected));
    let watermark = text::watermark(last.watermark);
    let time = watermark.split_once(' ').filter(|_| watermark.len() > 15).map_or(watermark.as_str(), |(_, time)| time);
    let commit = text::duration(last.commit);
    let mut parts = vec![
        same(0, format!("epoch {}", last.epoch)),
        same(1, format!("in {}", text::short(totals.rows_in))),
        part(1, format!("{rate} rows/s"), format!("{rate}/s")),
        same(2, format!("out {}", text::short(totals.rows_out))),
        part(4, format!("watermark {watermark}"), format!("wm {time}")),
        same(5, format!("state {}", text::short(last.state_rows))),
        same(counted(totals.late), format!("late {late}")),
        part(counted(totals.rejected), format!("rejected {rejected}"), format!("rej {rejected}")),
        part(6, format!("checkpoint {commit}"), format!("ckpt {commit}")),
    ];
    if totals.ahead > 0 {
        parts.push(same(1, format!("ahead {}", text::short(totals.ahead))));
    }
    parts
}

/// As much of `parts` as fits in `columns`, in their order: shortened before any is left out.
fn fit(parts: &[Part], columns: usize) -> String {
    let long: Vec<&str> = parts.iter().map(|part| part.long.as_str()).collect();
    let long = long.join(" · ");
    if long.chars().count() <= columns {
        return long;
    }
    let mut kept = u8::MAX;
    loop {
        let left: Vec<&str> = parts.iter().filter(|part| part.rank <= kept).map(|part| part.short.as_str()).collect();
        let line = left.join(" · ");
        if line.chars().count() <= columns || kept == 0 {
            return line.chars().take(columns).collect();
        }
        // The greatest rank that is left goes.
        kept = parts.iter().map(|part| part.rank).filter(|rank| *rank <= kept).max().unwrap_or(0).saturating_sub(1);
    }
}

impl Observer for Live {
    fn started(&self, started: &Started) {
        for line in summary::started(started) {
            self.terminal.say(&line);
        }
    }

    fn epoch(&self, report: &EpochReport) {
        lock(&self.state).totals.add(report);
    }

    fn message(&self, message: &str) {
        self.terminal.say(message);
    }
}

impl Progress for Live {
    fn finish(&self) {
        // Waits for the thread: nothing is drawn after the line is cleared.
        drop(lock(&self.ticker).take());
        self.terminal.clear();
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

    fn report(epoch: u64) -> EpochReport {
        EpochReport {
            epoch,
            rows_in: 1000,
            rows_out: 10,
            state_rows: 68_469,
            watermark: Some(0),
            commit: Duration::from_millis(4),
            ..EpochReport::default()
        }
    }

    #[test]
    fn the_line_fits_and_keeps_what_matters() {
        let mut totals = Totals::default();
        (0..3).for_each(|epoch| totals.add(&report(epoch)));
        let parts = parts(&totals, 1500);
        let whole = "epoch 2 · in 3.00k · 1.50k rows/s · out 30 · watermark 1970-01-01 00:00:00 · state 68.5k \
                     · late 0 · rejected 0 · checkpoint 4.0 ms";
        assert_eq!(fit(&parts, 200), whole);
        for columns in 0..150 {
            assert!(fit(&parts, columns).chars().count() <= columns);
        }
        let short = "epoch 2 · in 3.00k · 1.50k/s · out 30 · wm 00:00:00 · state 68.5k · late 0 · rej 0 · ckpt 4.0 ms";
        assert_eq!(fit(&parts, 100), short);
        assert_eq!(fit(&parts, 70), "epoch 2 · in 3.00k · 1.50k/s · out 30 · wm 00:00:00 · state 68.5k");
        assert_eq!(fit(&parts, 30), "epoch 2 · in 3.00k · 1.50k/s");
        totals.add(&EpochReport { late: 7, ..report(3) });
        assert!(fit(&super::parts(&totals, 1500), 50).contains("late 7"));
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let mut state = State { totals: Totals::default(), rate: Rate::new(start), shown: String::new() };
        for tick in 1..=100 {
            state.totals.add(&report(tick));
            let line = state.line(start + DRAW * u32::try_from(tick).unwrap(), 200);
            assert!(line.contains(" · 10.0k rows/s · "), "{line}");
        }
        let idle = (101..200).map(|tick: u32| state.line(start + DRAW * tick, 200)).last().unwrap();
        assert!(idle.contains(" · 0 rows/s · "), "{idle}");
    }

    #[test]
    fn a_burst_is_shown_and_cleared() {
        let screen = Shared::default();
        let live = Live::new(Terminal::on(Box::new(Shared::default()), Box::new(screen.clone())));
        (0..50).for_each(|epoch| live.epoch(&report(epoch)));
        let until = Instant::now() + Duration::from_secs(5);
        while !screen.text().contains("epoch 49 · in 50.0k") && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        live.finish();
        let text = screen.text();
        assert!(text.contains("epoch 49 · in 50.0k"), "{text:?}");
        assert!(text.ends_with("\r\x1b[K"), "{text:?}");
        assert!(text.matches("epoch").count() < 50, "not each epoch is drawn");
    }
}
