//! A map that does what the `do` of its configuration says: some of it right, most of it wrong.

wit_bindgen::generate!({ path: "../../../../../wit", world: "map-operator" });

mod columns;
mod wrong;

use std::cell::RefCell;
use std::collections::HashMap;

use columns::{bytes, field, numbers, one, shape};
use exports::millstream::operator::catalog::{self, Column, Direction, Operator};
use exports::millstream::operator::map::{Batch, Binding, Failure, Guest, Mapped, Problem, Rejects, Request};
use millstream::operator::columns::{Array, Field};
use millstream::operator::log::{Level, log};
use millstream::operator::text;
use millstream::operator::types::{Hints, Read, Subject};

struct Plugin;
export!(Plugin);

thread_local! {
    static MODES: RefCell<HashMap<u32, String>> = RefCell::new(HashMap::new());
    static CALLS: RefCell<u32> = const { RefCell::new(0) };
}

/// Calls itself until the stack ends, without being turned into a loop.
#[inline(never)]
#[allow(unconditional_recursion)]
fn deeper(n: i64) -> i64 {
    deeper(std::hint::black_box(n + 1)).wrapping_mul(n)
}

/// The same with much in each frame, so that the stack in linear memory ends first.
#[inline(never)]
#[allow(unconditional_recursion)]
fn deeper_with_frames(n: u64) -> u64 {
    let values = std::hint::black_box([n; 64]);
    deeper_with_frames(n + 1) + values[(n % 64) as usize]
}

impl catalog::Guest for Plugin {
    fn operators() -> Vec<Operator> {
        let column = |name: &str, direction| Column {
            name: name.to_owned(),
            direction,
            type_text: "int64".to_owned(),
            summary: "a number".to_owned(),
        };
        vec![Operator {
            name: "guest-map".to_owned(),
            kind: "map".to_owned(),
            summary: "Does as it is told".to_owned(),
            config_schema: Some(r#"{"properties": {"do": {"type": "string"}}}"#.to_owned()),
            columns: vec![column("<first>", Direction::Takes), column("x", Direction::Makes)],
        }]
    }
}

impl Guest for Plugin {
    fn bind(slot: u32, request: Request) -> Result<Binding, Problem> {
        let mode = request.config.split('"').nth(3).unwrap_or_default().to_owned();
        let input = &request.input;
        MODES.with_borrow_mut(|modes| modes.insert(slot, mode.clone()));
        let hints = Hints { skip_nulls: false, rows_per_call: None, deterministic: true };
        let read = |column: u32| Read { column, shape: vec![] };
        let reading = |reads: Vec<Read>, output: Vec<Field>| Ok(Binding { reads, output, hints });
        let first = |output: Vec<Field>| reading(vec![read(0)], output);
        let int = |name: &str| field(name, "l");
        let all = || (0..input.len() as u32).map(read).collect::<Vec<_>>();
        if let Some(format) = mode.strip_prefix("as:") {
            let read = Read { column: 0, shape: shape("x", format) };
            return reading(vec![read], shape("x", format));
        }
        if let Some(output) = wrong::fields(&mode) {
            return first(output);
        }
        match mode.as_str() {
            "refuse" => Err(Problem { key: Some("do".to_owned()), message: "not like this".to_owned() }),
            "bind-panic" => panic!("no binding today"),
            "bind-loop" => loop {
                std::hint::black_box(());
            },
            "read-twice" => reading(vec![read(0), read(0)], vec![int("x")]),
            "read-beyond" => reading(vec![read(99)], vec![int("x")]),
            "read-all" => reading(all(), vec![int("x")]),
            "no-output" => first(vec![]),
            "same-names" => first(vec![int("x"), int("x")]),
            "no-name" => first(vec![int("")]),
            "other-output" => first(vec![field("x", "Interval")]),
            "bad-decimal" => first(vec![field("x", "d:39,2")]),
            // Hands every column back as it came.
            "echo" => reading(all(), input.iter().flat_map(|input| input.fields.clone()).collect()),
            // Tells what it was told.
            "describe" => first(vec![int(&format!("{input:?}"))]),
            "site" => first(vec![int(&format!("{:?} {}", request.site, request.operator))]),
            "not-null" | "reject-null" => first(vec![Field { nullable: false, ..int("x") }]),
            "decimal" => first(vec![field("x", "d:3,1")]),
            "skip-nulls" => {
                let hints = Hints { skip_nulls: true, ..hints };
                Ok(Binding { reads: vec![read(0)], output: vec![int("x")], hints })
            }
            "three-rows" => {
                let hints = Hints { rows_per_call: Some(3), ..hints };
                Ok(Binding { reads: vec![read(0)], output: vec![int("x")], hints })
            }
            "no-rows" => {
                let hints = Hints { rows_per_call: Some(0), ..hints };
                Ok(Binding { reads: vec![read(0)], output: vec![int("x")], hints })
            }
            _ => first(vec![int("x")]),
        }
    }

