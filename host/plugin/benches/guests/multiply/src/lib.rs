//! Map: a column of float64 times a constant, where its values lie.

use millstream_guest::prelude::*;

struct Multiply {
    x: Input<Float64>,
    by: f64,
}

impl Map for Multiply {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let plugin = Self { x: input.column("x")?.float64()?, by: config.get("by")? };
        Ok((plugin, Fields::new().float64("product")))
    }

    fn call(&self, mut batch: Batch) -> Result<Mapped, Failure> {
        Ok(kernel::map_in_place::<Float64>(batch.take(self.x), |x| x * self.by).into())
    }
}

millstream_guest::map!(Multiply);
