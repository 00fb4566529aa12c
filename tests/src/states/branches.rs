//! A query with several states, whose branches change their order or are changed.

use std::collections::BTreeMap;

use millstream_engine::run::check;
use rayon::prelude::*;
use serde_json::Value;

use super::{refused, run_with, sql};
use crate::scratch::Scratch;
use crate::simulation::Random;
use crate::support::{Ran, runtime};

/// Counts of windows of 10 000 seconds, of the rows of each condition.
fn counts(conditions: &[&str]) -> String {
    let branch = |condition: &&str| {
        format!(
            "SELECT window.start AS s, k, count(*) AS n, sum(v) AS v FROM rows WHERE {condition} GROUP BY window(ts, '10000 seconds'), k"
        )
    };
    sql("x", &conditions.iter().map(branch).collect::<Vec<_>>().join(" UNION ALL "), "")
}

fn counted(ran: &Ran) -> Vec<(String, i64, i64)> {
    let number = |row: &Value, column: &str| row[column].as_i64().unwrap();
    let rows = ran.rows("x");
    let mut all: Vec<_> =
        rows.iter().map(|r| (r["k"].as_str().unwrap().to_owned(), number(r, "n"), number(r, "v"))).collect();
    all.sort();
    all
}

/// Files 0 and 1, with another text of the query for each, and file 100, which closes the window; what came out.
fn over(first: &str, second: &str) -> Vec<(String, i64, i64)> {
    let scratch = Scratch::new();
    run_with(&scratch, 0, first);
    run_with(&scratch, 1, second);
    // Once more: what is renamed in the first run stays so.
    run_with(&scratch, 2, second);
    counted(&run_with(&scratch, 200, second).0)
}

