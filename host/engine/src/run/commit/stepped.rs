//! Epochs are committed and published on the loop's own thread, in the order of a schedule.

use std::collections::VecDeque;

use super::ComputedEpoch;
use super::steps::{CommittedEpoch, Steps};
use crate::run::environment::Turn;
use crate::{Error, Result};

/// What is under way, and the schedule.
pub(in crate::run) struct Stepped {
    /// None once everything is done: nothing holds the checkpoint any more.
    steps: Option<Steps>,
    schedule: Box<dyn FnMut() -> Turn + Send>,
    computed: VecDeque<ComputedEpoch>,
    committed: Vec<CommittedEpoch>,
    failed: bool,
}

impl Stepped {
    pub fn new(steps: Steps, schedule: Box<dyn FnMut() -> Turn + Send>) -> Self {
        Self { steps: Some(steps), schedule, computed: VecDeque::new(), committed: Vec::new(), failed: false }
    }

    pub fn has_failed(&self) -> bool {
        self.failed
    }

    pub fn commit(&mut self, computed: ComputedEpoch) -> Result<()> {
        // As many wait as where threads do it: one is being committed, one waits.
        while self.computed.len() > 1 {
            self.turn(Turn::Commit)?;
        }
        self.computed.push_back(computed);
        loop {
            match (self.schedule)() {
                Turn::Compute => return Ok(()),
                turn => self.turn(turn)?,
            }
        }
    }

    fn turn(&mut self, turn: Turn) -> Result<()> {
        let Some(steps) = &self.steps else { return Err(Error::internal("an epoch after the last one")) };
        let done = match turn {
            Turn::Compute => Ok(()),
            Turn::Commit => self.computed.pop_front().map_or(Ok(()), |computed| {
                self.committed.push(steps.commit(computed)?);
                Ok(())
            }),
            Turn::Publish if self.committed.is_empty() => Ok(()),
            Turn::Publish => steps.publish(std::mem::take(&mut self.committed)),
        };
        // Nothing follows a failed step, as a thread that has failed does nothing more.
        if done.is_err() {
            self.failed = true;
            self.computed.clear();
            self.committed.clear();
        }
        done
    }

    pub fn settle(&mut self) -> Result<()> {
        while !self.computed.is_empty() {
            self.turn(Turn::Commit)?;
        }
        self.turn(Turn::Publish)
    }

    pub fn finish(&mut self) -> Result<()> {
        if self.steps.is_some() {
            self.settle()?;
        }
        self.steps = None;
        Ok(())
    }
}
