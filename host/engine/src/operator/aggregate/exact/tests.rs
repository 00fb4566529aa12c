//! Against sums of whole numbers of any length, however rows are cut into chunks and states are merged.

use std::str::FromStr;

use arrow::array::{Array, BooleanArray, Decimal128Array, DurationMicrosecondArray, Int64Array, UInt64Array};
use arrow::compute::concat;
use arrow::datatypes::{Decimal128Type, DurationMicrosecondType, Float64Type};
use proptest::prelude::*;

use super::*;

/// A row: its group, its value, whether the filter lets it count.
type Row<N> = (u32, Option<N>, bool);

const GROUPS: usize = 3;

fn exact(what: Exact, values: DataType, result: DataType) -> ExactSum {
    ExactSum::new(what, values, result, "sum(v)".to_owned(), "sum".to_owned()).unwrap()
}

/// The results, as the operator comes to them: a state per chunk, merged two by two, epoch by epoch.
fn answer<N: Copy>(
    function: &ExactSum,
    chunks: &[Vec<Row<N>>],
    column: impl Fn(Vec<Option<N>>) -> ArrayRef,
) -> Finished {
    let states = chunks.iter().map(|rows| {
        let groups: Vec<u32> = rows.iter().map(|r| r.0).collect();
        let counts = BooleanArray::from(rows.iter().map(|r| r.2).collect::<Vec<_>>());
        let filter = counts.has_false().then_some(&counts);
        let args = [column(rows.iter().map(|r| r.1).collect())];
        function.partial(&groups, GROUPS, &args, filter, Attempt::First).unwrap()
    });
    let ids: Vec<u32> = (0..2).flat_map(|_| 0..GROUPS as u32).collect();
    let merged = states.reduce(|before, new| {
        let columns: Vec<ArrayRef> = before.iter().zip(&new).map(|(a, b)| concat(&[a, b]).unwrap()).collect();
        function.merge(&ids, GROUPS, &columns).unwrap()
    });
    function.finish(&merged.unwrap()).unwrap()
}

/// Per group the sum, and of how many values; none without one.
fn naive<N: Copy + ToString>(chunks: &[Vec<Row<N>>]) -> Vec<Option<(i256, u64)>> {
    let mut sums = vec![None; GROUPS];
    for (group, value, counts) in chunks.iter().flatten() {
        if let (Some(value), true) = (value, counts) {
            let value = i256::from_str(&value.to_string()).unwrap();
            let (sum, n) = sums[*group as usize].unwrap_or((i256::ZERO, 0));
            sums[*group as usize] = Some((sum.checked_add(value).unwrap(), n + 1));
        }
    }
    sums
}

/// What came out of a group: null, a number, or why none; numbers as texts.
fn told<T: ArrowPrimitiveType>(finished: &Finished, group: usize) -> Option<Result<String, String>>
where
    T::Native: ToString,
{
    if let Some((_, why)) = finished.refused.iter().find(|(g, _)| *g == group) {
        return Some(Err(why.clone()));
    }
    let column = finished.columns[0].as_primitive::<T>();
    column.is_valid(group).then(|| Ok(column.value(group).to_string()))
}

fn refused(value: i256, to: &str) -> String {
    format!("sum(v) = {value} does not fit {to}")
}

fn near<N: Clone + std::fmt::Debug + 'static>(
    ends: Vec<N>,
    any: impl Strategy<Value = N> + 'static,
) -> BoxedStrategy<N> {
    prop_oneof![3 => prop::sample::select(ends), 1 => any].boxed()
}

fn chunks<N: Clone + std::fmt::Debug + 'static>(value: BoxedStrategy<N>) -> impl Strategy<Value = Vec<Vec<Row<N>>>> {
    let row = (0..GROUPS as u32, prop::option::weighted(0.9, value), prop::bool::weighted(0.9));
    prop::collection::vec(prop::collection::vec(row, 0..30), 1..6)
}

const MOST: i128 = 10i128.pow(38) - 1;

