//! What windows mean, as a slow program that holds everything in lists and shares nothing with the engine.
//!
//! Epoch N judges lateness by W(N−1) and closes state by W(N), where W(N) is the greatest event time of the epochs before
//! N minus the delay; epochs without input follow while the watermark moves. Times are seconds since 1970.

use std::collections::{BTreeMap, BTreeSet};

/// A row of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub url: String,
    pub time: i64,
    pub bytes: i64,
}

/// A window's length, the distance between two windows' starts, how late rows may come.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    pub size: i64,
    pub slide: i64,
    pub delay: i64,
}

/// A group: its rows, the sum of their bytes, and how many different rests these leave.
pub type Group = (i64, i64, i64);

/// What comes out; keys are (start, url).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// In append mode each group once, in update mode each as it last was, in complete mode all.
    pub rows: BTreeMap<(i64, String), Group>,
    /// How often a group came out.
    pub emitted: usize,
    /// Rows late for all their windows.
    pub late: Vec<Event>,
    pub epochs: usize,
}

impl Windows {
    /// Starts of all windows that cover `time`.
    fn of(self, time: i64) -> Vec<i64> {
        let first = time.div_euclid(self.slide) * self.slide;
        (0..).map(|k| first - k * self.slide).take_while(|start| start + self.size > time).collect()
    }

    /// The outcome of these epochs in `mode`: append, update or complete.
    pub fn run(self, mode: &str, epochs: &[Vec<Event>]) -> Outcome {
        let mut out = Outcome::default();
        let mut state: BTreeMap<(i64, String), (i64, i64, BTreeSet<i64>)> = BTreeMap::new();
        let shown = |group: &(i64, i64, BTreeSet<i64>)| (group.0, group.1, group.2.len() as i64);
        let (mut late, mut close, mut greatest) = (i64::MIN, i64::MIN, None::<i64>);
        let mut waiting = epochs.iter();
        loop {
            let rows = waiting.next();
            if rows.is_none() && (close == late || mode == "complete") {
                return out;
            }
            out.epochs += 1;
            let mut touched = BTreeSet::new();
            for event in rows.into_iter().flatten() {
                let open = |start: &i64| mode == "complete" || start + self.size > late;
                let starts: Vec<i64> = self.of(event.time).into_iter().filter(open).collect();
                if starts.is_empty() {
                    out.late.push(event.clone());
                }
                for start in starts {
                    let key = (start, event.url.clone());
                    let group = state.entry(key.clone()).or_default();
                    group.0 += 1;
                    group.1 += event.bytes;
                    group.2.insert(event.bytes % 7);
                    touched.insert(key);
                }
                greatest = greatest.max(Some(event.time));
            }
            if mode == "update" {
                out.emitted += touched.len();
                out.rows.extend(touched.into_iter().map(|key| (key.clone(), shown(&state[&key]))));
            }
            if mode == "complete" {
                out.rows = state.iter().map(|(key, group)| (key.clone(), shown(group))).collect();
                out.emitted = state.len();
            } else {
                let done: Vec<_> = state.keys().filter(|(start, _)| start + self.size <= close).cloned().collect();
                for key in done {
                    let group = state.remove(&key).unwrap();
                    if mode == "append" {
                        out.emitted += 1;
                        assert_eq!(out.rows.insert(key, shown(&group)), None, "a group comes out once");
                    }
                }
            }
            late = close;
            close = close.max(greatest.map_or(i64::MIN, |g| g - self.delay));
        }
    }
}
