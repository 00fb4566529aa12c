//! States are brought over in batches, over several epochs, while the version before goes on with them.

use millstream_engine::run::{Environment, RunOptions};
use serde_json::json;

use super::live::{GUEST, Live, jobs, sorted, with_versions};
use super::{COMPLETE, job, row, sql};
use crate::scratch::Scratch;
use crate::simulation::Random;

/// Files of rows with some of fifty keys, whose times go on, so that windows and sessions close and others begin. A keyed
/// operator does what its rows say: most are counted, and some take their key away.
fn write(scratch: &Scratch, files: std::ops::Range<i64>) {
    for n in files {
        let mut random = Random::new(n as u64);
        let rows = (0..if n < 5 { 60 } else { 2 }).map(|i| {
            let value = *random.pick(&[23, 46, 69, 23, 46, 26]);
            row(&format!("key {}", random.below(50)), "x", value, 100 * n + i)
        });
        scratch.write(&format!("in/{n:02}.json"), rows.collect::<String>());
    }
}

fn with_keys(guest: &'static str, files: i64) -> Scratch {
    let scratch = with_versions(guest, 0);
    write(&scratch, 0..files);
    scratch
}

/// So many keys in a batch.
fn in_batches(brought_over: usize) -> RunOptions {
    RunOptions { environment: Environment { brought_over, ..Environment::default() }, ..RunOptions::default() }
}

#[test]
fn the_version_before_goes_on_until_all_is_brought_over_and_nothing_differs() {
    for (what, guest, text) in jobs() {
        let undisturbed = with_keys(guest, 40).run(&text).unwrap();
        for at_once in [4, 12, 30] {
            let scratch = with_keys(guest, 40);
            let mut live = Live::try_open(&scratch, &text, in_batches(at_once)).unwrap();
            live.epochs(5);
            let swapping = live.swap(&scratch, "second.wasm", &json!({}));
            let (ran, told) = live.end();
            let epoch = swapping.wait().unwrap_or_else(|e| panic!("{what}, {at_once} at once: {e}")).epoch;
            let long = told.iter().any(|m| m.contains("states are being brought over; the version before"));
            // A few of some jobs fit into one batch.
            let may_be_short = what == "windows" || at_once == 30;
            assert!((epoch > 5 && long) || may_be_short, "{what}, {at_once} at once: with epoch {epoch}, {told:?}");
            assert!(told.iter().any(|m| m.contains("its states of version 1 of plugin `p` were brought over")));
            assert_eq!(sorted(&ran), sorted(&undisturbed), "{what}, {at_once} at once, swapped with epoch {epoch}");
            // Nothing is left over for the next run.
            let (_, told) = Live::open(&scratch, &text).end();
            assert!(!told.iter().any(|m| m.contains("brought over") || m.contains("dropped")), "{told:?}");
        }
    }
}

#[test]
fn a_job_that_ends_meanwhile_goes_on_as_it_was_and_can_be_swapped_again() {
    for (what, guest, text) in jobs() {
        // Timers that would fire when the first run ends, before further rows, do not.
        let text = text.replace("gap = 150000000", "gap = 15000000000");
        let undisturbed = with_keys(guest, 30).run(&text).unwrap();
        let scratch = with_keys(guest, 9);
        let mut live = Live::try_open(&scratch, &text, in_batches(2)).unwrap();
        live.epochs(5);
        let swapping = live.swap(&scratch, "second.wasm", &json!({}));
        let (ran, _) = live.end();
        assert!(swapping.wait().unwrap_err().message().contains("the job ended before"), "{what}");
        let mut rows = sorted(&ran);
        write(&scratch, 9..30);
        let live = Live::try_open(&scratch, &text, in_batches(12)).unwrap();
        let swapping = live.swap(&scratch, "second.wasm", &json!({}));
        let (ran, told) = live.end();
        let left = "the states of `x` were being brought over for a swap when the job ended; it goes on as it was";
        // Of windows that have closed since, nothing is left.
        assert!(told.iter().any(|m| m == left) || what == "windows", "{what}: {told:?}");
        swapping.wait().unwrap();
        if text.contains(COMPLETE) {
            rows = sorted(&ran);
        } else if what == "a node" {
            // A row replaces what there was of its key.
            let later = sorted(&ran);
            rows.retain(|row| later.iter().all(|later| later["k"] != row["k"]));
            rows.extend(later);
            rows.sort_by_key(ToString::to_string);
        } else {
            rows.extend(sorted(&ran));
            rows.sort_by_key(ToString::to_string);
        }
        let want = sorted(&undisturbed);
        let missing: Vec<_> = want.iter().filter(|row| !rows.contains(row)).collect();
        assert!(missing.is_empty(), "{what}: {missing:?} of {} rows", want.len());
        assert_eq!(rows.len(), want.len(), "{what}");
    }
}

#[test]
fn where_memory_is_bounded_both_versions_must_have_room_or_the_job_goes_on_as_it_was() {
    let scratch = with_versions(GUEST, 0);
    let rows = |n: i64| (0..4000).map(|i| row(&format!("key {n} {i}"), "x", i, n)).collect::<String>();
    (0..3).for_each(|n| drop(scratch.write(&format!("in/{n}.json"), rows(n))));
    (3..9).for_each(|n| drop(scratch.write(&format!("in/{n}.json"), row("few", "x", 1, n))));
    let operators = sql("x", "SELECT k, p(v) AS sum FROM rows GROUP BY k", COMPLETE);
    let text = |mib: usize| {
        format!("max_state_memory = \"{mib} MiB\"\n{}", job(&format!("[plugin.p]\npath = \"first.wasm\"\n{operators}")))
    };
    let takes = (1..64).find(|mib| {
        let taken = scratch.run(&text(*mib)).is_ok();
        std::fs::remove_dir_all(scratch.path().join("state")).unwrap();
        taken
    });
    let takes = takes.unwrap();
    let mut live = Live::try_open(&scratch, &text(takes), in_batches(4000)).unwrap();
    live.epochs(4);
    let swapping = live.swap(&scratch, "second.wasm", &json!({}));
    let (ran, _) = live.end();
    let refused = swapping.wait().unwrap_err();
    assert!(refused.message().contains("its states of both versions would take more memory"), "{refused}");
    assert_eq!(ran.rows("x").len(), 12_001);
}
