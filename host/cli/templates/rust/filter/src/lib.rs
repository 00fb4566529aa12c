//! Keeps the rows whose `value` is so great at least.

use millstream_guest::prelude::*;

/// Keeps the rows whose `value` is so great at least.
struct MyPlugin {
    value: Input<Number>,
    least: f64,
}

impl Filter for MyPlugin {
    fn bind(config: &Config, input: &Schema) -> Result<Self, Problem> {
        Ok(Self { value: input.column("value")?.number()?, least: config.get("least")? })
    }

    fn call(&self, batch: &Batch) -> Result<Selection, Failure> {
        Ok(kernel::select(&batch.get(self.value), |value| value >= self.least).into())
    }
}

millstream_guest::filter!(MyPlugin);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{self, Table};

    use super::*;

    #[test]
    fn great_values_are_kept() {
        let input = Table::new().float64("value", [Some(1.0), Some(2.5), None]);
        let output = testing::filter::<MyPlugin>(r#"{"least": 2}"#, &input).unwrap();
        assert_eq!(output.table, Table::new().float64("value", [2.5]));
    }
}
