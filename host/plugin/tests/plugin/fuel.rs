//! What calls consume: counted where it is asked for, the same each time, and of no influence on what they do.

use std::fs;
use std::path::Path;
use std::time::Duration;

use arrow::array::RecordBatch;
use millstream_plugin::{Bound, BoundMap, Limits, Plugin, PluginError, Runtime, RuntimeOptions, Trap, TrapKind};

use super::{bind_with, cache_dir, guest_dir, numbers, options};

fn counting(cache: &Path) -> Runtime {
    Runtime::new(RuntimeOptions { count_fuel: true, ..options(cache) }).unwrap()
}

fn map(plugin: &Plugin, mode: &str, limits: &Limits) -> BoundMap {
    let bound = bind_with(plugin, &format!("{{\"do\": \"{mode}\"}}"), &numbers([]), limits).unwrap();
    let Bound::Map(map) = bound else { unreachable!("the guest is a map") };
    map
}

/// What these calls of a new instance consume.
fn of_calls(runtime: &Runtime, mode: &str, calls: &[RecordBatch]) -> u64 {
    let apart = runtime.apart();
    let map = map(&apart.load(&guest_dir("map")).unwrap(), mode, &Limits::default());
    assert_eq!(apart.fuel(), Some(0), "what starting and binding takes is not counted");
    calls.iter().for_each(|batch| drop(map.call(batch).unwrap()));
    apart.fuel().unwrap()
}

#[test]
fn the_same_calls_consume_the_same_and_more_work_more() {
    let runtime = counting(&cache_dir());
    let few = [numbers(0..100), numbers(0..50)];
    let once = of_calls(&runtime, "double", &few);
    assert!(once > 150, "{once}: an instruction per row at least");
    assert_eq!(once, of_calls(&runtime, "double", &few));
    assert_eq!(once, of_calls(&counting(&cache_dir()), "double", &few), "by another engine too");
    let more_rows = of_calls(&runtime, "double", &[numbers(0..10_000), numbers(0..50)]);
    assert!(more_rows > once + 9_900, "{more_rows} beside {once}");
    let more_each = of_calls(&runtime, "hash-map", &few);
    assert!(more_each > once + 1_000, "{more_each} beside {once}: it fills a map besides");
    assert_eq!(runtime.fuel(), Some(0), "each was counted apart");
}

#[test]
fn calls_do_the_same_and_have_the_same_limits() {
    let loaded = [counting(&cache_dir()), Runtime::new(options(&cache_dir())).unwrap()].map(|runtime| {
        let plugin = runtime.load(&guest_dir("map")).unwrap();
        (runtime, plugin)
    });
    for mode in ["double", "calls", "hash-map", "clock", "fail-seven", "panic", "recursion", "memory", "exit", "loop"] {
        // Only what never ends may meet its time, however busy the machine is.
        let millis = if mode == "loop" { 200 } else { 60_000 };
        let limits = Limits { call_time: Duration::from_millis(millis), ..Limits::default() };
        let [counted, plain] = [&loaded[0].1, &loaded[1].1].map(|plugin| {
            let map = map(plugin, mode, &limits);
            (0..3).map(|_| map.call(&numbers(0..20)).map(|mapped| mapped.columns)).collect::<Vec<_>>()
        });
        for (counted, plain) in counted.iter().zip(&plain) {
            match (counted, plain) {
                (Ok(counted), Ok(plain)) => assert_eq!(counted, plain, "{mode}"),
                (Err(counted), Err(plain)) => assert_eq!(counted.to_string(), plain.to_string(), "{mode}"),
                _ => panic!("{mode}: {counted:?} and {plain:?}"),
            }
        }
        if mode == "loop" {
            let is_stopped = |error: &PluginError| matches!(error, PluginError::Trap(trap) if matches!(**trap, Trap { kind: TrapKind::TimeLimit, .. }));
            assert!(counted.iter().all(|called| called.as_ref().is_err_and(is_stopped)), "{counted:?}");
        }
    }
    let [(counted, _), (plain, _)] = &loaded;
    assert!(counted.fuel().unwrap() > 1_000_000, "a call that was ended counts too: {:?}", counted.fuel());
    assert_eq!((plain.fuel(), plain.apart().fuel()), (None, None));
}

#[test]
fn code_that_counts_and_code_that_does_not_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let component = Runtime::new(options(&cache_dir())).unwrap().build_project(&guest_dir("map")).unwrap();
    let plain = || Runtime::new(options(folder.path())).unwrap();
    let call = |runtime: Runtime| {
        let map = map(&runtime.load_bytes(&component).unwrap(), "double", &Limits::default());
        map.call(&numbers([1, 2, 3])).unwrap();
        runtime.fuel()
    };
    let kept = || fs::read_dir(folder.path().join("compiled")).unwrap().count();
    // Each of them compiles it, and finds its own the next time.
    assert_eq!((call(plain()), kept()), (None, 1));
    let counted = call(counting(folder.path()));
    assert!(counted > Some(0) && kept() == 2, "{counted:?}, {} kept", kept());
    assert_eq!((call(plain()), call(counting(folder.path())), kept()), (None, counted, 2));
}
