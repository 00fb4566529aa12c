//! States of folds: lists, and any type that serde knows.

use std::collections::{BTreeMap, BTreeSet};

use millstream_guest::{
    prelude::*,
    testing::{self, Cell, Table, TestError},
};
use serde::{Deserialize, Serialize};

/// The values of a group, in order, and the texts; null where there are none.
struct Collects;

impl Fold for Collects {
    type Input = (Int64, Utf8);
    type State = (Vec<i64>, Vec<Option<String>>, Vec<u8>, Vec<Vec<f32>>, Option<Vec<bool>>);
    type Output = Self::State;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, (Input<Int64>, Input<Utf8>), Fields), Problem> {
        let output = Fields::new()
            .field("numbers", DataType::list(DataType::Int64))
            .field("texts", DataType::list(DataType::Utf8))
            .binary("bytes")
            .field("deep", DataType::list(DataType::list(DataType::Float32)))
            .field("even", DataType::list(DataType::Boolean));
        Ok((Self, (input.column("n")?.int64()?, input.column("text")?.utf8()?), output))
    }

    fn add(&self, state: &mut Self::State, (n, text): (Option<i64>, Option<&str>)) {
        let n = n.unwrap_or(0);
        state.0.push(n);
        state.1.push(text.map(String::from));
        state.2.push(n as u8);
        state.3.push(vec![n as f32; n as usize]);
        state.4.get_or_insert_default().push(n % 2 == 0);
    }

    fn merge(&self, into: &mut Self::State, later: Self::State) {
        into.0.extend(later.0);
        into.1.extend(later.1);
        into.2.extend(later.2);
        into.3.extend(later.3);
        if let Some(later) = later.4 {
            into.4.get_or_insert_default().extend(later);
        }
    }

    fn finish(&self, state: Self::State) -> Self::State {
        state
    }
}

#[test]
fn lists_are_states_in_columns_of_their_own() {
    let input = Table::new().int64("n", [1, 2, 3]).utf8("text", [Some("a"), None, Some("c")]);
    let output = testing::fold::<Collects>("{}", &[0, 0, 2], &input).unwrap();
    let expected = Table::new()
        .cells("numbers", [vec![1i64, 2], vec![], vec![3]])
        .cells("texts", [vec![Some("a"), None], vec![], vec![Some("c")]])
        .binary("bytes", [&[1u8, 2][..], &[], &[3]])
        .cells("deep", [vec![vec![1.0f32], vec![2.0, 2.0]], vec![], vec![vec![3.0; 3]]])
        .cells("even", [Some(vec![false, true]), None, Some(vec![false])]);
    assert_eq!(output, expected);
}

#[derive(Default, Serialize, Deserialize)]
struct Visits {
    users: BTreeSet<String>,
    by_hour: BTreeMap<(i64, bool), u32>,
    greatest: Option<f64>,
}

struct Counts;

impl Fold for Counts {
    type Input = (Utf8, Float64);
    type State = (Encoded<Visits>, i64);
    type Output = (i64, u32, Option<f64>, i64);
    const STATE_VERSION: u32 = 2;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, (Input<Utf8>, Input<Float64>), Fields), Problem> {
        let output = Fields::new().int64("users").uint32("odd").float64("greatest").int64("rows");
        Ok((Self, (input.column("user")?.utf8()?, input.column("x")?.float64()?), output))
    }

    fn add(&self, (Encoded(visits), rows): &mut Self::State, (user, x): (Option<&str>, Option<f64>)) {
        visits.users.extend(user.map(String::from));
        *visits.by_hour.entry((*rows % 2, false)).or_default() += 1;
        visits.greatest =
            [visits.greatest, x].into_iter().flatten().reduce(|a, b| if b >= a || b.is_nan() { b } else { a });
        *rows += 1;
    }

    fn merge(&self, (Encoded(into), rows): &mut Self::State, (Encoded(later), more): Self::State) {
        into.users.extend(later.users);
        into.greatest =
            into.greatest.into_iter().chain(later.greatest).reduce(|a, b| if b >= a || b.is_nan() { b } else { a });
        for ((hour, flag), count) in later.by_hour {
            *into.by_hour.entry(((hour + *rows) % 2, flag)).or_default() += count;
        }
        *rows += more;
    }

    fn finish(&self, (Encoded(visits), rows): Self::State) -> Self::Output {
        let odd = visits.by_hour.get(&(1, false)).copied().unwrap_or(0);
        (visits.users.len() as i64, odd, visits.greatest, rows)
    }
}

