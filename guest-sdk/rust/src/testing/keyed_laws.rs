//! What must hold of every keyed operator, since how keys are cut into calls means nothing and an epoch may be run again:
//! tried on an author's own rows.

use super::{
    alike::alike,
    keyed::{Cut, KeyedJob, KeyedOutcome, keyed},
    run::{Broken, TestError},
    table::Table,
};
use crate::{operator::Keyed, value::Value};

/// Epochs that are run for the timers that are set.
const MOST_FOR_TIMERS: usize = 16;

/// Tries on the table's rows what must hold of every keyed operator:
///
/// - **instances**: two instances bound alike give the same;
/// - **written**: a state that is read and written again is the same, byte by byte, after every epoch;
/// - **order**: it does not matter in which order keys come;
/// - **alone**: a key's result does not depend on which other keys are dealt with beside it;
/// - **calls**: a key's rows, or timers, in several calls give what they give in one.
///
/// The rows come in three epochs and the watermark, if there is an event time, follows them; then the clocks move to
/// each timer that is set, sixteen times at the most. Compared are rows that come out, rejects, late rows, states and
/// timers, after every epoch. Floats that come out may differ by rounding, states may not.
///
/// ```
/// # use millstream_guest::{prelude::*, testing::{self, Table}};
/// /// Wrong: it gives a row for each call, and how rows are cut into calls means nothing.
/// struct Count;
///
/// impl Keyed for Count {
///     type State = u64;
///     type Output = u64;
///
///     fn bind(_config: &Config, _input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
///         Ok((Self, KeyedOutput::of(Fields::new().uint64("rows"))))
///     }
///
///     fn on_rows(
///         &self,
///         _key: &Key,
///         rows: &Rows,
///         state: &mut State<u64>,
///         out: &mut Out<u64>,
///         _timers: &mut Timers,
///     ) -> Result<(), Failure> {
///         *state.get_or_default() += rows.len() as u64;
///         out.push(*state.get_or_default());
///         Ok(())
///     }
/// }
///
/// let rows = Table::new().utf8("user", ["ann", "ann", "bob"]);
/// // One row a key and epoch: no key has two rows in one, so nothing is wrong.
/// testing::keyed_laws::<Count>("{}", &["user"], None, &rows).unwrap();
/// let rows = rows.take(&[0, 1, 0, 1, 0, 1]);
/// let broken = testing::keyed_laws::<Count>("{}", &["user"], None, &rows).unwrap_err().to_string();
/// assert!(broken.starts_with("a key's rows in several calls do not give what they give in one:"), "{broken}");
/// ```
///
/// # Errors
/// The first law that does not hold, with both results: [`TestError::Law`]. If a call cannot be made, its error.
///
/// # Panics
/// If the table has no such columns.
pub fn keyed_laws<K: Keyed>(
    config: &str,
    key_by: &[&str],
    event_time: Option<&str>,
    rows: &Table,
) -> Result<(), TestError> {
    let whole = Cut { keys: usize::MAX, rows: usize::MAX, is_reversed: false };
    let run = |cut: Cut| {
        let mut job = keyed::<K>(config, key_by, rows)?.cut(cut);
        if let Some(column) = event_time {
            job = job.event_time(column);
        }
        Ok::<_, TestError>(job)
    };
    let told = epochs(run(whole)?, event_time, rows, true)?;
    for (law, one, other, cut) in [
        ("two instances bound alike do not give the same", "one", "the other", whole),
        ("the order of keys makes a difference", "one order", "the other", Cut { is_reversed: true, ..whole }),
        (
            "a key's result depends on the other keys of its call",
            "all keys in one call",
            "each in a call of its own",
            Cut { keys: 1, ..whole },
        ),
        (CALLS, "one call", "calls of two rows", Cut { keys: 1, rows: 2, ..whole }),
        (CALLS, "one call", "calls of one row", Cut { keys: 1, rows: 1, ..whole }),
    ] {
        let others = epochs(run(cut)?, event_time, rows, false)?;
        for (a, b) in told.iter().zip(&others) {
            if !alike(&a.table, &b.table) {
                let told = |way: &str, epoch: &Epoch| (format!("{way}, {}", epoch.what), epoch.table.clone());
                return Err(TestError::Law(Box::new(Broken { law, one: told(one, a), other: told(other, b) })));
            }
        }
        if told.len() != others.len() {
            let what = format!("{law}: {} epochs are run for timers, and {}", told.len(), others.len());
            return Err(TestError::Contract(what));
        }
    }
    Ok(())
}

const CALLS: &str = "a key's rows in several calls do not give what they give in one";

/// What is compared of an epoch.
struct Epoch {
    what: String,
    table: Table,
}

/// Runs the epochs; of each, what comes out and what is kept then.
fn epochs(mut job: KeyedJob, event_time: Option<&str>, rows: &Table, writes: bool) -> Result<Vec<Epoch>, TestError> {
    let mut told = Vec::new();
    let mut latest = None;
    let part = rows.rows().div_ceil(3).max(1);
    let all: Vec<usize> = (0..rows.rows()).collect();
    for (number, part) in all.chunks(part).enumerate() {
        let rows = rows.take(part);
        let came = match latest {
            Some(latest) => job.epoch(&rows, latest)?,
            None => job.rows(&rows)?,
        };
        if let Some(column) = event_time {
            let times = rows.select(&[column]);
            let times = (0..times.rows()).filter_map(|row| match times.row(row)[0] {
                Value::Int(at) => Some(at as i64),
                _ => None,
            });
            latest = times.max().max(latest);
        }
        tell(&mut told, &job, &format!("epoch {number}"), came, writes)?;
    }
    for _ in 0..MOST_FOR_TIMERS {
        let Some((by_watermark, at)) = job.next_timer() else { break };
        let came = if by_watermark { job.watermark(at)? } else { job.now(at)? };
        let clock = if by_watermark { "watermark" } else { "processing time" };
        tell(&mut told, &job, &format!("{clock} {at}"), came, writes)?;
    }
    Ok(told)
}

fn tell(told: &mut Vec<Epoch>, job: &KeyedJob, when: &str, came: KeyedOutcome, writes: bool) -> Result<(), TestError> {
    let rejects = came.rejects.iter().map(|(row, reason)| format!("row {row}: {reason}"));
    let failed = came.failed_timers.iter().map(|(key, timer, reason)| format!("{key:?} {timer:?}: {reason}"));
    let refused: Vec<String> = rejects.chain(failed).collect();
    let kept = job.kept_told();
    if writes {
        let again = job.written_again()?;
        if again != kept {
            let (law, one, other) = (
                "a state that is read and written again has other bytes (is there a hash map in it?)",
                (format!("as it was stored, {when}"), texts("kept", &kept)),
                ("written again".to_owned(), texts("kept", &again)),
            );
            return Err(TestError::Law(Box::new(Broken { law, one, other })));
        }
    }
    for (what, table) in [
        ("what comes out", came.table),
        ("late rows", came.late),
        ("what is refused", texts("refused", &refused)),
        ("what is kept", texts("kept", &kept)),
        ("timers", texts("timers", &job.timers_told())),
    ] {
        told.push(Epoch { what: format!("{when}, {what}"), table });
    }
    Ok(())
}

fn texts(name: &str, texts: &[String]) -> Table {
    Table::new().utf8(name, texts.iter().map(String::as_str))
}
