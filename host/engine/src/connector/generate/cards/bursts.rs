//! Which payments are of a burst: many with one card in a minute.
//!
//! Whether a row is of one must be known from its number alone, though the others of the burst lie among thousands of rows
//! of other cards. So rows are dealt out to lanes, in turn: as many as there have to be for a lane's share of a minute to be
//! no longer than a period. Each period of a lane has one burst, whose payments lie evenly within a minute, one row of
//! each stretch that is as long as the others. Bursts of different lanes overlap.

use crate::connector::generate::draws::{Draws, Randoms};

/// Rows of a lane from one burst to the next.
const PERIOD: u64 = 4000;

/// Payments of a burst.
const LEAST: u64 = 8;
const MOST: u64 = 20;

/// Seconds of event time within which they lie, if there are rows enough.
const SECONDS: f64 = 60.0;

/// The bursts among all rows.
#[derive(Debug)]
pub(super) struct Bursts {
    lanes: u64,
    /// Rows of a lane in which a burst lies.
    span: u64,
    phases: Randoms,
    bursts: Randoms,
    rows: Randoms,
}

impl Bursts {
    /// Those that `seed` gives among so many rows a second of event time.
    pub fn new(seed: u64, events_per_second: f64) -> Self {
        let rows = (events_per_second * SECONDS) as u64;
        let lanes = rows.div_ceil(PERIOD).max(1);
        Self {
            lanes,
            span: (rows / lanes).clamp(2 * MOST, PERIOD),
            phases: Randoms::new(seed, b"c.phase "),
            bursts: Randoms::new(seed, b"c.burst "),
            rows: Randoms::new(seed, b"c.rows  "),
        }
    }

    /// Random numbers that all rows of a burst have in common, if `row` is of one.
    pub fn of(&self, row: u64) -> Option<Draws> {
        let (place, lane) = (row / self.lanes, row % self.lanes);
        // Periods of different lanes do not begin together.
        let place = place.saturating_add(self.phases.of(lane).below(PERIOD));
        let burst = (place / PERIOD).wrapping_mul(self.lanes).wrapping_add(lane);
        let mut draws = self.bursts.of(burst);
        let payments = LEAST + draws.below(MOST - LEAST + 1);
        let begin = draws.below(PERIOD - self.span + 1);
        let stretch = self.span / payments;
        let within = (place % PERIOD).checked_sub(begin)?;
        let (nth, within) = (within / stretch, within % stretch);
        if nth >= payments {
            return None;
        }
        let chosen = self.rows.of(burst.wrapping_mul(MOST).wrapping_add(nth)).below(stretch);
        (within == chosen).then_some(draws)
    }
}
