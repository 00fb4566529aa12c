//! The engine in a simulated world: clock, disk, input and the interleaving of its steps come from one seed, and things
//! go wrong: the process dies, the disk is full, broken, forgets what was not synced, bits flip, the clock jumps. At the
//! end every sink must hold, epoch by epoch, what the naive [`model`] says of the epochs that were committed.
//!
//! A seed that fails is printed; `MILLSTREAM_SEED=<seed> cargo test --release --workspace simulation -- --nocapture`
//! replays it and tells its story. `MILLSTREAM_SEEDS=<from>..<to>` runs others than the usual thousand.

mod compare;
mod model;
mod random;
mod scenario;
mod source;
mod time;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use world::World;

/// Runs one seed; what happened, and what went wrong.
fn simulate(seed: u64) -> (Vec<String>, Vec<String>, Result<(), String>) {
    let mut world = World::new(seed);
    let ended = catch_unwind(AssertUnwindSafe(|| world.live().and_then(|()| compare::compare(&world))));
    let ended = ended.unwrap_or_else(|_| Err("a panic".to_owned()));
    let mut story = vec![world.text.clone()];
    story.append(&mut world.story);
    story.push(format!("epochs: {:?}", world.ledger.lock().unwrap().epochs));
    (story, world.disk.trace(), ended)
}

#[test]
fn whatever_happens_sinks_hold_what_the_model_says() {
    if let Some(seed) = std::env::var("MILLSTREAM_SEED").ok().and_then(|s| s.parse().ok()) {
        let (story, _, ended) = simulate(seed);
        println!("{}", story.join("\n"));
        return ended.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    let range = std::env::var("MILLSTREAM_SEEDS").unwrap_or_else(|_| "0..1000".into());
    let (from, to) = range.split_once("..").expect("MILLSTREAM_SEEDS is like 0..1000");
    let (next, to) = (AtomicU64::new(from.parse().unwrap()), to.parse().unwrap());
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to || failed.lock().unwrap().len() >= 5 {
                        return;
                    }
                    if let (_, _, Err(e)) = simulate(seed) {
                        failed.lock().unwrap().push((seed, e));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    for (seed, e) in &failed {
        println!("seed {seed}: {e}\nreplay it with MILLSTREAM_SEED={seed}\n");
    }
    assert!(failed.is_empty(), "seeds that fail: {:?}", failed.iter().map(|(seed, _)| seed).collect::<Vec<_>>());
}

#[test]
fn a_seed_gives_the_same_story_and_the_same_calls_to_the_disk_each_time() {
    for seed in (0..1000).step_by(50) {
        let (first, second) = (simulate(seed), simulate(seed));
        assert_eq!(first.0, second.0, "seed {seed}");
        assert!(first.1 == second.1, "seed {seed}: other calls to the disk");
    }
}
