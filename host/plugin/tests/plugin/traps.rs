//! What a plugin does to itself stays with it: each of these ends one call, says why, and the next call works.

use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use millstream_plugin::{Bound, BoundMap, CallOptions, Limits, PluginError, Runtime, RuntimeOptions, Trap, TrapKind};

use super::{bind, bind_with, cache_dir, guest_dir, numbers, options};

fn bound(mode: &str, limits: &Limits) -> BoundMap {
    match bind("map", mode, &numbers([1]), limits) {
        Ok(Bound::Map(map)) => map,
        other => panic!("{other:?}"),
    }
}

fn trap(mode: &str, limits: &Limits) -> Trap {
    let map = bound(mode, limits);
    let call = || match map.call(&numbers([1, 2, 3])) {
        Err(PluginError::Trap(trap)) => *trap,
        other => panic!("{other:?}"),
    };
    let first = call();
    // A new instance takes the place of the dead one.
    assert_eq!(call().kind, first.kind);
    first
}

#[test]
fn a_panic_is_told_in_the_plugins_words() {
    let trap = trap("panic", &Limits::default());
    assert_eq!(trap.kind, TrapKind::Panic);
    let message = trap.to_string();
    assert!(
        message.starts_with("the plugin panicked: seven is not allowed\nand eight neither, at map/src/lib.rs:"),
        "{message}"
    );
    assert!(!message.contains("RUST_BACKTRACE"));
    assert!(trap.output.contains("seven is not allowed"));
    assert!(trap.backtrace.iter().any(|name| name.contains("panic")), "{:?}", trap.backtrace);
    let index = self::trap("index", &Limits::default()).to_string();
    assert!(index.starts_with("the plugin panicked: index out of bounds: the len is 3 but the index is 6"), "{index}");
}

#[test]
fn a_crash_without_a_word_names_the_function() {
    let trap = trap("unreachable", &Limits::default());
    assert_eq!(trap.kind, TrapKind::Crash);
    let message = trap.to_string();
    assert!(message.starts_with("the plugin crashed: wasm `unreachable` instruction executed (in `"), "{message}");
}

#[test]
fn an_endless_loop_is_stopped_in_time() {
    let limits = Limits { call_time: Duration::from_millis(50), ..Limits::default() };
    let map = bound("loop", &limits);
    let time = |options| {
        let start = Instant::now();
        let error = map.call_with(&numbers([1]), options).unwrap_err();
        assert!(error.to_string().contains("its time limit"), "{error}");
        start.elapsed()
    };
    let normal = time(CallOptions::default());
    assert!(normal >= Duration::from_millis(45) && normal < Duration::from_millis(1000), "{normal:?}");
    let longer = time(CallOptions::RETRY);
    assert!(longer >= Duration::from_millis(450), "{longer:?}");
    // Also where nothing was called for a while and the ticker went to sleep.
    std::thread::sleep(Duration::from_millis(300));
    assert!(time(CallOptions::default()) < Duration::from_millis(1000));

    let limits = Limits { bind_time: Duration::from_millis(50), ..Limits::default() };
    let error = bind("map", "bind-loop", &numbers([1]), &limits).unwrap_err();
    assert!(error.to_string().contains("longer than 50ms, its time limit"), "{error}");
}

#[test]
fn memory_has_a_limit() {
    let limits = Limits { memory: 16 << 20, ..Limits::default() };
    let trap = trap("memory", &limits);
    assert_eq!(trap.kind, TrapKind::OutOfMemory);
    assert!(trap.message.ends_with("of memory, its limit is 16 MiB"), "{}", trap.message);
    let error = bind("map", "double", &numbers([1]), &Limits { memory: 1 << 16, ..Limits::default() }).unwrap_err();
    assert!(error.to_string().contains("its limit is 1 MiB"), "{error}");
}

#[test]
fn an_instance_that_never_gives_back_memory_is_replaced_before_it_fails() {
    let map = bound("leak", &Limits { memory: 16 << 20, ..Limits::default() });
    let call = || map.call(&numbers([1])).unwrap().columns.remove(0);
    // A MiB is lost in each: how often an instance was called, of a hundred calls.
    let calls: Vec<i64> = (0..100).map(|_| call().as_primitive::<Int64Type>().value(0)).collect();
    let most = *calls.iter().max().unwrap();
    assert!((6..16).contains(&most) && calls.iter().filter(|call| **call == 1).count() > 5, "{calls:?}");
}

