//! What a trial came to.

use super::Trial;
use super::way::{Unit, Way};
use crate::inspect::PluginKind;

/// What the trial of one operator came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// The operator's name.
    pub operator: String,
    /// What it is.
    pub kind: PluginKind,
    /// How many rows it was tried with.
    pub rows: usize,
    /// The seed of the trial.
    pub seed: u64,
    /// Whether it says of itself that it is deterministic.
    pub says_so: bool,
    /// How many rows it refused with a reason, or with an error of its own: dead letters, as it is meant to be.
    pub refused: usize,
    /// What it failed with in the plain way: panics, limits, bad data.
    pub failures: Vec<Failure>,
    /// The comparisons, in the order in which they were made.
    pub comparisons: Vec<Comparison>,
}

/// Something with which the operator is stopped or breaks the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which row, group or key, with its values.
    pub subject: String,
    /// What happened, in one line.
    pub message: String,
    /// Whether nothing more could be tried after it.
    pub ends_the_trial: bool,
}

/// One way of calling, compared with the plain one.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Which way.
    pub way: Way,
    /// How often it was gone, each time with other cuts where there are some.
    pub times: usize,
    /// How many rows, groups or keys were compared each time.
    pub compared: usize,
    /// What they are.
    pub unit: Unit,
    /// What came of it.
    pub outcome: Outcome,
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All bytes are the same.
    Same,
    /// Floats differ by rounding, where other cuts may round otherwise; one of them. A replay has the same cuts.
    Rounding(Difference),
    /// There are others.
    Differs {
        /// Of how many rows, groups or keys, in the first time that showed any.
        count: usize,
        /// The first of them.
        first: Difference,
    },
}

/// Two results where there should be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Of which row, group or key, with its values.
    pub subject: String,
    /// What of it: a column, a state, a reason.
    pub what: String,
    /// As it is in the plain way: all at once, on a fresh instance.
    pub plain: String,
    /// As it is in the other way.
    pub other: String,
}

/// What is to be said of an operator after a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No difference was found.
    Deterministic,
    /// It fails with some rows, each time in the same way.
    Fails,
    /// Differences were found.
    NotDeterministic,
}

impl Report {
    pub(super) fn new(operator: &str, kind: PluginKind, trial: &Trial<'_>, says_so: bool) -> Self {
        Self {
            operator: operator.to_owned(),
            kind,
            rows: trial.rows.num_rows(),
            seed: trial.seed,
            says_so,
            refused: 0,
            failures: Vec::new(),
            comparisons: Vec::new(),
        }
    }

    /// What all comparisons together come to.
    pub fn verdict(&self) -> Verdict {
        match self.comparisons.iter().any(Comparison::is_different) {
            true => Verdict::NotDeterministic,
            false if !self.failures.is_empty() => Verdict::Fails,
            false => Verdict::Deterministic,
        }
    }

    /// Whether floats were found to round otherwise with other cuts.
    pub fn rounds(&self) -> bool {
        self.comparisons.iter().any(|one| matches!(one.outcome, Outcome::Rounding(_)))
    }
}

impl Comparison {
    /// Whether it shows that the operator is not deterministic.
    pub fn is_different(&self) -> bool {
        matches!(self.outcome, Outcome::Differs { .. })
    }
}
