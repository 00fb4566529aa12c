//! The epochs of a trial: which rows and timers come in which, where the clocks stand, and how they are cut into calls.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::interleave;
use arrow::datatypes::{FieldRef, TimestampMicrosecondType};
use arrow::row::{RowConverter, SortField};

use super::kept::Kept;
use super::step::{Clocks, Todo};
use super::work::{Came, Works};
use crate::bound::BoundKeyed;
use crate::cast::normalise;
use crate::error::{PluginError, Result};
use crate::fields::UTC;
use crate::keyed::{Domain, KeyedBinding, LateInput, Timer};
use crate::limits::CallOptions;
use crate::verify::answers::{Answer, Answers};
use crate::verify::taken::taken;
use crate::verify::{Trial, show};

/// Epochs with rows.
const EPOCHS: usize = 4;
/// Epochs more, each for the next timer that is set.
const FOR_TIMERS: usize = 12;
/// Rows, or timers, of one call, as in a job.
const ROWS: usize = 8192;
/// Processing time of the first epoch: the beginning of 2026; each comes a second later.
const START: i64 = 1_767_225_600_000_000;

/// How keys and their rows are cut into calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Keys of one call.
    pub keys: usize,
    /// Rows, or timers, of one key in one call; more of them only where calls have one key.
    pub rows: usize,
    /// The last key first.
    pub is_reversed: bool,
}

impl Default for Cut {
    fn default() -> Self {
        Self { keys: usize::MAX, rows: ROWS, is_reversed: false }
    }
}

/// The rows of a trial by their keys.
pub(super) struct Input<'a> {
    rows: &'a RecordBatch,
    /// The values of each key, in the order of their bytes.
    keys: RecordBatch,
    /// Of each row its key.
    key_of: Vec<usize>,
    /// Of each row its event time.
    times: Vec<Option<i64>>,
}

/// A key in an epoch.
pub(super) type Subject = (usize, usize);

impl<'a> Input<'a> {
    pub(super) fn new(trial: &Trial<'a>, keys: &[FieldRef]) -> Result<Self> {
        let failed = |e: arrow::error::ArrowError| PluginError::Engine(format!("finding the keys of rows: {e}"));
        let rows = trial.rows;
        let schema = rows.schema();
        let places: Vec<usize> =
            keys.iter().map(|key| schema.index_of(key.name())).collect::<Result<_, _>>().map_err(failed)?;
        let keys = rows.project(&places).map_err(failed)?;
        let types = keys.columns().iter().map(|column| SortField::new(column.data_type().clone())).collect();
        let bytes = RowConverter::new(types).and_then(|converter| converter.convert_columns(keys.columns()));
        let bytes = bytes.map_err(failed)?;
        let mut first: BTreeMap<_, u32> = BTreeMap::new();
        for row in (0..rows.num_rows()).rev() {
            first.insert(bytes.row(row), row as u32);
        }
        let number: BTreeMap<_, usize> = first.keys().enumerate().map(|(number, bytes)| (*bytes, number)).collect();
        let key_of = (0..rows.num_rows()).map(|row| number[&bytes.row(row)]).collect();
        let keys = taken(&keys, first.values().copied())?;
        let times = match trial.event_time {
            None => vec![None; rows.num_rows()],
            Some(at) => {
                let times = normalise(rows.column(at)).map_err(|e| PluginError::Unsupported(e.message))?;
                let times = times.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| {
                    PluginError::Unsupported(format!("the event time `{}` is no timestamp", schema.field(at).name()))
                })?;
                times.iter().collect()
            }
        };
        Ok(Self { rows, keys, key_of, times })
    }

    /// A key in an epoch, with its values.
    pub(super) fn subject(&self, (epoch, key): Subject) -> String {
        let all: Vec<usize> = (0..self.keys.num_columns()).collect();
        format!("epoch {epoch}, {}", show::row(&self.keys, &all, key))
    }
}

/// Which rows come in which epoch, and the watermarks.
pub(super) struct Epochs {
    rows: Vec<(Range<usize>, Clocks)>,
    binding: KeyedBinding,
}

