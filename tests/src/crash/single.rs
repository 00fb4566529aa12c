//! Killed once: every point of every job, the first, a middle and the last time that it is passed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use millstream_engine::fault::point;

use super::process::{Life, Random};
use super::{Known, all, each, known, seed};

/// A process to be killed.
struct Kill<'a> {
    job: &'a Known,
    life: Life,
}

#[test]
fn a_restart_after_kill_9_gives_what_an_undisturbed_run_gives() {
    let known = known();
    let mut kills = Vec::new();
    for job in &known {
        for (point, times) in point::ALL.iter().filter_map(|p| Some((*p, job.times(p)?))) {
            for n in BTreeSet::from([1, times.div_ceil(2), times]) {
                // By turns on threads, as the program does it, and stepped.
                let threads = kills.len() % 2 == 0;
                let life = if threads { Life::killed_at(point, n) } else { job.surely_killed_at(point, n) };
                kills.push(Kill { job, life });
            }
        }
    }
    let mut random = Random(seed());
    if !all() {
        // One of each point.
        let mut chosen = Vec::new();
        for point in point::ALL {
            let mut here: Vec<Kill> = Vec::new();
            let is_here = |kill: &Kill| kill.life.fault.as_ref().is_some_and(|(at, _)| at == point);
            here.extend(kills.extract_if(.., |kill| is_here(kill)));
            assert!(!here.is_empty(), "no job passes the fault point {point}");
            chosen.push(here.swap_remove(random.below(here.len() as u64) as usize));
        }
        kills = chosen;
    }
    for point in point::ALL {
        let is_here = |kill: &Kill| kill.life.fault.as_ref().is_some_and(|(at, _)| at == point);
        assert!(kills.iter().any(is_here), "no job passes the fault point {point}");
    }
    let killed = AtomicUsize::new(0);
    each(&kills, |Kill { job, life }| {
        let what = format!("{}, {life}", job.case.name);
        let folder = job.folder();
        if life.in_a_process(&folder) {
            killed.fetch_add(1, Ordering::Relaxed);
        } else {
            // On threads it depends on time how often publishing is bundled: the last passing may not come.
            assert!(life.stepped.is_none(), "{what}: was not killed");
        }
        job.finish(&what, &folder);
    });
    println!("{} of {} processes killed and started again", killed.into_inner(), kills.len());
}
