//! Which of a query's states is whose, where it has several: a `UNION ALL` may have its branches in another order than when
//! they were stored.
//!
//! What always holds: a stored state goes on with the operator that does the same with the same rows, wherever in the
//! query that stands now. What has no such operator is taken by the one whose fingerprint fits, if there is no other
//! way to take it; else the job is refused.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::name::Name;
use crate::operator::fingerprint::Fit;
use crate::plan::{Plan, PlannedStateful, QueryBranch};
use crate::record::EpochRecord;
use crate::state::{Partition, State};
use crate::{Error, ErrorKind, Result};

/// Gives the operators of `plan` the names that their states have in `last`.
///
/// # Errors
/// There are several ways to do so.
pub(super) fn find(plan: &mut Plan, last: &EpochRecord, state: &State) -> Result<()> {
    let several = plan.stateful.values().filter(|s| s.branch.number > 0);
    let nodes: BTreeSet<String> = several.map(|s| s.node().to_owned()).collect();
    for node in nodes {
        let operators: Vec<&PlannedStateful> = plan.stateful.values().filter(|s| s.node() == node).collect();
        let stored: Vec<StoredBranch<'_>> =
            last.stateful.iter().filter_map(|noted| StoredBranch::of(noted, &node)).collect();
        // With another number of them none fits, which is said where they are compared.
        if stored.len() == operators.len() {
            let named = SplitQuery { plan, last, state, node: &node, operators, stored }.named()?;
            plan.rename_states(&named);
        }
    }
    Ok(())
}

/// A state as the last record has it.
struct StoredBranch<'a> {
    name: &'a str,
    told: &'a Value,
    /// None where an older version has noted it.
    branch: Option<QueryBranch>,
    /// Its place in the query.
    place: usize,
}

impl<'a> StoredBranch<'a> {
    fn of((name, told): (&'a String, &'a Value), node: &str) -> Option<Self> {
        let rest = name.strip_prefix(node)?;
        let place = if rest.is_empty() { 0 } else { rest.strip_prefix('/')?.parse().ok()? };
        let branch = told.get("branch").and_then(QueryBranch::read);
        Some(Self { name, told, place: branch.as_ref().map_or(place, |b| b.number), branch })
    }
}

/// One query with several states.
struct SplitQuery<'a> {
    plan: &'a Plan,
    last: &'a EpochRecord,
    state: &'a State,
    node: &'a str,
    /// Its operators.
    operators: Vec<&'a PlannedStateful>,
    stored: Vec<StoredBranch<'a>>,
}

