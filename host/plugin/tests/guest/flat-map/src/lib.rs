//! A flat-map that makes n rows of a row with the number n, in pieces of at most `piece` rows where its configuration
//! (`{"do": "…", "piece": "…"}`) says so, or does something wrong instead.

wit_bindgen::generate!({ path: "../../../../../wit", world: "flat-map-operator" });

use exports::millstream::operator::flat_map::{Batch, Binding, Expanded, Guest, InputField, Problem, Reject};
use millstream::operator::columns::{Column, DataType, Field, Values};
use std::cell::RefCell;

struct Plugin;
export!(Plugin);

thread_local! {
    static MODE: RefCell<(String, usize)> = const { RefCell::new((String::new(), usize::MAX)) };
}

impl Guest for Plugin {
    fn bind(config: String, _: Vec<InputField>) -> Result<Binding, Problem> {
        let mut words = config.split('"');
        let mode = words.nth(3).unwrap_or_default().to_owned();
        let piece = words.nth(3).and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
        MODE.with_borrow_mut(|m| *m = (mode, piece));
        let output = vec![Field { name: "i".to_owned(), data_type: DataType::Int64, nullable: false }];
        Ok(Binding { reads: vec![0], output })
    }

    fn call(input: Batch, resume: Option<u64>) -> Result<Expanded, String> {
        let (mode, piece) = MODE.with_borrow(Clone::clone);
        let Values::Int64(values) = &input.columns[0].values else { return Err("not an int64".to_owned()) };
        let done = |parents: Vec<u32>, consumed: u32, resume: Option<u64>| {
            let values = Values::Int64(parents.iter().map(|p| i64::from(*p)).collect());
            Ok(Expanded { columns: vec![Column { values, validity: None }], parents, rejects: vec![], consumed, resume })
        };
        match mode.as_str() {
            "stuck" => return done(vec![], 0, None),
            "forever" => return done(vec![0], 0, Some(1)),
            "flood" => return done(vec![0; 1 << 16], 0, Some(1)),
            "parents-down" => return done(vec![1, 0], input.rows, None),
            "parents-beyond" => return done(vec![input.rows], input.rows, None),
            "consumed-beyond" => return done(vec![], input.rows + 1, None),
            "resume-at-end" => return done(vec![], input.rows, Some(1)),
            _ => {}
        }
        let (mut parents, mut out, mut rejects) = (vec![], vec![], vec![]);
        let mut from = resume.unwrap_or(0) as i64;
        for (row, &n) in values.iter().enumerate() {
            for i in from..n {
                if out.len() == piece {
                    let columns = vec![Column { values: Values::Int64(out), validity: None }];
                    return Ok(Expanded { parents, columns, rejects, consumed: row as u32, resume: Some(i as u64) });
                }
                parents.push(row as u32);
                out.push(i);
            }
            if mode == "reject-odd" && n % 2 == 1 {
                rejects.push(Reject { row: row as u32, reason: format!("{n} is odd") });
            }
            from = 0;
        }
        let columns = vec![Column { values: Values::Int64(out), validity: None }];
        Ok(Expanded { parents, columns, rejects, consumed: input.rows, resume: None })
    }
}
