//! What the host offers to import: a log, and help with text.

use std::sync::{Arc, Mutex};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use millstream_plugin::{Bound, BoundMap, InputField, Limits, LogLevel, LogSink, PluginError, Request, TrapKind};

use super::{numbers, plugin};

type Lines = Arc<Mutex<Vec<(LogLevel, String)>>>;

fn logging(mode: &str) -> (BoundMap, Lines) {
    let lines = Lines::default();
    let heard = lines.clone();
    let log = LogSink::new(move |level, line| heard.lock().unwrap().push((level, line.to_owned())));
    let input = InputField::of_schema(&numbers([]).schema());
    let config = format!("{{\"do\": \"{mode}\"}}");
    let request = Request { config: &config, input: &input, log: Some(log), ..Request::default() };
    match plugin("map").bind(&request, &Limits::default()) {
        Ok(Bound::Map(map)) => (map, lines),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_logged_is_heard() {
    let (map, lines) = logging("log");
    map.call(&numbers([1])).unwrap();
    let said = |level, line: &str| (level, line.to_owned());
    assert_eq!(
        *lines.lock().unwrap(),
        [
            said(LogLevel::Debug, "one"),
            said(LogLevel::Info, "two"),
            said(LogLevel::Warn, "three"),
            said(LogLevel::Error, "four\nin two lines"),
        ]
    );
    let (map, lines) = logging("log-much");
    map.call(&numbers([1])).unwrap();
    let lines = lines.lock().unwrap();
    assert!(lines.len() < 20 && lines.last().unwrap().1.contains("lines more than a call may log were dropped"));
}

#[test]
fn text_is_read_and_written_by_the_host() {
    let (map, _) = logging("text");
    assert_eq!(map.call(&numbers([1])).unwrap().columns[0].as_primitive::<Int64Type>().value(0), 5);
    let (map, _) = logging("text-bad");
    match map.call(&numbers([1])) {
        Err(PluginError::Trap(trap)) => {
            assert_eq!(trap.kind, TrapKind::Crash);
            assert!(trap.to_string().contains("`text.decode`: row 0 is from 0 to 9 of 3 bytes of data"), "{trap}");
        }
        other => panic!("{other:?}"),
    }
}