/// What came of all epochs.
pub(super) struct Ran {
    /// Which key in which epoch each answer is of.
    pub subjects: Vec<Subject>,
    pub answers: Answers,
    /// Rows that were refused.
    pub refused: usize,
}

impl Epochs {
    pub(super) fn new(input: &Input<'_>, binding: &KeyedBinding) -> Self {
        let all = input.rows.num_rows();
        let epochs = EPOCHS.max(all.div_ceil(ROWS));
        let mut before: Option<i64> = None;
        let mut seen: Vec<i64> = Vec::new();
        let mut rows = Vec::new();
        for epoch in 0..epochs {
            let range = all * epoch / epochs..all * (epoch + 1) / epochs;
            seen.extend(input.times[range.clone()].iter().flatten());
            seen.sort_unstable();
            // A tenth is late, or one time far away would be the end of time.
            let watermark = seen.get((seen.len() * 9 / 10).saturating_sub(1)).copied().max(before);
            let now = START + 1_000_000 * epoch as i64;
            rows.push((range, Clocks { now, watermark, late_watermark: before }));
            before = watermark;
        }
        Self { rows, binding: binding.clone() }
    }

    /// Runs them all.
    pub(super) fn run(&self, bound: &BoundKeyed, input: &Input<'_>, cut: Cut, options: CallOptions) -> Result<Ran> {
        let mut kept = vec![Kept::new(&self.binding); input.keys.num_rows()];
        let mut ran = Ran { subjects: Vec::new(), answers: Answers::default(), refused: 0 };
        let mut parts = Vec::new();
        let mut last = Clocks { now: START, watermark: None, late_watermark: None };
        for (epoch, (rows, clocks)) in self.rows.iter().enumerate() {
            last = *clocks;
            let rows = self.rows_of(input, rows.clone(), *clocks);
            parts.push(self.epoch(bound, input, (epoch, rows, *clocks), (cut, options), &mut kept, &mut ran)?);
        }
        for epoch in self.rows.len()..self.rows.len() + FOR_TIMERS {
            let timers = || kept.iter().flat_map(|kept| &kept.timers);
            let next = |of: Domain| timers().filter(|((domain, _), _)| *domain == of).map(|(_, at)| *at).min();
            let (watermark, now) = (next(Domain::EventTime), next(Domain::ProcessingTime));
            if watermark.is_none() && now.is_none() {
                break;
            }
            last = Clocks {
                now: last.now.saturating_add(1_000_000).max(now.unwrap_or(i64::MIN)),
                watermark: last.watermark.max(watermark),
                late_watermark: last.watermark,
            };
            let no_rows = BTreeMap::new();
            parts.push(self.epoch(bound, input, (epoch, no_rows, last), (cut, options), &mut kept, &mut ran)?);
        }
        ran.answers = Answers::together(parts)?;
        Ok(ran)
    }

    /// Rows by their keys, as they are handed over.
    fn rows_of(&self, input: &Input<'_>, rows: Range<usize>, clocks: Clocks) -> BTreeMap<usize, Vec<usize>> {
        let is_late =
            |row: &usize| matches!((input.times[*row], clocks.late_watermark), (Some(at), Some(by)) if at <= by);
        let set_aside = self.binding.late == LateInput::SetAside;
        let mut by_key: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for row in rows.filter(|row| !(set_aside && is_late(row))) {
            by_key.entry(input.key_of[row]).or_default().push(row);
        }
        if self.binding.by_event_time {
            by_key.values_mut().for_each(|rows| rows.sort_by_key(|row| input.times[*row]));
        }
        by_key
    }

