//! A map that does what the `do` of its configuration says: some of it right, most of it wrong.

wit_bindgen::generate!({ path: "../../../../../wit", world: "map-operator" });

use exports::millstream::operator::map::{Batch, Binding, Guest, InputField, Mapped, Problem, Reject};
use millstream::operator::columns::{BytesArray, Column, DataType, DecimalArray, Field, Values};
use std::cell::RefCell;
use std::collections::HashMap;

struct Plugin;
export!(Plugin);

thread_local! {
    static MODE: RefCell<String> = const { RefCell::new(String::new()) };
    static CALLS: RefCell<u32> = const { RefCell::new(0) };
}

fn field(name: &str, data_type: DataType, nullable: bool) -> Field {
    Field { name: name.to_owned(), data_type, nullable }
}

fn bytes(offsets: &[i32], data: &[u8]) -> BytesArray {
    BytesArray { offsets: offsets.to_vec(), data: data.to_vec() }
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

impl Guest for Plugin {
    fn bind(config: String, input: Vec<InputField>) -> Result<Binding, Problem> {
        let mode = config.split('"').nth(3).unwrap_or_default().to_owned();
        MODE.with_borrow_mut(|m| m.clone_from(&mode));
        let int = |name: &str| field(name, DataType::Int64, true);
        let first = |output: Vec<Field>| Ok(Binding { reads: vec![0], output });
        match mode.as_str() {
            "refuse" => Err(Problem { key: Some("do".to_owned()), message: "not like this".to_owned() }),
            "bind-panic" => panic!("no binding today"),
            "bind-loop" => loop {
                std::hint::black_box(());
            },
            "read-twice" => Ok(Binding { reads: vec![0, 0], output: vec![int("x")] }),
            "read-beyond" => Ok(Binding { reads: vec![99], output: vec![int("x")] }),
            "read-all" => Ok(Binding { reads: (0..input.len() as u32).collect(), output: vec![int("x")] }),
            "no-output" => first(vec![]),
            "same-names" => first(vec![int("x"), int("x")]),
            "no-name" => first(vec![int("")]),
            "other-output" => first(vec![field("x", DataType::Other("Interval".to_owned()), true)]),
            "bad-decimal" => first(vec![field("x", DataType::Decimal((39, 2)), true)]),
            // Hands every column back as it came.
            "echo" => Ok(Binding {
                reads: (0..input.len() as u32).collect(),
                output: input.into_iter().map(|input| input.field).collect(),
            }),
            // Tells what it was told.
            "describe" => {
                let told = format!("{input:?}");
                first(vec![field(&told, DataType::Int64, true)])
            }
            "not-null" | "reject-null" => first(vec![field("x", DataType::Int64, false)]),
            "decimal" => first(vec![field("x", DataType::Decimal((3, 1)), true)]),
            "offsets-down" | "offsets-start" | "offsets-beyond" | "offsets-short" | "not-utf8" | "half-character" => {
                first(vec![field("x", DataType::Utf8, true)])
            }
            _ => first(vec![int("x")]),
        }
    }

    fn call(input: Batch) -> Result<Mapped, String> {
        let rows = input.rows as usize;
        let mode = MODE.with_borrow(Clone::clone);
        let ok = |columns: Vec<Column>| Ok(Mapped { columns, rejects: vec![] });
        let one = |values: Values| ok(vec![Column { values, validity: None }]);
        let ints = |n: usize| Values::Int64(vec![1; n]);
        let rejecting = |rejects: Vec<Reject>| {
            Ok(Mapped { columns: vec![Column { values: ints(rows), validity: None }], rejects })
        };
        let reject = |row: usize, reason: &str| Reject { row: row as u32, reason: reason.to_owned() };
        match mode.as_str() {
            "echo" => ok(input.columns),
            "panic" => panic!("seven is not allowed\nand eight neither"),
            "index" => one(Values::Int64(vec![[1i64, 2, 3][rows + 3]; rows])),
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
            "recursion" => one(Values::Int64(vec![deeper(0); rows])),
            "deep-frames" => one(Values::Int64(vec![deeper_with_frames(0) as i64; rows])),
            "error" => Err("the model is missing".to_owned()),
            "stderr-error" => {
                eprintln!("looking for the model");
                Err("the model is missing".to_owned())
            }
            "exit" => std::process::exit(3),
            "clock" => {
                let now = std::time::Instant::now();
                one(Values::Int64(vec![now.elapsed().as_nanos() as i64; rows]))
            }
            "file" => match std::fs::read("/etc/passwd") {
                Ok(_) => one(ints(rows)),
                Err(error) => Err(format!("reading: {error}")),
            },
            "environment" => {
                let seen = std::env::vars().count() + std::env::args().count();
                one(Values::Int64(vec![seen as i64; rows]))
            }
            "hash-map" => {
                let map: HashMap<i64, ()> = (0..100).map(|i| (i, ())).collect();
                let order = map.keys().fold(0i64, |hash, key| hash.wrapping_mul(31).wrapping_add(*key));
                one(Values::Int64(vec![order; rows]))
            }
            "calls" => {
                let calls = CALLS.with_borrow_mut(|calls| {
                    *calls += 1;
                    *calls
                });
                one(Values::Int64(vec![i64::from(calls); rows]))
            }
            "noise" => {
                for _ in 0..10_000 {
                    eprintln!("all work and no play makes a plugin a dull component");
                }
                println!("and more");
                panic!("enough")
            }
            "large" => one(ints(1 << 20)),
            "wild" => one(Values::Int64(unsafe { Vec::from_raw_parts(0x7000_0000 as *mut i64, 1000, 1000) })),
            "offsets-down" => one(Values::Utf8(bytes(&[0, 2, 1, 3], b"abc"))),
            "offsets-start" => one(Values::Utf8(bytes(&[1, 2, 2, 3], b"abc"))),
            "offsets-beyond" => one(Values::Utf8(bytes(&[0, 1, 2, 4], b"abc"))),
            "offsets-short" => one(Values::Utf8(bytes(&[0, 1, 2], b"abc"))),
            "not-utf8" => one(Values::Utf8(bytes(&[0, 1, 2, 3], b"ab\xff"))),
            "half-character" => one(Values::Utf8(bytes(&[0, 1, 2, 2], "ä".as_bytes()))),
            "short" => one(ints(rows.saturating_sub(1))),
            "long" => one(ints(rows + 1)),
            "wrong-type" => one(Values::Float64(vec![1.0; rows])),
            "no-columns" => ok(vec![]),
            "validity" => ok(vec![Column { values: ints(rows), validity: Some(vec![1; rows]) }]),
            "not-null" => ok(vec![Column { values: ints(rows), validity: Some(vec![0b101]) }]),
            "decimal" => one(Values::Decimal(DecimalArray { words: [1000, 0].repeat(rows) })),
            "reject" => rejecting(vec![reject(0, "first"), reject(2, "third")]),
            "reject-null" => Ok(Mapped {
                columns: vec![Column { values: ints(rows), validity: Some(vec![0b101]) }],
                rejects: vec![reject(1, "null")],
            }),
            "reject-beyond" => rejecting(vec![reject(rows, "none")]),
            "reject-order" => rejecting(vec![reject(1, "b"), reject(0, "a")]),
            "reject-twice" => rejecting(vec![reject(1, "b"), reject(1, "b")]),
            "reject-much" => rejecting((0..rows).map(|row| reject(row, &"ä".repeat(3000))).collect()),
            _ => {
                let doubled = match &input.columns[0].values {
                    Values::Int64(values) => Values::Int64(values.iter().map(|v| v.wrapping_mul(2)).collect()),
                    _ => return Err("the first column is not an int64".to_owned()),
                };
                ok(vec![Column { values: doubled, validity: input.columns[0].validity.clone() }])
            }
        }
    }
}
