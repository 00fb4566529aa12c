//! A flat-map that makes n rows of a row with the number n, in pieces of at most `piece` rows where its configuration
//! (`{"do": "…", "piece": "…"}`) says so, or does something wrong instead.

wit_bindgen::generate!({ path: "../../../../../wit", world: "flat-map-operator" });

use exports::millstream::operator::catalog::{self, Operator};
use exports::millstream::operator::flat_map::{Batch, Binding, Expanded, Failure, Guest, Problem, Rejects, Request};
use millstream::operator::columns::{Array, Field};
use millstream::operator::types::{Hints, Read};
use std::cell::RefCell;
use std::collections::HashMap;

struct Plugin;
export!(Plugin);

thread_local! {
    static MODES: RefCell<HashMap<u32, (String, usize)>> = RefCell::new(HashMap::new());
}

impl catalog::Guest for Plugin {
    fn operators() -> Vec<Operator> {
        let (name, kind) = ("guest-flat-map".to_owned(), "flat-map".to_owned());
        let summary = "n rows of a row with the number n".to_owned();
        vec![Operator { name, kind, summary, config_schema: None, columns: vec![] }]
    }
}

fn ints(values: &[i64]) -> Vec<Array> {
    let buffers = vec![values.iter().flat_map(|value| value.to_le_bytes()).collect()];
    vec![Array { rows: values.len() as u32, validity: None, buffers }]
}

impl Guest for Plugin {
    fn bind(slot: u32, request: Request) -> Result<Binding, Problem> {
        let mut words = request.config.split('"');
        let mode = words.nth(3).unwrap_or_default().to_owned();
        let piece = words.nth(3).and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
        MODES.with_borrow_mut(|modes| modes.insert(slot, (mode, piece)));
        let (name, format) = ("i".to_owned(), "l".to_owned());
        let output = vec![Field { name, format, nullable: false, children: 0, dictionary: false, metadata: vec![] }];
        let hints = Hints { skip_nulls: false, rows_per_call: None, deterministic: true };
        Ok(Binding { reads: vec![Read { column: 0, shape: vec![] }], output, hints })
    }

    fn call(slot: u32, input: Batch, resume: Option<u64>) -> Result<Expanded, Failure> {
        let (mode, piece) = MODES.with_borrow(|modes| modes.get(&slot).cloned()).expect("it was bound");
        let values = input.arrays[0].buffers[0].chunks_exact(8).map(|n| i64::from_le_bytes(n.try_into().unwrap()));
        let expanded =
            |parents: Vec<u32>, out: Vec<i64>, odd: Vec<(u32, String)>, consumed: u32, resume: Option<u64>| {
                let mut rejects = Rejects { rows: vec![], offsets: vec![], reasons: vec![] };
                for (row, reason) in &odd {
                    rejects.rows.extend(row.to_le_bytes());
                    rejects.offsets.extend((rejects.reasons.len() as u32).to_le_bytes());
                    rejects.reasons.extend(reason.as_bytes());
                }
                rejects.offsets.extend((rejects.reasons.len() as u32).to_le_bytes());
                let rejects = (!odd.is_empty()).then_some(rejects);
                let output = Batch { rows: out.len() as u32, arrays: ints(&out) };
                let parents = parents.iter().flat_map(|parent| parent.to_le_bytes()).collect();
                Ok(Expanded { parents, output, rejects, consumed, resume })
            };
        let done = |parents: Vec<u32>, consumed: u32, resume: Option<u64>| {
            let out = parents.iter().map(|parent| i64::from(*parent)).collect();
            expanded(parents, out, vec![], consumed, resume)
        };
        match mode.as_str() {
            "stuck" => return done(vec![], 0, None),
            "forever" => return done(vec![0], 0, Some(1)),
            "flood" => return done(vec![0; 1 << 16], 0, Some(1)),
            "parents-down" => return done(vec![1, 0], input.rows, None),
            "parents-beyond" => return done(vec![input.rows], input.rows, None),
            "parents-few" => {
                let few = expanded(vec![0], vec![1, 2], vec![], input.rows, None);
                return few;
            }
            "parents-half" => {
                let mut half = done(vec![0, 0], input.rows, None)?;
                half.parents.pop();
                return Ok(half);
            }
            "consumed-beyond" => return done(vec![], input.rows + 1, None),
            "resume-at-end" => return done(vec![], input.rows, Some(1)),
            _ => {}
        }
        let (mut parents, mut out, mut odd) = (vec![], vec![], vec![]);
        let mut from = resume.unwrap_or(0) as i64;
        for (row, n) in values.enumerate() {
            for i in from..n {
                if out.len() == piece {
                    return expanded(parents, out, odd, row as u32, Some(i as u64));
                }
                parents.push(row as u32);
                out.push(i);
            }
            if mode == "reject-odd" && n % 2 == 1 {
                odd.push((row as u32, format!("{n} is odd")));
            }
            from = 0;
        }
        expanded(parents, out, odd, input.rows, None)
    }
}
