//! What an operator answered, per row, group or key, and how two answers differ.
//!
//! Values are the same if their bytes are: -0.0 is not 0.0. What stands in the place of a null, or of a row that was
//! refused, is no value.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use super::show;
use crate::error::{PluginError, Result};

/// How far floats may lie apart, relative to the greater, to be the same but for rounding: as the SDK's laws have it.
const ROUNDING: f64 = 1e-9;

/// What there is of one row, group or key.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    /// The rows that come out of it, among those of all.
    pub rows: Range<usize>,
    /// What else is said of it, each with what it is: a reason, a state's bytes.
    pub facts: Vec<(String, String)>,
}

/// The answers to all rows, groups or keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    /// In the order of what was asked.
    pub answers: Vec<Answer>,
    /// The columns of all rows that come out.
    pub columns: Vec<ArrayRef>,
}

/// Where two [`Answers`] differ.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// How many rows, groups or keys do.
    pub differ: usize,
    /// The first of them.
    pub first: Option<Apart>,
    /// The first of those that differ by rounding alone.
    pub rounded: Option<Apart>,
}

/// Two values that differ.
#[derive(Debug, Clone)]
pub(super) struct Apart {
    /// Of which row, group or key.
    pub at: usize,
    pub what: String,
    pub plain: String,
    pub other: String,
}

impl Answer {
    /// One from which no rows come out.
    pub(super) fn of_fact(what: &str, is: impl Into<String>) -> Self {
        Self { rows: 0..0, facts: vec![(what.to_owned(), is.into())] }
    }
}

impl Answers {
    /// Those of parts, one after the other.
    pub(super) fn together(parts: Vec<Self>) -> Result<Self> {
        let mut answers = Vec::new();
        let mut columns: Vec<Vec<ArrayRef>> = Vec::new();
        let mut rows = 0;
        for part in parts {
            let moved = |answer: Answer| Answer { rows: answer.rows.start + rows..answer.rows.end + rows, ..answer };
            answers.extend(part.answers.into_iter().map(moved));
            // A part that failed as a whole has no columns.
            rows += part.columns.first().map_or(0, |column| column.len());
            if !part.columns.is_empty() {
                columns.resize(part.columns.len(), Vec::new());
                columns.iter_mut().zip(part.columns).for_each(|(all, column)| all.push(column));
            }
        }
        let column = |parts: &Vec<ArrayRef>| concat(&parts.iter().map(|part| part.as_ref()).collect::<Vec<_>>());
        let columns = columns.iter().map(column).collect::<Result<_, _>>();
        let columns = columns.map_err(|e| PluginError::Engine(format!("putting answers together: {e}")))?;
        Ok(Self { answers, columns })
    }

    /// Where `other` is not the same. `names` are those of the columns; with `may_round` floats may differ by rounding.
    pub(super) fn compare(&self, other: &Self, names: &[String], may_round: bool) -> Compared {
        let mut compared = Compared::default();
        let same_columns = self.columns.iter().zip(&other.columns).all(|(a, b)| same(a, b));
        for (at, (a, b)) in self.answers.iter().zip(&other.answers).enumerate() {
            if same_columns && a.rows == b.rows && a.facts == b.facts {
                continue;
            }
            let apart = |(what, plain, other)| Apart { at, what, plain, other };
            match facts_apart(a, b)
                .map(|apart| (apart, false))
                .or_else(|| self.rows_apart(a, other, b, names, may_round))
            {
                Some((first, false)) => {
                    compared.differ += 1;
                    compared.first.get_or_insert_with(|| apart(first));
                }
                Some((first, true)) => {
                    compared.rounded.get_or_insert_with(|| apart(first));
                }
                None => {}
            }
        }
        let (many, others) = (self.answers.len(), other.answers.len());
        if many != others {
            compared.differ += many.abs_diff(others);
            let (what, at) = ("how many answers there are".to_owned(), many.min(others));
            compared.first.get_or_insert(Apart { at, what, plain: many.to_string(), other: others.to_string() });
        }
        compared
    }

    /// What of the rows of `a` is not as in those of `b`, and whether it is so but for rounding.
    fn rows_apart(
        &self,
        a: &Answer,
        other: &Self,
        b: &Answer,
        names: &[String],
        may_round: bool,
    ) -> Option<(Told, bool)> {
        if a.rows.len() != b.rows.len() {
            let rows = |answer: &Answer| answer.rows.len().to_string();
            return Some((("how many rows come out".to_owned(), rows(a), rows(b)), false));
        }
        let mut rounded = None;
        for (column, name) in names.iter().enumerate() {
            let of = |answers: &Self, answer: &Answer| {
                Some(answers.columns.get(column)?.slice(answer.rows.start, answer.rows.len()))
            };
            let (Some(x), Some(y)) = (of(self, a), of(other, b)) else { continue };
            if same(&x, &y) {
                continue;
            }
            let row = (0..x.len()).find(|row| !same(&x.slice(*row, 1), &y.slice(*row, 1))).unwrap_or_default();
            let told = (name.clone(), show::value(&x, row), show::value(&y, row));
            if !(may_round && alike(x.as_ref(), y.as_ref())) {
                return Some((told, false));
            }
            rounded.get_or_insert(told);
        }
        rounded.map(|told| (told, true))
    }
}

