//! Keyed operator: clicks to sessions. A session goes on as long as each click comes within a gap of the one before; it
//! comes out when the watermark has passed its end, so that clicks may come in any order until then.

use millstream_guest::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The gap in microseconds, and the columns; `ends` are those of which the first and the last value are told.
pub struct Sessionise {
    gap: i64,
    time: Input<Timestamp>,
    ends: Vec<Input<Utf8>>,
}

#[derive(Deserialize)]
struct With {
    gap_seconds: Option<u32>,
    time: Option<String>,
    ends: Option<Vec<String>>,
}

/// A key's sessions that are not over yet.
#[derive(Default, Serialize, Deserialize)]
pub struct Open {
    sessions: Vec<Session>,
    next_tag: u32,
}

/// Times are microseconds since 1970. The values are those of the first and of the last click.
#[derive(Serialize, Deserialize)]
struct Session {
    start: i64,
    last: i64,
    clicks: u64,
    first_values: Vec<Option<String>>,
    last_values: Vec<Option<String>>,
    /// That of the timer at its end.
    tag: u32,
}

impl Session {
    /// With a session that touches it, whose clicks of equal time came later.
    fn merge(&mut self, other: Session) {
        if other.start < self.start {
            (self.start, self.first_values) = (other.start, other.first_values);
        }
        if other.last >= self.last {
            (self.last, self.last_values) = (other.last, other.last_values);
        }
        self.clicks += other.clicks;
    }
}

impl Open {
    /// A click is a session of its own, until those that it touches are put to it.
    fn add(&mut self, gap: i64, at: i64, values: Vec<Option<String>>, timers: &mut Timers) {
        let tag = self.next_tag;
        let click = Session { start: at, last: at, clicks: 1, first_values: values.clone(), last_values: values, tag };
        let touches =
            |session: &mut Session| session.start.saturating_sub(gap) < at && at < session.last.saturating_add(gap);
        let mut touched = self.sessions.extract_if(.., touches).collect::<Vec<_>>().into_iter();
        let session = match touched.next() {
            None => {
                self.next_tag = self.next_tag.wrapping_add(1);
                click
            }
            Some(mut session) => {
                for other in touched {
                    timers.clear(other.tag);
                    session.merge(other);
                }
                session.merge(click);
                session
            }
        };
        timers.set(session.tag, session.last.saturating_add(gap));
        self.sessions.push(session);
    }
}

impl Keyed for Sessionise {
    type State = Open;
    type Output = Values;

    fn bind(config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let with: With = config.parse()?;
        let gap = i64::from(with.gap_seconds.unwrap_or(30 * 60)) * 1_000_000;
        if gap == 0 {
            return Err(Problem::with_key("gap_seconds", "a gap has one second or more"));
        }
        let names = with.ends.unwrap_or_default();
        let ends = names.iter().map(|name| input.column(name)?.utf8()).collect::<Result<_, _>>()?;
        let fields = Fields::new().timestamp("start").timestamp("last").timestamp("end").uint64("clicks");
        let fields =
            names.iter().fold(fields, |fields, name| fields.utf8(format!("first_{name}")).utf8(format!("last_{name}")));
        let time = input.column(with.time.as_deref().unwrap_or("at"))?.timestamp()?;
        Ok((Self { gap, time, ends }, KeyedOutput::of(fields).event_time("end").late_rows_aside()))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut State<Open>,
        out: &mut Out<Values>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        let ends: Vec<_> = self.ends.iter().map(|column| rows.get(*column)).collect();
        for (row, at) in rows.get(self.time).iter().enumerate() {
            let Some(at) = at else {
                out.reject(row, "a click without a time belongs to no session");
                continue;
            };
            let values = ends.iter().map(|column| column.get(row).map(String::from)).collect();
            state.get_or_default().add(self.gap, at, values, timers);
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _key: &Key,
        timer: &Timer,
        state: &mut State<Open>,
        out: &mut Out<Values>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        let Some(open) = state.get_mut() else { return Ok(()) };
        for session in open.sessions.extract_if(.., |session| session.tag == timer.tag) {
            let mut values = vec![session.start.into(), session.last.into(), timer.at.into(), session.clicks.into()];
            for (first, last) in session.first_values.into_iter().zip(session.last_values) {
                values.extend([Value::from(first), last.into()]);
            }
            out.push(Values(values));
        }
        if open.sessions.is_empty() {
            state.remove();
        }
        Ok(())
    }

    fn about() -> About {
        About::new().config_schema(include_str!("config.json"))
    }
}

millstream_guest::keyed!(Sessionise);
