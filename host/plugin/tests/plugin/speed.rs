//! What a call costs. Ignored by default: run it alone, in release, on an idle machine, with `--nocapture`.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use millstream_plugin::{Bound, CallOptions, Limits};

use super::{bind, numbers};

fn time(what: &str, rows: usize, mut call: impl FnMut()) {
    for _ in 0..200 {
        call();
    }
    let best = (0..20)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..200 {
                call();
            }
            start.elapsed().as_nanos() as f64 / 200.0
        })
        .fold(f64::INFINITY, f64::min);
    println!("{what}: {best:.0} ns a call, {:.3} ns a row", best / rows.max(1) as f64);
}

#[test]
#[ignore = "measures"]
fn calls() {
    let limits = Limits::default();
    let Ok(Bound::Filter(empty)) = bind("filter", "nothing", &numbers([]), &limits) else { panic!() };
    let none = numbers([]);
    time("empty call", 0, || drop(empty.call(&none).unwrap()));

    let batch = numbers(0..8192);
    let Ok(Bound::Filter(even)) = bind("filter", "even", &batch, &limits) else { panic!() };
    time("filter int64, plain loop", 8192, || drop(even.call(&batch).unwrap()));
    let Ok(Bound::Map(double)) = bind("map", "double", &batch, &limits) else { panic!() };
    time("map int64, plain loop", 8192, || drop(double.call(&batch).unwrap()));

    let floats = Arc::new(Float64Array::from_iter_values((0..8192).map(f64::from))) as ArrayRef;
    let floats = RecordBatch::try_from_iter([("x", floats)]).unwrap();
    let Ok(Bound::Map(echo)) = bind("map", "echo", &floats, &limits) else { panic!() };
    time("float64 there and back", 8192, || drop(echo.call(&floats).unwrap()));
    let text = (0..8192).map(|i| format!("GET /images/{i:08}/index.html HTTP/1.1"));
    let text = Arc::new(StringArray::from_iter_values(text)) as ArrayRef;
    let text = RecordBatch::try_from_iter([("line", text)]).unwrap();
    let Ok(Bound::Map(echo)) = bind("map", "echo", &text, &limits) else { panic!() };
    time("40-byte utf8 there and back", 8192, || drop(echo.call(&text).unwrap()));
    let Ok(Bound::Map(map)) = bind("map", "calls", &batch, &limits) else { panic!() };
    let fresh = CallOptions { fresh_instance: true, ..CallOptions::default() };
    time("a fresh instance", 1, || drop(map.call_with(&none, fresh).unwrap()));
}
