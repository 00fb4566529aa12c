//! Keyed: a timer for each row, set to the row's time; what it says when it fires is that time.

use millstream_guest::prelude::*;

struct Reminders {
    due: Input<Timestamp>,
}

impl Keyed for Reminders {
    type State = ();
    type Output = Micros;

    fn bind(_config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let due = input.column("due")?.timestamp()?;
        Ok((Self { due }, KeyedOutput::of(Fields::new().timestamp("at")).event_time("at")))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        _state: &mut State<()>,
        _out: &mut Out<Micros>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        for (tag, due) in (0..).zip(rows.get(self.due).iter()) {
            timers.set(tag, due.ok_or("a row without a time")?);
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _key: &Key,
        timer: &Timer,
        _state: &mut State<()>,
        out: &mut Out<Micros>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        out.push(Micros(timer.at));
        Ok(())
    }
}

millstream_guest::keyed!(Reminders);