/// What it is of, how it is in the plain way, and in the other.
type Told = (String, String, String);

fn facts_apart(a: &Answer, b: &Answer) -> Option<Told> {
    let of = |answer: &Answer, what: &str| {
        let found: Vec<&str> = answer.facts.iter().filter(|fact| fact.0 == what).map(|fact| fact.1.as_str()).collect();
        (!found.is_empty()).then(|| found.join("; "))
    };
    let different = |what: &&String| of(a, what) != of(b, what);
    let what = a.facts.iter().chain(&b.facts).map(|fact| &fact.0).find(different)?;
    let told = |answer: &Answer| of(answer, what).map_or("none".to_owned(), |is| show::line(&is));
    Some((what.clone(), told(a), told(b)))
}

fn same(a: &ArrayRef, b: &ArrayRef) -> bool {
    a.len() == b.len() && a.to_data() == b.to_data()
}

/// Whether two columns have the same values, floats up to rounding.
fn alike(a: &dyn Array, b: &dyn Array) -> bool {
    let close = |x: f64, y: f64| x.to_bits() == y.to_bits() || (x - y).abs() <= ROUNDING * x.abs().max(y.abs());
    let nulls = a.len() == b.len() && (0..a.len()).all(|row| a.is_null(row) == b.is_null(row));
    let present = || (0..a.len()).filter(|row| a.is_valid(*row));
    nulls
        && match (a.data_type(), b.data_type()) {
            (DataType::Float64, DataType::Float64) => {
                let (a, b) = (a.as_primitive::<Float64Type>(), b.as_primitive::<Float64Type>());
                present().all(|row| close(a.value(row), b.value(row)))
            }
            (DataType::Float32, DataType::Float32) => {
                let (a, b) = (a.as_primitive::<Float32Type>(), b.as_primitive::<Float32Type>());
                // A float32 has seven digits, and the allowance is of that kind.
                let close = |x: f32, y: f32| x.to_bits() == y.to_bits() || (x - y).abs() <= 1e-5 * x.abs().max(y.abs());
                present().all(|row| close(a.value(row), b.value(row)))
            }
            (DataType::List(_), DataType::List(_)) => {
                let (a, b) = (a.as_list::<i32>(), b.as_list::<i32>());
                present().all(|row| alike(a.value(row).as_ref(), b.value(row).as_ref()))
            }
            (DataType::Struct(_), DataType::Struct(_)) => {
                let (a, b) = (a.as_struct(), b.as_struct());
                a.columns().iter().zip(b.columns()).all(|(a, b)| alike(a.as_ref(), b.as_ref()))
            }
            _ => a.to_data() == b.to_data(),
        }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Float64Array;

    use super::*;

    fn answers(values: Vec<Option<f64>>) -> Answers {
        let answer = |row| Answer { rows: row..row + 1, facts: Vec::new() };
        Answers {
            answers: (0..values.len()).map(answer).collect(),
            columns: vec![Arc::new(Float64Array::from(values))],
        }
    }

    #[test]
    fn bytes_are_compared_and_rounding_is_told_apart() {
        let names = ["x".to_owned()];
        let plain = answers(vec![Some(0.3), None, Some(0.0), Some(f64::NAN)]);
        let compared = plain.compare(&plain.clone(), &names, false);
        assert_eq!((compared.differ, compared.rounded.is_some()), (0, false));
        let other = answers(vec![Some(0.1 + 0.2), None, Some(-0.0), Some(f64::NAN)]);
        let compared = plain.compare(&other, &names, false);
        let first = compared.first.unwrap();
        assert_eq!((compared.differ, first.at, &*first.plain, &*first.other), (2, 0, "0.3", "0.30000000000000004"));
        let compared = plain.compare(&other, &names, true);
        assert_eq!(compared.rounded.unwrap().at, 0);
        assert_eq!(compared.differ, 0);
        let other = answers(vec![Some(0.3), Some(0.0), Some(0.0), Some(f64::NAN)]);
        assert_eq!(plain.compare(&other, &names, true).first.unwrap().at, 1);
    }

    #[test]
    fn facts_are_compared_by_what_they_are() {
        let of = |facts: &[(&str, &str)]| Answer {
            rows: 0..0,
            facts: facts.iter().map(|(what, is)| ((*what).to_owned(), (*is).to_owned())).collect(),
        };
        let told = facts_apart(&of(&[("state", "01"), ("timer 1", "5")]), &of(&[("state", "01")])).unwrap();
        assert_eq!(told, ("timer 1".to_owned(), "5".to_owned(), "none".to_owned()));
        assert_eq!(facts_apart(&of(&[("state", "01")]), &of(&[("state", "01")])), None);
    }
}
