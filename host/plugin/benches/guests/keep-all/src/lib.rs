//! Filter: reads nothing and keeps every row, so that a call of it is nothing but a call.

use millstream_guest::prelude::*;

struct KeepAll;

impl Filter for KeepAll {
    fn bind(_config: &Config, _input: &Schema) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn call(&self, batch: &Batch) -> Result<Selection, Failure> {
        Ok(Bitmap::ones(batch.rows()).into())
    }
}

millstream_guest::filter!(KeepAll);
