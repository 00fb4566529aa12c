//! The testing functions notice what the host would: answers that break the contract, states that don't merge.

use super::*;
use crate::{buffer::BufferBuilder, prelude::*, testing::Cell as TableCell};

/// Returns whatever its configuration says, as utf8.
struct Returns(String);

impl Map for Returns {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        input.column("v")?.utf8()?;
        Ok((Self(config.text("what")?), Fields::new().utf8("out").not_null()))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let mut column = Column::utf8(vec!["ü"; batch.rows()]);
        let offsets = |offsets: [i32; 4]| BufferBuilder::map(&offsets, |offset| offset).into();
        match self.0.as_str() {
            "falling" => column.buffers[0] = offsets([0, 7, 4, 6]),
            "split" => column.buffers[0] = offsets([0, 1, 4, 6]),
            "null" => column.validity = Some(vec![0b101]),
            "number" => column = Column::float64(vec![0.0; batch.rows()]),
            _ => Err("no such thing")?,
        }
        Ok(column.into())
    }
}

#[test]
fn answers_that_break_the_contract_are_named() {
    let input = Table::new().utf8("v", ["a", "b", "c"]);
    for (what, message) in [
        ("falling", "column `out`: the offsets go down at row 1: 4 after 7"),
        ("split", "column `out`: row 0 is not valid UTF-8"),
        ("null", "column `out`: row 1 is null; `bind` promised that none is"),
    ] {
        let error = map::<Returns>(&format!(r#"{{"what": "{what}"}}"#), &input).unwrap_err();
        assert_eq!(error, TestError::Contract(message.into()));
    }
    let failed = |message: &str| Err(TestError::Call { message: message.into(), row: None });
    assert_eq!(map::<Returns>(r#"{"what": ""}"#, &input), failed("no such thing"));
    // Seen by the SDK itself, since the host could not.
    let number = failed("column `out` was returned as float64; `bind` promised utf8");
    assert_eq!(map::<Returns>(r#"{"what": "number"}"#, &input), number);
}

/// Counts batches: a state that depends on how the rows were cut, and so is none.
struct CountsBatches;

impl Fold for CountsBatches {
    type Input = Int64;
    type State = (i64, bool);
    type Output = i64;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<Int64>, Fields), Problem> {
        Ok((Self, input.argument(0)?.int64()?, Fields::new().int64("batches")))
    }

    fn add(&self, state: &mut (i64, bool), _value: Option<i64>) {
        *state = (1, true);
    }

    fn merge(&self, into: &mut (i64, bool), later: (i64, bool)) {
        into.0 += later.0;
    }

    fn finish(&self, state: (i64, bool)) -> i64 {
        state.0
    }
}

#[test]
fn an_aggregate_that_depends_on_the_cut_of_its_batches_is_found() {
    let error = fold::<CountsBatches>("{}", &[0, 0, 0], &Table::new().int64("n", [1, 2, 3])).unwrap_err();
    assert!(error.to_string().contains("in one batch and in several give different results"), "{error}");
    fold::<CountsBatches>("{}", &[0], &Table::new().int64("n", [1])).unwrap();
}

/// A fold over several columns with a state of every kind of cell.
struct EveryCell;

type Cells = (bool, i32, Option<i64>, u64, f64, Micros, Option<String>, Vec<u8>);

impl Fold for EveryCell {
    type Input = (Utf8, Integer);
    type State = Cells;
    type Output = (bool, i32, Option<i64>, u64, f64, Micros, Option<String>, Vec<u8>);

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, (Input<Utf8>, Input<Integer>), Fields), Problem> {
        let columns = (input.column("text")?.utf8()?, input.column("n")?.integer()?);
        let output = Fields::new().bool("a").int32("b").int64("c").uint64("d").float64("e").timestamp("f");
        Ok((Self, columns, output.utf8("g").binary("h")))
    }

    fn add(&self, state: &mut Cells, (text, n): (Option<&str>, Option<i64>)) {
        let n = n.unwrap_or(0);
        let text = text.unwrap_or("-");
        let row = (n > 1, n as i32, Some(n), n as u64, n as f64, Micros(n), Some(text.to_owned()), text.into());
        self.merge(state, row);
    }

    fn merge(&self, into: &mut Cells, later: Cells) {
        into.0 |= later.0;
        into.1 += later.1;
        into.2 = into.2.max(later.2);
        into.3 += later.3;
        into.4 += later.4;
        into.5 = into.5.max(later.5);
        if let Some(text) = later.6 {
            into.6.get_or_insert_default().push_str(&text);
        }
        into.7.extend(later.7);
    }

    fn finish(&self, state: Cells) -> Cells {
        state
    }
}

#[test]
fn states_of_every_kind_go_into_columns_and_come_back() {
    let input = Table::new().utf8("text", [Some("x"), None, Some("z")]).uint8("n", [Some(1), Some(2), None]);
    let output = fold::<EveryCell>("{}", &[1, 1, 1], &input).unwrap();
    assert_eq!(
        output.row(1),
        [
            TableCell::Bool(true),
            TableCell::Int(3),
            TableCell::Int(2),
            TableCell::Int(3),
            TableCell::Float(3.0),
            TableCell::Int(2),
            TableCell::Text("x-z".into()),
            TableCell::Bytes(b"x-z".to_vec()),
        ]
    );
    assert_eq!(output.row(0)[2], TableCell::Null);
}

/// Takes two arguments, the second a constant.
struct Repeats(Input<Utf8>, usize);

impl Map for Repeats {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let times = input.argument(1)?;
        let times = times.constant::<Int64>()?.and_then(|view| view.get(0));
        let times = times.ok_or_else(|| Problem::new("the second argument must be a constant"))?;
        Ok((Self(input.argument(0)?.utf8()?, times as usize), Fields::new().utf8("repeated")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        assert_eq!(batch.columns.len(), 1, "only what is read is handed over");
        let text = batch.get(self.0);
        Ok(Mapped::each(&batch, |row| text.get(row).map(|text| text.repeat(self.1))))
    }
}

#[test]
fn sql_arguments_are_columns_or_constants_and_none_is_ignored() {
    let text = || Table::new().utf8("arg0", [Some("ab"), None]);
    let output = map::<Repeats>("{}", &text().int64("arg1", [2, 2]).constant()).unwrap().table;
    assert_eq!(output.select(&["repeated"]), Table::new().utf8("repeated", [Some("abab"), None]));
    let problem = |input: &Table| map::<Repeats>("{}", input).unwrap_err().to_string();
    assert_eq!(problem(&text().int64("arg1", [2, 2])), "bind: the second argument must be a constant");
    assert_eq!(problem(&text()), "bind: argument 2 is needed; there are 1");
    let three = text().int64("arg1", [2, 2]).constant().int64("arg2", [1, 1]);
    assert_eq!(problem(&three), "bind: called with 3 arguments; the plugin takes 2");
}

/// Rejects rows in the middle of their output.
struct RejectsHalfWay(Input<Int64>);

impl FlatMap for RejectsHalfWay {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        Ok((Self(input.column("n")?.int64()?), Fields::new().int64("i").bool("odd").decimal("d", 5, 0).date("on")))
    }

    fn call(&self, batch: &Batch, out: Expander) -> Result<Expanded, Failure> {
        let n = batch.get(self.0);
        Ok(out.each_row(|row, sink| {
            for i in 0..n.get(row).unwrap_or(0) {
                if i == 3 {
                    sink.reject("counts beyond three");
                }
                sink.push((i, (i % 2 == 1).then_some(true), i128::from(-i), Days(0)));
            }
        }))
    }
}

#[test]
fn what_a_rejected_row_pushed_is_taken_back() {
    let output = flat_map::<RejectsHalfWay>("{}", &Table::new().int64("n", [2, 4, 0, 1])).unwrap();
    assert_eq!(output.rejects, [(1, "counts beyond three".to_string())]);
    let expected = Table::new()
        .int64("n", [2, 2, 1])
        .int64("i", [0, 1, 0])
        .bool("odd", [None, Some(true), None])
        .decimal("d", (5, 0), [0, -1, 0])
        .date("on", [0, 0, 0]);
    assert_eq!(output.table, expected);
}