#[test]
fn branches_that_differ_in_their_where_only_keep_their_states_in_any_order() {
    let (a, b, c) = ("k = 'a'", "k = 'b'", "k = 'a' AND v > 10");
    let want = over(&counts(&[a, b, c]), &counts(&[a, b, c]));
    assert_eq!(want.len(), 3, "{want:?}");
    for order in [[a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
        assert_eq!(over(&counts(&[a, b, c]), &counts(&order)), want, "{order:?}");
    }
    // One of them changed as well: it goes on with what is left.
    let want = over(&counts(&[a, b]), &counts(&["k <> 'b'", b]));
    assert_eq!(over(&counts(&[a, b]), &counts(&[b, "k <> 'b'"])), want);
}

#[test]
fn duplicates_of_two_branches_are_those_of_their_own_rows() {
    let query = |conditions: [&str; 2]| {
        let branch = conditions.map(|c| format!("SELECT DISTINCT k, ts FROM rows WHERE {c}"));
        sql("x", &branch.join(" UNION ALL "), "")
    };
    let scratch = Scratch::new();
    run_with(&scratch, 0, &query(["k = 'a'", "j = 'y'"]));
    // The same file again: all of its rows are known to both.
    let again = std::fs::read(scratch.path().join("in/0.json")).unwrap();
    scratch.write("in/1.json", again);
    let (ran, _) = super::run(&scratch, &query(["j = 'y'", "k = 'a'"]));
    assert_eq!(ran.unwrap().rows("x"), Vec::<Value>::new());
}

#[test]
fn branches_that_cannot_be_told_apart_are_refused() {
    let scratch = Scratch::new();
    run_with(&scratch, 0, &counts(&["k = 'a'", "k = 'b'"]));
    let changed = counts(&["k = 'a' AND v > 1", "k = 'b' AND v > 1"]);
    super::write(&scratch, 1);
    let error = refused(&scratch, &changed, "x", "which state is whose cannot be told");
    assert!(error.help().is_some_and(|h| h.contains("one branch at a time")), "{error:?}");
    // One after the other.
    run_with(&scratch, 2, &counts(&["k = 'a' AND v > 1", "k = 'b'"]));
    run_with(&scratch, 3, &changed);
    // What differs in its keys is told by these.
    let mixed = |more: &str| {
        let branch = |key: &str| {
            format!(
                "SELECT {key} AS k, count(*) AS n FROM rows WHERE v > {more} GROUP BY window(ts, '10000 seconds'), {key}"
            )
        };
        sql("y", &format!("{} UNION ALL {}", branch("k"), branch("j")), "")
    };
    run_with(&scratch, 4, &mixed("1"));
    run_with(&scratch, 5, &mixed("2"));
}

#[test]
fn branches_that_were_changed_until_they_were_alike_are_told_apart_no_more() {
    let scratch = Scratch::new();
    run_with(&scratch, 0, &counts(&["k = 'a'", "k = 'b'"]));
    // Each holds other rows, and does what the other does from now on.
    let alike = counts(&["k = 'a'", "k = 'a'"]);
    run_with(&scratch, 1, &alike);
    super::write(&scratch, 2);
    let error = refused(&scratch, &counts(&["k = 'a'", "k = 'b'"]), "x", "did the same when the job stopped");
    assert!(error.help().is_some_and(|h| h.contains("another name")), "{error:?}");
    // As it was, it goes on.
    let (ran, _) = run_with(&scratch, 200, &alike);
    assert_eq!(counted(&ran).len(), 3, "{:?}", counted(&ran));

    // Alike from the beginning, and so interchangeable.
    let scratch = Scratch::new();
    run_with(&scratch, 0, &alike);
    run_with(&scratch, 1, &counts(&["k = 'b'", "k = 'a'"]));
}

#[test]
fn what_an_older_version_has_noted_without_its_branch_goes_on_as_long_as_the_job_is_the_same() {
    let scratch = Scratch::new();
    let job = counts(&["k = 'a'", "k = 'b'"]);
    run_with(&scratch, 0, &job);
    let plan = check(scratch.job(&super::job(&job)).unwrap(), Some(&runtime())).unwrap();
    let noted = plan.stateful.iter().map(|(name, stateful)| {
        let mut told = plan.fingerprint(stateful).told();
        told.as_object_mut().unwrap().remove("branch").expect("it is told");
        (name.to_string(), told)
    });
    super::older::note(&scratch, noted.collect());
    super::write(&scratch, 1);
    refused(&scratch, &counts(&["k = 'b'", "k = 'a'"]), "x", "an older version");
    let (ran, _) = run_with(&scratch, 200, &job);
    assert_eq!(counted(&ran), [("a".to_owned(), 4, 26), ("b".to_owned(), 2, 16)]);
}

/// A condition and, for the model, what it holds for: `k`, `j` and `v` of a row.
type Condition = (&'static str, fn(&str, &str, i64) -> bool);

const CONDITIONS: [Condition; 5] = [
    ("k = 'a'", |k, _, _| k == "a"),
    ("k = 'b'", |k, _, _| k == "b"),
    ("j = 'y'", |_, j, _| j == "y"),
    ("v > 25", |_, _, v| v > 25),
    ("v % 2 = 0", |_, _, v| v % 2 == 0),
];

/// A state of the model: the condition that it is of, and the rows and sum of each group.
type BranchState = (usize, BTreeMap<&'static str, (i64, i64)>);

/// Puts branches in another order, changes some, restarts, and brings input; what comes out at the end tells whose rows
/// each state has. The jobs that were taken, and those that were refused.
fn walk(seed: u64) -> (usize, usize) {
    let mut random = Random::new(seed);
    let shuffled = |random: &mut Random, mut all: Vec<usize>| {
        (1..all.len()).rev().for_each(|n| all.swap(n, random.below(n as u64 + 1) as usize));
        all
    };
    let text = |of: &[usize]| counts(&of.iter().map(|c| CONDITIONS[*c].0).collect::<Vec<_>>());
    let scratch = Scratch::new();
    let mut branches = shuffled(&mut random, (0..CONDITIONS.len()).collect());
    branches.truncate(3);
    let mut kept: Vec<BranchState> = branches.iter().map(|c| (*c, BTreeMap::new())).collect();
    let (mut taken, mut refusals, mut unread) = (0, 0, Vec::new());
    for n in 0..8 {
        let mut edited = shuffled(&mut random, branches.clone());
        for _ in 0..if n == 0 { 0 } else { random.below(3) } {
            let free: Vec<usize> = (0..CONDITIONS.len()).filter(|c| !edited.contains(c)).collect();
            let at = random.below(3) as usize;
            edited[at] = *random.pick(&free);
        }
        super::write(&scratch, n);
        unread.extend([("a", "x"), ("a", "y"), ("b", "y")].into_iter().zip(n * 10 + 1..));
        let left: Vec<usize> = edited.iter().copied().filter(|c| !branches.contains(c)).collect();
        if n > 0 && left.len() > 1 {
            refused(&scratch, &text(&edited), "x", "which state is whose");
            refusals += 1;
            continue;
        }
        let (ran, _) = super::run(&scratch, &text(&edited));
        ran.unwrap_or_else(|e| panic!("seed {seed}, {branches:?} to {edited:?}: {e:?}"));
        taken += 1;
        if let Some(changed) = kept.iter_mut().find(|(of, _)| !edited.contains(of)) {
            changed.0 = left[0];
        }
        branches = edited;
        for (of, groups) in &mut kept {
            for ((k, _), v) in unread.iter().filter(|((k, j), v)| CONDITIONS[*of].1(k, j, *v)) {
                let group = groups.entry(*k).or_default();
                *group = (group.0 + 1, group.1 + v);
            }
        }
        unread.clear();
    }
    // The rows that close the window are behind it; those that were refused until now are not.
    for (of, groups) in &mut kept {
        for ((k, _), v) in unread.iter().filter(|((k, j), v)| CONDITIONS[*of].1(k, j, *v)) {
            let group = groups.entry(*k).or_default();
            *group = (group.0 + 1, group.1 + v);
        }
    }
    let rows = kept.iter().flat_map(|(_, groups)| groups.iter().map(|(k, (n, v))| ((*k).to_owned(), *n, *v)));
    let mut want: Vec<(String, i64, i64)> = rows.collect();
    want.sort();
    let (ran, _) = run_with(&scratch, 200, &text(&branches));
    assert_eq!(counted(&ran), want, "seed {seed}");
    (taken, refusals)
}

#[test]
fn in_any_order_with_any_edits_each_branch_goes_on_with_its_own_rows() {
    let all = (0..12u64).into_par_iter().map(walk).reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    assert!(all.0 > 40 && all.1 > 4, "the walks do not try what they should: {all:?}");
}
