//! When a source is out of reach for a while: its errors pass by themselves, and end no run.

use std::collections::BTreeSet;
use std::time::Duration;

use millstream_engine::{Error, Result};

use super::random::Random;

/// When a source is away.
#[derive(Debug)]
pub struct Weather {
    pub random: Random,
    /// Once in so many times when it is looked at or read; none = never.
    pub one_in: Option<u64>,
    /// It can go in the middle of a read too: which chunks of other sources were taken by then, nobody can say.
    pub in_the_middle: bool,
    /// It is away, and nobody knows better yet.
    pub is_away: bool,
    /// What it was asked when it was found to be away.
    pub found: BTreeSet<&'static str>,
}

impl Weather {
    pub fn new(random: Random, in_the_middle: bool) -> Self {
        Self { random, one_in: None, in_the_middle, is_away: false, found: BTreeSet::new() }
    }

    /// In a run of the job of its own.
    pub fn turn(&mut self, one_in: Option<u64>) {
        (self.one_in, self.is_away) = (one_in, false);
        self.found.clear();
    }

    /// An error that passes, now and then.
    pub fn strike(&mut self, asked: &'static str) -> Result<()> {
        if !self.one_in.is_some_and(|n| self.random.one_in(n)) {
            return Ok(());
        }
        self.is_away = true;
        self.found.insert(asked);
        let again_after = Duration::from_millis(self.random.below(3000));
        Err(Error::passing("the files are away (on purpose)", again_after))
    }
}
