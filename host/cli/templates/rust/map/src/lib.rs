//! Adds `scaled`, which is `value` so many times.

use millstream_guest::prelude::*;

/// Adds `scaled`, which is `value` so many times.
struct MyPlugin {
    value: Input<Number>,
    factor: f64,
}

impl Map for MyPlugin {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let plugin = Self { value: input.column("value")?.number()?, factor: config.get_or("factor", 2.0)? };
        Ok((plugin, Fields::new().float64("scaled")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let values = batch.get(self.value);
        Ok(Mapped::try_each(&batch, |row| -> Result<Option<f64>, String> {
            let Some(value) = values.get(row) else { return Ok(None) };
            match value * self.factor {
                scaled if scaled.is_finite() => Ok(Some(scaled)),
                _ => Err("it would be too large".into()),
            }
        }))
    }
}

millstream_guest::map!(MyPlugin);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{self, Table};

    use super::*;

    #[test]
    fn values_are_scaled() {
        let input = Table::new().float64("value", [Some(1.0), None]);
        let output = testing::map::<MyPlugin>(r#"{"factor": 3}"#, &input).unwrap();
        let expected = Table::new().float64("value", [Some(1.0), None]).float64("scaled", [Some(3.0), None]);
        assert_eq!(output.table, expected);
    }
}
