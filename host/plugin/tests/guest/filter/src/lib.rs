//! A filter that keeps even numbers, or does what the `do` of its configuration says instead.

wit_bindgen::generate!({ path: "../../../../../wit", world: "filter-operator" });

use exports::millstream::operator::filter::{Batch, Binding, Guest, InputField, Problem, Reject, Selection};
use millstream::operator::columns::{DataType, Field, Values};
use std::cell::RefCell;

struct Plugin;
export!(Plugin);

thread_local! {
    static MODE: RefCell<String> = const { RefCell::new(String::new()) };
}

impl Guest for Plugin {
    fn bind(config: String, _: Vec<InputField>) -> Result<Binding, Problem> {
        let mode = config.split('"').nth(3).unwrap_or_default().to_owned();
        let reads = if mode == "nothing" { vec![] } else { vec![0] };
        let output = match mode.as_str() {
            "output" => vec![Field { name: "x".to_owned(), data_type: DataType::Int8, nullable: true }],
            _ => vec![],
        };
        MODE.with_borrow_mut(|m| *m = mode);
        Ok(Binding { reads, output })
    }

    fn call(input: Batch) -> Result<Selection, String> {
        let rows = input.rows as usize;
        if MODE.with_borrow(|mode| mode == "nothing") {
            return Ok(Selection { keep: vec![0xff; rows.div_ceil(8)], rejects: vec![] });
        }
        let mut keep = vec![0u8; rows.div_ceil(8)];
        let mode = MODE.with_borrow(Clone::clone);
        let Values::Int64(values) = &input.columns[0].values else { return Err("not an int64".to_owned()) };
        for (row, value) in values.iter().enumerate() {
            keep[row / 8] |= u8::from(value % 2 == 0) << (row % 8);
        }
        let mut rejects = vec![];
        match mode.as_str() {
            "bytes" => keep = vec![1; rows],
            "short" => keep.truncate(rows / 16),
            "reject" => rejects.extend((0..rows).step_by(2).map(|row| Reject { row: row as u32, reason: String::new() })),
            _ => {}
        }
        Ok(Selection { keep, rejects })
    }
}
