//! Sum and greatest of a column of numbers, or what the `do` of its configuration says instead.

wit_bindgen::generate!({ path: "../../../../../wit", world: "aggregate-operator" });

use exports::millstream::operator::aggregate::{AggregateBinding, Batch, Binding, Guest, InputField, Problem};
use millstream::operator::columns::{Column, DataType, Field, Values};
use std::cell::RefCell;

struct Plugin;
export!(Plugin);

thread_local! {
    static MODE: RefCell<String> = const { RefCell::new(String::new()) };
}

fn field(name: &str) -> Field {
    Field { name: name.to_owned(), data_type: DataType::Int64, nullable: false }
}

fn ints(column: &Column) -> Result<&[i64], String> {
    match &column.values {
        Values::Int64(values) => Ok(values),
        _ => Err("not an int64".to_owned()),
    }
}

fn column(values: Vec<i64>) -> Column {
    Column { values: Values::Int64(values), validity: None }
}

fn fold(groups: &[u32], count: u32, sums: &[i64], greatest: &[i64]) -> Batch {
    let (mut sum, mut max) = (vec![0; count as usize], vec![i64::MIN; count as usize]);
    for ((&group, value), greatest) in groups.iter().zip(sums).zip(greatest) {
        sum[group as usize] += value;
        max[group as usize] = max[group as usize].max(*greatest);
    }
    Batch { rows: count, columns: vec![column(sum), column(max)] }
}

impl Guest for Plugin {
    fn bind(config: String, _: Vec<InputField>) -> Result<AggregateBinding, Problem> {
        let mode = config.split('"').nth(3).unwrap_or_default().to_owned();
        let state = if mode == "no-state" { vec![] } else { vec![field("sum"), field("greatest")] };
        MODE.with_borrow_mut(|m| *m = mode);
        let binding = Binding { reads: vec![0], output: vec![field("sum"), field("greatest")] };
        Ok(AggregateBinding { binding, state, state_version: 2 })
    }

    fn partial(groups: Vec<u32>, group_count: u32, input: Batch) -> Result<Batch, String> {
        let values = ints(&input.columns[0])?;
        let mut states = fold(&groups, group_count, values, values);
        if MODE.with_borrow(|mode| mode == "rows") {
            states.rows += 1;
        }
        Ok(states)
    }

    fn merge(groups: Vec<u32>, group_count: u32, states: Batch) -> Result<Batch, String> {
        if MODE.with_borrow(|mode| mode == "merge-panic") {
            panic!("states do not mix");
        }
        Ok(fold(&groups, group_count, ints(&states.columns[0])?, ints(&states.columns[1])?))
    }

    fn finish(states: Batch) -> Result<Vec<Column>, String> {
        Ok(states.columns)
    }

    /// Version 1 kept the sum alone.
    fn migrate(from_version: u32, old: Vec<Field>, mut states: Batch) -> Result<Batch, String> {
        if from_version != 1 || old.len() != 1 {
            return Err(format!("no way from version {from_version} with {} columns", old.len()));
        }
        states.columns.push(column(vec![i64::MIN; states.rows as usize]));
        Ok(states)
    }
}
