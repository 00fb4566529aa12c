//! Aggregate: the sum and the greatest of a column of numbers; of int64 for integers, else of float64.
//!
//! As in SQL, nulls don't count, and a group without values has null for both. A sum that leaves the range of int64
//! is an error and not a wrong number. As an SQL function an aggregate gives one value, so there `output` says which.

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
        let output = with.output.unwrap_or(if input.is_sql_call() { Output::Sum } else { Output::Both });
        let bytes = input.column_or(with.column.as_deref(), "bytes")?;
        let (column, data_type) = match bytes.is::<Integer>() {
            true => (Summed::Integers(bytes.integer()?), DataType::Int64),
            false => (Summed::Numbers(bytes.number()?), DataType::Float64),
        };
        let mut fields = Fields::new();
        if output != Output::Max {
            fields = fields.field("sum", data_type.clone());
        }
        if output != Output::Sum {
            fields = fields.field("max", data_type);
        }
        Ok((Self { column, output }, Aggregation::of(fields.clone(), fields)))
    }

    fn partial(&self, groups: &Groups, rows: &Batch) -> Result<Vec<Column>, Failure> {
        match self.column {
            Summed::Integers(input) => self.integers(groups, |_| rows.get(input)),
            Summed::Numbers(input) => Ok(self.numbers(groups, |_| rows.get(input))),
        }
    }

    fn merge(&self, groups: &Groups, states: &Batch) -> Result<Vec<Column>, Failure> {
        match self.column {
            Summed::Integers(_) => self.integers(groups, |i| states.at::<Int64>(i)),
            Summed::Numbers(_) => Ok(self.numbers(groups, |i| states.at::<Float64>(i))),
        }
    }

    fn finish(&self, states: Batch) -> Result<Vec<Column>, Failure> {
        Ok(states.columns)
    }
}

/// A sum of sums is a sum, a greatest of greatest the greatest: `partial` and `merge` differ in the columns they read.
impl SumAndMax {
    fn integers<'a>(&self, groups: &Groups, read: impl Fn(usize) -> I64Column<'a>) -> Result<Vec<Column>, Failure> {
        let mut columns = Vec::new();
        if self.output != Output::Max {
            columns.push(groups.sum_i64(&read(0))?);
        }
        if self.output != Output::Sum {
            columns.push(groups.max_i64(&read(columns.len())));
        }
        Ok(columns)
    }

    fn numbers<'a>(&self, groups: &Groups, read: impl Fn(usize) -> F64Column<'a>) -> Vec<Column> {
        let mut columns = Vec::new();
        if self.output != Output::Max {
            columns.push(groups.sum_f64(&read(0)));
        }
        if self.output != Output::Sum {
            columns.push(groups.max_f64(&read(columns.len())));
        }
        columns
    }
}

millstream_guest::aggregate!(SumAndMax);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, aggregate};

    use super::*;

    #[test]
    fn sum_and_greatest_per_group_leave_nulls_out() {
        let input = Table::new().int64("bytes", [Some(5), Some(-7), None, Some(9), None]);
        let output = aggregate::<SumAndMax>("{}", &[0, 0, 0, 2, 1], &input).unwrap();
        let expected = Table::new().int64("sum", [Some(-2), None, Some(9)]).int64("max", [Some(5), None, Some(9)]);
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
        assert!(fails("{}", Table::new().int64("bytes", [i64::MAX, 1])).contains("exceeds the range of int64"));
    }
}
