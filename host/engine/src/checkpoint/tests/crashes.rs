use super::*;

const SURVIVAL: [Survives; 5] =
    [Survives::Everything, Survives::Nothing, Survives::Some(1), Survives::Some(2), Survives::Some(3)];

/// The work of a process: open, some epochs, close.
fn work(run: &mut Run, epochs: u64) -> Result<(), CheckpointError> {
    run.open()?;
    (0..epochs).try_for_each(|_| run.epoch(7))?;
    run.open.take().map_or(Ok(()), |(checkpoint, _)| checkpoint.close())
}

fn undisturbed(epochs: u64) -> Run {
    let mut run = Run::new();
    work(&mut run, epochs).unwrap();
    run
}

#[test]
fn the_process_dies_at_every_call_of_the_disk() {
    let expected = undisturbed(24);
    let calls = expected.disk.calls();
    assert!(expected.files().keys().any(|f| f.starts_with("state/")), "snapshots are part of it");
    for call in 1..=calls {
        for survives in SURVIVAL {
            let mut run = Run::new();
            run.disk.fail_at(call, Fault::Death);
            assert!(work(&mut run, 24).is_err());
            run.open = None;
            run.disk = run.disk.crash(survives);
            run.open().unwrap_or_else(|e| {
                panic!("call {call} ({:?}), {survives:?}: {e}", run.disk.trace().get(call as usize - 1))
            });
            while run.committed < 24 {
                run.epoch(7).unwrap();
            }
            assert_eq!(run.after, expected.after);
        }
    }
}

#[test]
fn a_call_that_fails_ends_the_writing_and_loses_nothing() {
    let expected = undisturbed(12);
    for call in 1..=expected.disk.calls() {
        for fault in [Fault::Full, Fault::Broken] {
            let mut run = Run::new();
            run.disk.fail_at(call, fault);
            let error = work(&mut run, 12).unwrap_err();
            assert!(matches!(error, CheckpointError::Storage { .. }), "{error}");
            assert_eq!(Error::from(error).kind(), ErrorKind::Unavailable);
            if run.open.is_some() {
                let again = run.epoch(7).unwrap_err();
                assert!(matches!(again, CheckpointError::Poisoned { .. }), "{again}");
            }
            run.open = None;
            run.disk = run.disk.crash(Survives::Some(call));
            run.open().unwrap();
            while run.committed < 12 {
                run.epoch(7).unwrap();
            }
            assert_eq!(run.after, expected.after);
        }
    }
}

#[test]
fn the_process_dies_at_every_fault_point() {
    let expected = undisturbed(25);
    let of_sinks = ["plan.", "chunk.", "aside.", "claim.", "publish."];
    let points = point::ALL.into_iter().filter(|name| !of_sinks.iter().any(|sink| name.starts_with(sink)));
    for (number, name) in points.enumerate() {
        let mut passes = 0;
        for nth in 1u64.. {
            let mut run = Run::new();
            let count = Arc::new(std::sync::atomic::AtomicU64::new(0));
            let counted = count.clone();
            run.options.faults = Faults::new(move |at| {
                if at == name && counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == nth {
                    panic!("died at {name}");
                }
            });
            if catch_unwind(AssertUnwindSafe(|| work(&mut run, 25).unwrap())).is_ok() {
                break;
            }
            passes += 1;
            run.open = None;
            run.options.faults = Faults::default();
            run.disk = run.disk.crash(SURVIVAL[(nth as usize + number) % 5]);
            let found = run.open().unwrap();
            assert!(found.damaged.is_empty(), "{:?}", found.damaged);
            while run.committed < 25 {
                run.epoch(7).unwrap();
            }
            assert_eq!(run.after, expected.after);
        }
        let once = name.starts_with("create.") || name.starts_with("close.");
        assert!(passes >= if once { 1 } else { 2 }, "{name} was passed {passes} times");
    }
}

#[test]
fn lives_and_deaths_at_random() {
    for seed in 0..150 {
        let mut rng = Rng::new(seed);
        let mut run = Run::new();
        run.options.partitions = 1 + rng.below(5) as u32;
        run.options.snapshots.least = 1 + rng.below(3000);
        run.options.snapshots.most = 1 + rng.below(3000);
        for _ in 0..8 {
            let now = run.disk.calls();
            run.disk.fail_at(now + 1 + rng.below(150), Fault::Death);
            let outcome = run.open().and_then(|_| (0..rng.below(40)).try_for_each(|_| run.epoch(seed)));
            if outcome.is_ok() && rng.below(2) == 0 {
                drop(run.open.take().map(|(checkpoint, _)| checkpoint.close()));
            }
            run.open = None;
            run.disk = run.disk.crash(Survives::Some(rng.next()));
        }
        run.open().unwrap();
    }
}
