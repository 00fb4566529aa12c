//! Keyed: how many rows a key has had, told in each epoch in which it has some.

use millstream_guest::prelude::*;

struct RunningCount;

impl Keyed for RunningCount {
    type State = u64;
    type Output = u64;

    fn bind(_config: &Config, _input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        Ok((Self, KeyedOutput::of(Fields::new().uint64("rows"))))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut State<u64>,
        out: &mut Out<u64>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        let seen = state.get_or_default();
        *seen += rows.len() as u64;
        out.push(*seen);
        Ok(())
    }
}

millstream_guest::keyed!(RunningCount);