proptest! {
    #[test]
    fn sums_of_int64(chunks in chunks(near(vec![i64::MAX, i64::MIN, -1, 0, 1, i64::MAX - 1], any::<i64>()))) {
        let have = answer(&exact(Exact::Sum, DataType::Int64, DataType::Int64), &chunks, |v| Arc::new(Int64Array::from(v)));
        for (group, want) in naive(&chunks).into_iter().enumerate() {
            let want = want.map(|(sum, _)| match i64::of(sum) {
                Some(sum) => Ok(sum.to_string()),
                None => Err(refused(sum, "int64")),
            });
            prop_assert_eq!(told::<Int64Type>(&have, group), want);
        }
    }

    #[test]
    fn sums_of_uint64(chunks in chunks(near(vec![u64::MAX, 0, 1, u64::MAX - 1], any::<u64>()))) {
        let have =
            answer(&exact(Exact::Sum, DataType::UInt64, DataType::UInt64), &chunks, |v| Arc::new(UInt64Array::from(v)));
        for (group, want) in naive(&chunks).into_iter().enumerate() {
            let want = want.map(|(sum, _)| match u64::of(sum) {
                Some(sum) => Ok(sum.to_string()),
                None => Err(refused(sum, "uint64")),
            });
            prop_assert_eq!(told::<UInt64Type>(&have, group), want);
        }
    }

    #[test]
    fn sums_of_decimals(chunks in chunks(near(vec![MOST, -MOST, 0, 1, -1], -MOST..=MOST))) {
        let decimal = DataType::Decimal128(38, 0);
        let have = answer(&exact(Exact::Sum, decimal.clone(), decimal), &chunks, |v| Arc::new(Decimal128Array::from(v)
            .with_precision_and_scale(38, 0).unwrap()));
        for (group, want) in naive(&chunks).into_iter().enumerate() {
            let want = want.map(|(sum, _)| match sum.to_i128().filter(|s| s.abs() <= MOST) {
                Some(sum) => Ok(sum.to_string()),
                None => Err(refused(sum, "decimal(38, 0)")),
            });
            prop_assert_eq!(told::<Decimal128Type>(&have, group), want);
        }
    }

    #[test]
    fn averages_of_integers(chunks in chunks(near(vec![i64::MAX, i64::MIN, -1, 0, 1], any::<i64>()))) {
        let function = exact(Exact::Average, DataType::Int64, DataType::Float64);
        let have = answer(&function, &chunks, |v| Arc::new(Int64Array::from(v)));
        let have = have.columns[0].as_primitive::<Float64Type>();
        for (group, want) in naive(&chunks).into_iter().enumerate() {
            let Some((sum, n)) = want else {
                prop_assert!(have.is_null(group));
                continue;
            };
            // Whole part and rest, each exact enough.
            let (sum, n) = (sum.to_i128().unwrap(), i128::from(n));
            let want = (sum / n) as f64 + (sum % n) as f64 / n as f64;
            prop_assert!((have.value(group) - want).abs() <= want.abs() * f64::EPSILON, "{} for {want}", have.value(group));
        }
    }

    #[test]
    fn averages_of_decimals_round_half_away_from_zero(
        chunks in chunks(near(vec![10i128.pow(20) - 1, 1 - 10i128.pow(20), 1, -1, 2], -1000i128..1000)),
    ) {
        let function = exact(Exact::Average, DataType::Decimal128(20, 2), DataType::Decimal128(24, 6));
        let have = answer(&function, &chunks, |v| Arc::new(Decimal128Array::from(v).with_precision_and_scale(20, 2).unwrap()));
        for (group, want) in naive(&chunks).into_iter().enumerate() {
            let want = want.map(|(sum, n)| {
                let (sum, n) = (sum.to_i128().unwrap() * 10_000, i128::from(n));
                Ok(((sum.abs() * 2 + n) / (n * 2) * sum.signum()).to_string())
            });
            prop_assert_eq!(told::<Decimal128Type>(&have, group), want);
        }
    }

    #[test]
    fn sums_and_averages_of_durations(chunks in chunks(near(vec![i64::MAX, i64::MIN, -1, 1], any::<i64>()))) {
        let duration = DataType::Duration(TimeUnit::Microsecond);
        let column = |v| -> ArrayRef { Arc::new(DurationMicrosecondArray::from(v)) };
        let sums = answer(&exact(Exact::Sum, duration.clone(), duration.clone()), &chunks, column);
        let means = answer(&exact(Exact::Average, duration.clone(), duration), &chunks, column);
        for (group, want) in naive(&chunks).into_iter().enumerate() {
            let sum = told::<DurationMicrosecondType>(&sums, group);
            prop_assert_eq!(sum.map(|s| s.ok()), want.map(|(sum, _)| i64::of(sum).map(|s| s.to_string())));
            let mean = want.map(|(sum, n)| Ok((sum.to_i128().unwrap() / i128::from(n)).to_string()));
            prop_assert_eq!(told::<DurationMicrosecondType>(&means, group), mean);
        }
    }
}

#[test]
fn an_average_that_has_no_room_for_its_places_says_so() {
    let function = exact(Exact::Average, DataType::Decimal128(38, 0), DataType::Decimal128(38, 4));
    let column = |v: Vec<Option<i128>>| -> ArrayRef {
        Arc::new(Decimal128Array::from(v).with_precision_and_scale(38, 0).unwrap())
    };
    let rows = vec![(0, Some(MOST), true), (0, Some(MOST), true), (1, Some(-3), true), (1, Some(-4), true)];
    let finished = answer(&function, &[rows], column);
    let why = format!("sum(v) = {MOST}.0000 does not fit decimal(38, 4)");
    assert_eq!(finished.refused, [(0, why)]);
    assert_eq!(finished.columns[0].as_primitive::<Decimal128Type>().value(1), -35_000);
    assert!(finished.columns[0].is_null(2));
}
