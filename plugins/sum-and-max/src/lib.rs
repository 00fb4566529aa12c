//! Aggregate: the sum and the greatest of a column of numbers; of int64 for integers, else of float64.
//!
//! As in SQL, nulls don't count, and a group without values has null for both. A sum that does not fit int64 is an
//! error about its group and not a wrong number: until it comes out it is a decimal. As an SQL function an aggregate gives one value, so there `output` says which.

use millstream_guest::prelude::*;
use serde::Deserialize;

/// The configuration and the column that is summed.
pub struct SumAndMax {
    column: Summed,
    output: Output,
}

enum Summed {
    Integers(Input<Integer>),
    Numbers(Input<Number>),
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Output {
    Sum,
    Max,
    Both,
}

#[derive(Deserialize)]
struct With {
    column: Option<String>,
    output: Option<Output>,
}

impl Aggregate for SumAndMax {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Aggregation), Problem> {
        let with: With = config.parse()?;
        let asked = match input.is_sql_call() && input.len() > 1 {
            true => asked(input)?,
            false => None,
        };
        let usual = if input.is_sql_call() { Output::Sum } else { Output::Both };
        let output = asked.or(with.output).unwrap_or(usual);
        let bytes = input.column_or(with.column.as_deref(), "bytes")?;
        let (column, data_type) = match bytes.is::<Integer>() {
            true => (Summed::Integers(bytes.integer()?), DataType::Int64),
            false => (Summed::Numbers(bytes.number()?), DataType::Float64),
        };
        let (mut state, mut fields) = (Fields::new(), Fields::new());
        if output != Output::Max {
            state = match column {
                Summed::Integers(_) => state.int128("sum"),
                Summed::Numbers(_) => state.float64("sum"),
            };
            fields = fields.field("sum", data_type.clone());
        }
        if output != Output::Sum {
            state = state.field("max", data_type.clone());
            fields = fields.field("max", data_type);
        }
        Ok((Self { column, output }, Aggregation::of(state, fields).state_version(2)))
    }

    fn partial(&self, groups: &Groups, rows: &Batch) -> Result<Vec<Column>, Failure> {
        match self.column {
            Summed::Integers(input) => {
                let values = rows.get(input);
                Ok(self.columns(|| groups.total_i64(&values), || groups.max_i64(&values)))
            }
            Summed::Numbers(input) => Ok(self.numbers(groups, |_| rows.get(input))),
        }
    }

    fn merge(&self, groups: &Groups, states: &Batch) -> Result<Vec<Column>, Failure> {
        match self.column {
            Summed::Integers(_) => Ok(self.columns(
                || groups.sum_totals(&states.at::<Decimal>(0)),
                || groups.max_i64(&states.at::<Int64>(states.columns.len() - 1)),
            )),
            Summed::Numbers(_) => Ok(self.numbers(groups, |i| states.at::<Float64>(i))),
        }
    }

    fn finish(&self, mut states: Batch) -> Result<Vec<Column>, Failure> {
        if matches!(self.column, Summed::Integers(_)) && self.output != Output::Max {
            states.columns[0] = kernel::narrow_i64(&states.at::<Decimal>(0), "sum")?;
        }
        Ok(states.columns)
    }

    /// Version 1 kept the sum of integers as int64.
    fn migrate(&self, _version: u32, _old: &[Field], mut states: Batch) -> Result<Vec<Column>, Failure> {
        if matches!(self.column, Summed::Integers(_)) && self.output != Output::Max {
            let each: Vec<u32> = (0..states.rows).collect();
            states.columns[0] = Groups::new(&each, each.len()).total_i64(&states.at::<Int64>(0));
        }
        Ok(states.columns)
    }

    fn about() -> About {
        let about = About::new().config_schema(SCHEMA).takes("<column>", "any number", "what is summed; else `bytes`");
        let about = about.makes("sum", "int64 or float64", "the sum, null where there is no value");
        about.makes("max", "int64 or float64", "the greatest")
    }
}

const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "column": {"type": "string", "default": "bytes", "description": "the column that is summed; in SQL the first argument"},
    "output": {"enum": ["sum", "max", "both"], "description": "in SQL the second argument; else both"}
  },
  "additionalProperties": false
}"#;