    fn epoch(
        &self,
        bound: &BoundKeyed,
        input: &Input<'_>,
        (epoch, rows, clocks): (usize, BTreeMap<usize, Vec<usize>>, Clocks),
        (cut, options): (Cut, CallOptions),
        kept: &mut [Kept],
        ran: &mut Ran,
    ) -> Result<Answers> {
        let is_due = |domain: Domain, at: i64| match domain {
            Domain::EventTime => clocks.watermark.is_some_and(|watermark| at <= watermark),
            Domain::ProcessingTime => at <= clocks.now,
        };
        let due_of = |kept: &Kept| {
            let due = kept.timers.iter().filter(|((domain, _), at)| is_due(*domain, **at));
            due.map(|((domain, tag), at)| Timer { key: 0, domain: *domain, tag: *tag, at: *at }).collect::<Vec<_>>()
        };
        // Which are due is known before the rows come: what they set too late is for the next epoch.
        let due: Vec<Vec<Timer>> = kept.iter().map(due_of).collect();
        let most = self.binding.rows_per_call.map_or(cut.rows, |most| cut.rows.min(most as usize)).max(1);
        let works = Works { bound, options, clocks, keys: &input.keys, rows: input.rows, most };
        let mut came = Came::default();
        let mut touched: Vec<usize> = rows.keys().copied().collect();

        let of_rows = rows.into_iter().map(|(key, rows)| (key, Todo::Rows(rows)));
        in_calls(of_rows.collect(), cut, most, |call| works.work(call, kept, &mut came))?;
        let mut of_timers = Vec::new();
        for (key, mut due) in due.into_iter().enumerate() {
            due.retain(|timer| kept[key].timers.get(&(timer.domain, timer.tag)) == Some(&timer.at));
            due.sort_by_key(|timer| (timer.at, timer.domain, timer.tag));
            if !due.is_empty() {
                touched.push(key);
                of_timers.push((key, Todo::Timers(due)));
            }
        }
        in_calls(of_timers, cut, most, |call| works.work(call, kept, &mut came))?;

        touched.sort_unstable();
        touched.dedup();
        ran.refused += came.refused;
        ran.subjects.extend(touched.iter().map(|key| (epoch, *key)));
        self.answers(&touched, came, kept)
    }

    /// What came of these keys in an epoch, and what is kept of them.
    fn answers(&self, touched: &[usize], mut came: Came, kept: &[Kept]) -> Result<Answers> {
        if let Some(at) = self.binding.event_time {
            for (part, times) in came.parts.iter_mut().zip(&came.times) {
                if let (Some(column), Some(times)) = (part.get_mut(at), times) {
                    let times = TimestampMicrosecondArray::from_iter_values(times.iter().copied());
                    *column = Arc::new(times.with_timezone(UTC));
                }
            }
        }
        came.rows.sort_by_key(|(key, _)| *key);
        let places: Vec<(usize, usize)> = came.rows.iter().map(|(_, place)| *place).collect();
        let column = |at: usize| -> Result<ArrayRef> {
            let parts: Vec<&dyn Array> = came.parts.iter().map(|part| part[at].as_ref()).collect();
            interleave(&parts, &places).map_err(|e| PluginError::Engine(format!("putting rows of keys together: {e}")))
        };
        let columns = match came.parts.is_empty() {
            true => Vec::new(),
            false => (0..self.binding.output.len()).map(column).collect::<Result<_>>()?,
        };
        let answer = |key: &usize| {
            let first = came.rows.partition_point(|(of, _)| of < key);
            let end = came.rows.partition_point(|(of, _)| of <= key);
            let said = came.facts.iter().filter(|(of, _)| of == key).map(|(_, fact)| fact.clone());
            Answer { rows: first..end, facts: said.chain(kept[*key].facts(&self.binding)).collect() }
        };
        Ok(Answers { answers: touched.iter().map(answer).collect(), columns })
    }
}

/// Calls `work` with these keys, as many at once as `cut` and the rows of one call, `most`, allow.
fn in_calls(
    mut todo: Vec<(usize, Todo)>,
    cut: Cut,
    most: usize,
    mut work: impl FnMut(&[(usize, Todo)]) -> Result<()>,
) -> Result<()> {
    if cut.is_reversed {
        todo.reverse();
    }
    let mut rest = &todo[..];
    while !rest.is_empty() {
        let mut sum = 0;
        let fits = |(_, todo): &&(usize, Todo)| {
            sum += todo.len();
            sum <= most
        };
        let (call, behind) = rest.split_at(rest.iter().take(cut.keys).take_while(fits).count().max(1));
        work(call)?;
        rest = behind;
    }
    Ok(())
}