    fn call(slot: u32, input: Batch) -> Result<Mapped, Failure> {
        let rows = input.rows as usize;
        let mode = MODES.with_borrow(|modes| modes.get(&slot).cloned().unwrap_or_default());
        let fail = |message: &str, row: Option<u32>| {
            Err(Failure { message: message.to_owned(), about: row.map(Subject::Row) })
        };
        let ok = |arrays: Vec<Array>| Ok(Mapped { output: Batch { rows: input.rows, arrays }, rejects: None });
        let ints = |values: Vec<i64>| ok(vec![one(values.len(), numbers(values))]);
        let ones = |n: usize| one(n, numbers(vec![1i64; n]));
        let rejecting = |rejects: Rejects| {
            Ok(Mapped { output: Batch { rows: input.rows, arrays: vec![ones(rows)] }, rejects: Some(rejects) })
        };
        if mode.starts_with("as:") {
            return ok(input.arrays);
        }
        if let Some(output) = wrong::batch(&mode, rows) {
            return Ok(Mapped { output, rejects: None });
        }
        if let Some(rejects) = wrong::rejects(&mode, rows) {
            return rejecting(rejects);
        }
        match mode.as_str() {
            "echo" => ok(input.arrays),
            "panic" => panic!("seven is not allowed\nand eight neither"),
            "index" => ints(vec![[1i64, 2, 3][rows + 3]; rows]),
            "unreachable" => core::arch::wasm32::unreachable(),
            "loop" => loop {
                std::hint::black_box(());
            },
            "memory" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(vec![1u8; 1 << 20]);
                    std::hint::black_box(&kept);
                }
            }
            "leak" => {
                std::mem::forget(vec![1u8; 1 << 20]);
                let calls = CALLS.with_borrow_mut(|calls| {
                    *calls += 1;
                    *calls
                });
                ints(vec![i64::from(calls); rows])
            }
            "recursion" => ints(vec![deeper(0); rows]),
            "deep-frames" => ints(vec![deeper_with_frames(0) as i64; rows]),
            "error" => fail("the model is missing", None),
            "stderr-error" => {
                eprintln!("looking for the model");
                fail("the model is missing", None)
            }
            "stdout-error" => {
                println!("looking for the model");
                fail("the model is missing", None)
            }
            // The row of the first seven, or one that is none.
            "fail-seven" => match values(&input).iter().position(|value| *value == 7) {
                Some(row) => fail("seven is not allowed", Some(row as u32)),
                None => ints(values(&input)),
            },
            "fail-beyond" => fail("a row that is none", Some(input.rows)),
            "exit" => std::process::exit(3),
            "clock" => {
                let now = std::time::Instant::now();
                let passed = now.elapsed().as_nanos() as i64;
                ints(vec![passed; rows])
            }
            "file" => match std::fs::read("/etc/passwd") {
                Ok(_) => ok(vec![ones(rows)]),
                Err(error) => fail(&format!("reading: {error}"), None),
            },
            "environment" => {
                let seen = std::env::vars().count() + std::env::args().count();
                ints(vec![seen as i64; rows])
            }
            "hash-map" => {
                let map: HashMap<i64, ()> = (0..100).map(|i| (i, ())).collect();
                let order = map.keys().fold(0i64, |hash, key| hash.wrapping_mul(31).wrapping_add(*key));
                ints(vec![order; rows])
            }
            "calls" => {
                let calls = CALLS.with_borrow_mut(|calls| {
                    *calls += 1;
                    *calls
                });
                ints(vec![i64::from(calls); rows])
            }
            "noise" => {
                for _ in 0..10_000 {
                    eprintln!("all work and no play makes a plugin a dull component");
                }
                println!("and more");
                panic!("enough")
            }
            "log" => {
                for (level, line) in [(Level::Debug, "one"), (Level::Info, "two"), (Level::Warn, "three")] {
                    log(level, line);
                }
                log(Level::Error, "four\nin two lines");
                ok(vec![ones(rows)])
            }
            "log-much" => {
                for _ in 0..100 {
                    log(Level::Info, &"x".repeat(5000));
                }
                ok(vec![ones(rows)])
            }
            // There and back, through the host.
            "text" => {
                let texts = ["".to_owned(), "ä".to_owned(), "abc".to_owned()];
                let (offsets, data) = text::encode(&texts);
                let same = text::decode(&offsets, &data) == texts;
                ints(vec![data.len() as i64 * i64::from(same); rows])
            }
            "text-bad" => ints(vec![text::decode(&numbers(vec![0i32, 9]), b"abc").len() as i64; rows]),
            "rows" | "three-rows" => ints(vec![rows as i64; rows]),
            "large" => ok(vec![ones(1 << 20)]),
            "wild" => {
                let wild = unsafe { Vec::from_raw_parts(0x7000_0000 as *mut u8, 8000, 8000) };
                ok(vec![one(1000, wild)])
            }
            "validity" => ok(vec![Array { validity: Some(vec![1; rows]), ..ones(rows) }]),
            "not-null" => ok(vec![Array { validity: Some(vec![0b101]), ..ones(rows) }]),
            "decimal" => ok(vec![one(rows, numbers([1000i64, 0].repeat(rows)))]),
            "reject-null" => {
                let array = Array { validity: Some(vec![0b101]), ..ones(rows) };
                let rejects = wrong::rejecting(&[(1, b"null")]);
                Ok(Mapped { output: Batch { rows: input.rows, arrays: vec![array] }, rejects: Some(rejects) })
            }
            _ => {
                let doubled: Vec<i64> = values(&input).iter().map(|value| value.wrapping_mul(2)).collect();
                let validity = input.arrays[0].validity.clone();
                ok(vec![Array { validity, ..one(rows, numbers(doubled)) }])
            }
        }
    }
}

/// The first column's numbers.
fn values(input: &Batch) -> Vec<i64> {
    bytes(&input.arrays[0].buffers[0])
}