/// The output that a call in SQL asks for with a constant: `total(bytes, 'max')`.
fn asked(input: &Schema) -> Result<Option<Output>, Problem> {
    let constant = input.argument(1)?.constant::<Utf8>()?;
    match constant.as_ref().and_then(|name| name.get(0)) {
        Some("sum") => Ok(Some(Output::Sum)),
        Some("max") => Ok(Some(Output::Max)),
        _ => Err(Problem::new("the second argument is a constant, 'sum' or 'max'")),
    }
}

/// A sum of sums is a sum, a greatest of greatest the greatest: `partial` and `merge` differ in the columns they read.
impl SumAndMax {
    fn numbers<'a>(&self, groups: &Groups, read: impl Fn(usize) -> F64Column<'a>) -> Vec<Column> {
        let last = usize::from(self.output == Output::Both);
        self.columns(|| groups.sum_f64(&read(0)), || groups.max_f64(&read(last)))
    }

    fn columns(&self, sum: impl FnOnce() -> Column, max: impl FnOnce() -> Column) -> Vec<Column> {
        match self.output {
            Output::Sum => vec![sum()],
            Output::Max => vec![max()],
            Output::Both => vec![sum(), max()],
        }
    }
}

millstream_guest::aggregate!(SumAndMax);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, aggregate, laws};

    use super::*;

    #[test]
    fn sum_and_greatest_per_group_leave_nulls_out() {
        let input = Table::new().int64("bytes", [Some(5), Some(-7), None, Some(9), None]);
        let output = aggregate::<SumAndMax>("{}", &[0, 0, 0, 2, 1], &input).unwrap();
        let expected = Table::new().int64("sum", [Some(-2), None, Some(9)]).int64("max", [Some(5), None, Some(9)]);
        assert_eq!(output, expected);
    }

    #[test]
    fn rows_may_be_cut_and_states_merged_in_any_way() {
        let integers = [Some(5), Some(-7), None, Some(9), None, Some(i64::MAX), Some(-i64::MAX)];
        let floats = [0.5, -0.25, f64::NAN, -0.0, f64::INFINITY, 1e300, 3.0];
        let input = Table::new().int64("bytes", integers).float64("took", floats);
        for config in ["{}", r#"{"output": "sum"}"#, r#"{"output": "max"}"#, r#"{"column": "took"}"#] {
            laws::<SumAndMax>(config, &input).unwrap();
        }
    }

    #[test]
    fn a_sum_may_be_too_large_for_a_while() {
        let input = Table::new().int64("bytes", [i64::MAX, i64::MAX, -i64::MAX, i64::MIN]);
        let output = aggregate::<SumAndMax>("{}", &[0, 0, 0, 1], &input).unwrap();
        let expected = Table::new().int64("sum", [i64::MAX, i64::MIN]).int64("max", [i64::MAX, i64::MIN]);
        assert_eq!(output, expected);
    }

    #[test]
    fn other_types_and_columns_and_one_output_only() {
        let input = Table::new().float64("took", [0.5, 0.25]).int32("size", [3, 4]);
        let sum = aggregate::<SumAndMax>(r#"{"column": "took", "output": "sum"}"#, &[0, 0], &input).unwrap();
        assert_eq!(sum, Table::new().float64("sum", [0.75]));
        let max = aggregate::<SumAndMax>(r#"{"column": "size", "output": "max"}"#, &[0, 0], &input).unwrap();
        assert_eq!(max, Table::new().int64("max", [4]));
    }

    #[test]
    fn as_an_sql_function_it_gives_one_column() {
        let output = aggregate::<SumAndMax>("{}", &[0, 0], &Table::new().int64("arg0", [1, 2])).unwrap();
        assert_eq!(output, Table::new().int64("sum", [3]));
    }

    #[test]
    fn what_will_not_do_is_refused() {
        let fails = |config, input: Table| {
            aggregate::<SumAndMax>(config, &vec![0; input.rows()], &input).unwrap_err().to_string()
        };
        assert!(fails(r#"{"output": "least"}"#, Table::new().int64("bytes", [1])).contains("unknown variant `least`"));
        assert!(fails("{}", Table::new().utf8("bytes", ["1"])).contains("`bytes` is utf8; this plugin needs a number"));
        let sum = fails("{}", Table::new().int64("bytes", [i64::MAX, 1]));
        assert!(sum.contains("sum = 9223372036854775808 does not fit int64"), "{sum}");
    }
}