#[test]
fn the_stack_has_an_end() {
    // Of the two stacks that a guest has, the engine's and the one in its own memory, either may end first.
    for mode in ["recursion", "deep-frames"] {
        let trap = trap(mode, &Limits::default());
        assert_eq!(trap.kind, TrapKind::StackOverflow, "{mode}: {trap:?}");
    }
}

#[test]
fn returned_bytes_have_a_limit() {
    let limits = Limits { returned_bytes: 1 << 20, ..Limits::default() };
    assert_eq!(trap("large", &limits).kind, TrapKind::TooMuchReturned);
}

#[test]
fn there_is_no_world_outside() {
    assert_eq!(trap("exit", &Limits::default()).kind, TrapKind::Exit);
    // There are no files and no variables to be seen, which is no crime.
    let error = bound("file", &Limits::default()).call(&numbers([1])).unwrap_err();
    assert!(error.to_string().starts_with("the plugin failed: reading: "), "{error}");
}

#[test]
fn a_returned_error_and_its_output_are_shown() {
    for mode in ["stderr-error", "stdout-error"] {
        let error = bound(mode, &Limits::default()).call(&numbers([1])).unwrap_err();
        assert_eq!(error.output(), Some("looking for the model\n"));
        assert_eq!(error.to_string(), "the plugin failed: the model is missing; it wrote:\n  looking for the model");
    }
}

#[test]
fn an_error_may_name_its_row() {
    let map = bound("fail-seven", &Limits::default());
    let error = map.call(&numbers([1, 7, 7])).unwrap_err();
    assert_eq!((error.row(), error.to_string().as_str()), (Some(1), "the plugin failed: seven is not allowed"));
    assert_eq!(map.call(&numbers([1, 2])).unwrap().columns[0].len(), 2);
    let error = bound("fail-beyond", &Limits::default()).call(&numbers([1])).unwrap_err();
    assert_eq!(error.row(), None);
    assert!(error.to_string().ends_with("it failed with row 1 of 1: a row that is none"), "{error}");
}

#[test]
fn noise_is_cut() {
    let trap = trap("noise", &Limits::default());
    assert!(trap.output.len() < 70 << 10);
    assert!(trap.to_string().lines().count() < 30, "{trap}");
}

#[test]
fn nothing_differs_between_runs() {
    let value = |mode: &str| {
        let mapped = bound(mode, &Limits::default()).call(&numbers([1])).unwrap();
        format!("{:?}", mapped.columns)
    };
    assert_eq!(value("hash-map"), value("hash-map"));
    assert!(value("environment").contains("  0,"), "{}", value("environment"));
    // A clock counts how often it was asked.
    assert!(value("clock").contains("  1,"), "{}", value("clock"));
}

#[test]
fn many_threads_share_a_plugin() {
    let map = bound("double", &Limits::default());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let map = map.clone();
            scope.spawn(move || {
                for i in 0..200 {
                    let mapped = map.call(&numbers([thread, i])).unwrap();
                    assert_eq!(mapped.columns[0].as_ref(), super::ints([thread * 2, i * 2]).as_ref());
                }
            });
        }
    });
}

#[test]
fn a_host_without_room_says_so_and_blames_nobody() {
    let one = Runtime::new(RuntimeOptions { max_instances: 1, ..options(&cache_dir()) }).unwrap();
    let plugin = one.load(&guest_dir("map")).unwrap();
    let limits = Limits { call_time: Duration::from_millis(300), ..Limits::default() };
    let bind = |mode: &str| bind_with(&plugin, &format!("{{\"do\": \"{mode}\"}}"), &numbers([]), &limits);
    let Ok(Bound::Map(map)) = bind("loop") else { panic!("one fits") };
    let no_room = |error: PluginError| {
        assert!(matches!(&error, PluginError::NoRoom(_)) && !error.is_call_failure(), "{error:?}");
        assert!(error.to_string().starts_with("there is no room for the plugin: "), "{error}");
    };
    // Another of its operators would fit into the same instance; another plugin does not.
    let other = one.load(&guest_dir("filter")).unwrap();
    no_room(bind_with(&other, "{}", &numbers([]), &limits).unwrap_err());
    std::thread::scope(|scope| {
        scope.spawn(|| map.call(&numbers([1])).unwrap_err());
        std::thread::sleep(Duration::from_millis(100));
        // The other thread has the only instance.
        no_room(map.call(&numbers([1])).unwrap_err());
    });
    // Its place is free again.
    let error = map.call(&numbers([1])).unwrap_err();
    assert!(error.to_string().contains("its time limit"), "{error}");
}
