//! The mean of `value`.

use millstream_guest::prelude::*;

/// The mean of `value`.
struct MyPlugin;

impl Fold for MyPlugin {
    type Input = Number;
    type State = (f64, i64); // sum, count
    type Output = Option<f64>;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<Number>, Fields), Problem> {
        Ok((Self, input.column_or(None, "value")?.number()?, Fields::new().float64("mean")))
    }

    fn add(&self, (sum, count): &mut (f64, i64), value: Option<f64>) {
        let Some(value) = value else { return };
        *sum += value;
        *count += 1;
    }

    fn merge(&self, into: &mut (f64, i64), later: (f64, i64)) {
        *into = (into.0 + later.0, into.1 + later.1);
    }

    fn finish(&self, (sum, count): (f64, i64)) -> Option<f64> {
        (count > 0).then(|| sum / count as f64)
    }
}

millstream_guest::fold!(MyPlugin);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{self, Table};

    use super::*;

    #[test]
    fn each_group_has_its_mean() {
        let input = Table::new().float64("value", [Some(2.0), Some(4.0), None]);
        let output = testing::fold::<MyPlugin>("{}", &[0, 0, 1], &input).unwrap();
        assert_eq!(output, Table::new().float64("mean", [Some(3.0), None]));
        testing::fold_laws::<MyPlugin>("{}", &input).unwrap();
    }
}