#[test]
fn states_of_any_type_go_through_bytes_and_nan_stays() {
    let input = Table::new()
        .utf8("user", [Some("a"), Some("b"), None, Some("a"), Some("c")])
        .float64("x", [Some(1.0), None, Some(f64::NAN), Some(2.0), Some(-1.0)]);
    let output = testing::fold::<Counts>("{}", &[0, 0, 0, 0, 1], &input).unwrap();
    let row = output.row(0);
    assert_eq!((&row[0], &row[1], &row[3]), (&Cell::Int(2), &Cell::Int(2), &Cell::Int(4)));
    assert!(matches!(row[2], Cell::Float(x) if x.is_nan()), "{row:?}");
    assert_eq!(output.row(1), [Cell::Int(1), Cell::Int(0), Cell::Float(-1.0), Cell::Int(1)]);
}

/// Keeps what its own reading refuses.
struct Unreadable;

#[derive(Default, Serialize, Deserialize)]
struct Odd {
    #[serde(deserialize_with = "refuse")]
    n: i64,
}

fn refuse<'de, D: serde::Deserializer<'de>>(_: D) -> Result<i64, D::Error> {
    Err(serde::de::Error::custom("not today"))
}

impl Fold for Unreadable {
    type Input = Int64;
    type State = Encoded<Odd>;
    type Output = i64;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<Int64>, Fields), Problem> {
        Ok((Self, input.column("n")?.int64()?, Fields::new().int64("n")))
    }

    fn add(&self, state: &mut Encoded<Odd>, n: Option<i64>) {
        state.0.n += n.unwrap_or(0);
    }

    fn merge(&self, into: &mut Encoded<Odd>, later: Encoded<Odd>) {
        into.0.n += later.0.n;
    }

    fn finish(&self, state: Encoded<Odd>) -> i64 {
        state.0.n
    }
}

#[test]
fn a_state_that_cannot_be_read_is_an_error_in_words() {
    let error = testing::fold::<Unreadable>("{}", &[0], &Table::new().int64("n", [1])).unwrap_err();
    let message = "a stored state is no states::Odd: not today".to_owned();
    assert_eq!(error, TestError::State(message));
}

/// The centre of a group's embeddings.
struct Centre;

impl Fold for Centre {
    type Input = List<Float32>;
    type State = (Vec<f64>, u64);
    type Output = Option<Vec<f64>>;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<List<Float32>>, Fields), Problem> {
        let output = Fields::new().field("centre", DataType::list(DataType::Float64));
        Ok((Self, input.column("embedding")?.list()?, output))
    }

    fn add(&self, (sum, rows): &mut (Vec<f64>, u64), embedding: Option<Items<Float32>>) {
        let Some(embedding) = embedding.and_then(|items| items.as_slice()) else { return };
        sum.resize(embedding.len().max(sum.len()), 0.0);
        sum.iter_mut().zip(embedding).for_each(|(sum, x)| *sum += f64::from(*x));
        *rows += 1;
    }

    fn merge(&self, into: &mut (Vec<f64>, u64), later: (Vec<f64>, u64)) {
        into.0.resize(later.0.len().max(into.0.len()), 0.0);
        into.0.iter_mut().zip(&later.0).for_each(|(sum, x)| *sum += x);
        into.1 += later.1;
    }

    fn finish(&self, (sum, rows): (Vec<f64>, u64)) -> Option<Vec<f64>> {
        (rows > 0).then(|| sum.iter().map(|sum| sum / rows as f64).collect())
    }
}

#[test]
fn a_fold_reads_lists_and_keeps_its_laws() {
    let embeddings = [Some([1.0f32, 2.0]), Some([3.0, 0.0]), None, Some([5.0, 4.0])];
    let input = Table::new().cells("embedding", embeddings);
    let output = testing::fold::<Centre>("{}", &[0, 0, 1, 0], &input).unwrap();
    assert_eq!(output, Table::new().cells("centre", [Some(vec![3.0, 2.0]), None]));
    testing::fold_laws::<Centre>("{}", &input).unwrap();
    let input = Table::new().int64("n", [1, 2, 3]).utf8("text", [Some("a"), None, Some("c")]);
    testing::fold_laws::<Collects>("{}", &input).unwrap();
    let users = [Some("a"), Some("b"), None, Some("a"), Some("c")];
    let input = Table::new().utf8("user", users).float64("x", [Some(1.0), None, Some(f64::NAN), Some(2.0), None]);
    testing::fold_laws::<Counts>("{}", &input).unwrap();
}