impl SplitQuery<'_> {
    /// By the names that the plan has given them, the names of the operators' states.
    fn named(mut self) -> Result<BTreeMap<Name, Name>> {
        let mut named = BTreeMap::new();
        let mut operators = std::mem::take(&mut self.operators);
        operators.sort_by_key(|operator| operator.branch.number);
        self.stored.sort_by_key(|s| s.place);
        let is_same_job = self.last.job == self.plan.job.digest();
        if !is_same_job {
            self.refuse_alike(operators[0])?;
        }
        let mut changed = Vec::new();
        for operator in operators {
            let same = |s: &StoredBranch<'_>| s.branch.as_ref().is_some_and(|b| b.digest == operator.branch.digest);
            match self.stored.iter().position(same) {
                Some(at) => {
                    named.insert(operator.name.clone(), self.stored.remove(at).name.into());
                }
                None => changed.push(operator),
            }
        }
        let pairs = match is_same_job {
            // The job is as it was, and only told in other words.
            true => (0..changed.len()).collect(),
            false => self.only_way(&changed)?,
        };
        let changed = changed.into_iter().zip(pairs);
        named.extend(changed.map(|(operator, at)| (operator.name.clone(), self.stored[at].name.into())));
        Ok(named)
    }

    /// Refuses states of branches that did the very same when the job stopped, and have different rows: one was changed
    /// until it was what the other is, and which one is which cannot be told any more.
    fn refuse_alike(&self, operator: &PlannedStateful) -> Result<()> {
        let digest = |stored: &StoredBranch<'_>| stored.branch.as_ref().map(|branch| branch.digest.clone());
        for (at, first) in self.stored.iter().enumerate().filter(|(_, stored)| stored.branch.is_some()) {
            let mut alike = self.stored[at + 1..].iter().filter(|other| digest(other) == digest(first));
            if alike.any(|other| !self.hold_the_same(operator, first.name, other.name)) {
                let message = format!(
                    "the checkpoint's state of `{}` does not fit any more: two branches of its query did the same when the job stopped, hold different rows, and the job was changed: which state is whose cannot be told",
                    self.node
                );
                let help = "undo the change; or give the operator another name (its state then begins anew), or start over with --fresh";
                return Err(Error::new(ErrorKind::Conflict, message).with_help(help));
            }
        }
        Ok(())
    }

    fn hold_the_same(&self, operator: &PlannedStateful, a: &str, b: &str) -> bool {
        let mut tables = operator.tables.iter().filter_map(|table| table.strip_prefix(&*operator.name));
        tables.all(|of| {
            let [a, b] = [a, b].map(|name| self.state.table(&format!("{name}{of}")));
            match (a, b) {
                (Some(a), Some(b)) => a.holds_what(b),
                (a, b) => a.or(b).is_none_or(|table| table.partitions().iter().all(Partition::is_empty)),
            }
        })
    }

    /// Which of the stored states left over is whose of `changed`.
    fn only_way(&self, changed: &[&PlannedStateful]) -> Result<Vec<usize>> {
        let could: Vec<Vec<usize>> = changed
            .iter()
            .map(|operator| (0..self.stored.len()).filter(|at| self.fits(operator, &self.stored[*at])).collect())
            .collect();
        let mut ways = Ways { could: &could, taken: Vec::new(), found: Vec::new(), left: 10_000 };
        ways.look();
        match ways.found.as_slice() {
            // None fits, whatever is taken for it: what was changed is said where they are compared.
            [] if ways.left > 0 => Ok((0..changed.len()).collect()),
            [only] => Ok(only.clone()),
            _ => Err(self.refuse()),
        }
    }

    fn fits(&self, operator: &PlannedStateful, stored: &StoredBranch<'_>) -> bool {
        match stored.told.as_str() {
            Some(text) => operator.operator.former_fingerprint().text == text,
            None => !matches!(self.plan.fingerprint(operator).fits(stored.told), Fit::No(_)),
        }
    }

    fn refuse(&self) -> Error {
        let was_noted = self.stored.iter().all(|s| s.branch.is_some());
        let (why, help) = match was_noted {
            true => (
                "its query keeps several states, of branches that differ in their rows only, and more than one of these was changed: which state is whose cannot be told",
                "change one branch at a time, and let the job commit an epoch after each",
            ),
            false => (
                "its query keeps several states, an older version of Millstream has not noted which one is of which branch, and the job was changed",
                "undo all changes of the job until this version has committed an epoch",
            ),
        };
        let message = format!("the checkpoint's state of `{}` does not fit any more: {why}", self.node);
        let help = format!(
            "{help}; or give the operator another name (its state then begins anew), or start over with --fresh"
        );
        Error::new(ErrorKind::Conflict, message).with_help(help)
    }
}

/// The ways to give each one of several a state of its own; two are enough to know that there is not only one.
struct Ways<'a> {
    /// Per operator, the states that fit.
    could: &'a [Vec<usize>],
    taken: Vec<usize>,
    found: Vec<Vec<usize>>,
    /// How many more steps are worth while.
    left: usize,
}

impl Ways<'_> {
    fn look(&mut self) {
        let Some(could) = self.could.get(self.taken.len()) else {
            return self.found.push(self.taken.clone());
        };
        for at in could {
            if self.found.len() > 1 || self.left == 0 {
                return;
            }
            self.left -= 1;
            if !self.taken.contains(at) {
                self.taken.push(*at);
                self.look();
                self.taken.pop();
            }
        }
    }
}
