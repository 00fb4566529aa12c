//! A filter that keeps even numbers, or does what the `do` of its configuration says instead.

wit_bindgen::generate!({ path: "../../../../../wit", world: "filter-operator" });

use exports::millstream::operator::catalog::{self, Operator};
use exports::millstream::operator::filter::{Batch, Binding, Failure, Guest, Problem, Rejects, Request, Selection};
use millstream::operator::columns::Field;
use millstream::operator::types::{Hints, Read};
use std::cell::RefCell;
use std::collections::HashMap;

struct Plugin;
export!(Plugin);

thread_local! {
    static MODES: RefCell<HashMap<u32, String>> = RefCell::new(HashMap::new());
}

impl catalog::Guest for Plugin {
    fn operators() -> Vec<Operator> {
        let (name, kind, summary) = ("guest-filter".to_owned(), "filter".to_owned(), "Keeps even numbers".to_owned());
        vec![Operator { name, kind, summary, config_schema: None, columns: vec![] }]
    }
}

impl Guest for Plugin {
    fn bind(slot: u32, request: Request) -> Result<Binding, Problem> {
        let mode = request.config.split('"').nth(3).unwrap_or_default().to_owned();
        let reads = if mode == "nothing" { vec![] } else { vec![Read { column: 0, shape: vec![] }] };
        let output = match mode.as_str() {
            "output" => vec![Field {
                name: "x".to_owned(),
                format: "c".to_owned(),
                nullable: true,
                children: 0,
                dictionary: false,
                metadata: vec![],
            }],
            _ => vec![],
        };
        let hints = Hints { skip_nulls: mode == "skip-nulls", rows_per_call: None, deterministic: true };
        MODES.with_borrow_mut(|modes| modes.insert(slot, mode));
        Ok(Binding { reads, output, hints })
    }

    fn call(slot: u32, input: Batch) -> Result<Selection, Failure> {
        let rows = input.rows as usize;
        let mode = MODES.with_borrow(|modes| modes.get(&slot).cloned().unwrap_or_default());
        let mut rejects = None;
        if mode == "nothing" {
            return Ok(Selection { keep: vec![0xff; rows.div_ceil(8)], rejects });
        }
        let mut keep = vec![0u8; rows.div_ceil(8)];
        for (row, value) in input.arrays[0].buffers[0].chunks_exact(8).enumerate() {
            keep[row / 8] |= (!value[0] & 1) << (row % 8);
        }
        match mode.as_str() {
            "bytes" => keep = vec![1; rows],
            "short" => keep.truncate(rows / 16),
            "reject" => {
                let even = (0..rows as u32).step_by(2);
                let offsets = vec![0; (even.len() + 1) * 4];
                let rows = even.flat_map(u32::to_le_bytes).collect();
                rejects = Some(Rejects { rows, offsets, reasons: vec![] });
            }
            _ => {}
        }
        Ok(Selection { keep, rejects })
    }
}
