//! The checks of guest output, held against columns that were changed at random: a bad one is refused, a good one comes
//! out as it went in, and nothing panics.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use proptest::prelude::*;

use super::columns;
use crate::contract::{
    BytesArrayParam, BytesArrayResult, ColumnParam, ColumnResult, DecimalArrayResult, ValuesParam, ValuesResult,
};
use crate::lower::Lowered;
use crate::types::normal_type;

/// What a guest would get, as if it handed it back.
fn returned(param: ColumnParam<'_>) -> ColumnResult {
    fn bytes(param: BytesArrayParam<'_>) -> BytesArrayResult {
        BytesArrayResult { offsets: param.offsets.to_vec(), data: param.data.to_vec() }
    }
    let values = match param.values {
        ValuesParam::Boolean(v) => ValuesResult::Boolean(v.to_vec()),
        ValuesParam::Int8(v) => ValuesResult::Int8(v.to_vec()),
        ValuesParam::Int16(v) => ValuesResult::Int16(v.to_vec()),
        ValuesParam::Int32(v) => ValuesResult::Int32(v.to_vec()),
        ValuesParam::Int64(v) => ValuesResult::Int64(v.to_vec()),
        ValuesParam::Uint8(v) => ValuesResult::Uint8(v.to_vec()),
        ValuesParam::Uint16(v) => ValuesResult::Uint16(v.to_vec()),
        ValuesParam::Uint32(v) => ValuesResult::Uint32(v.to_vec()),
        ValuesParam::Uint64(v) => ValuesResult::Uint64(v.to_vec()),
        ValuesParam::Float32(v) => ValuesResult::Float32(v.to_vec()),
        ValuesParam::Float64(v) => ValuesResult::Float64(v.to_vec()),
        ValuesParam::Utf8(v) => ValuesResult::Utf8(bytes(v)),
        ValuesParam::Binary(v) => ValuesResult::Binary(bytes(v)),
        ValuesParam::Date(v) => ValuesResult::Date(v.to_vec()),
        ValuesParam::Timestamp(v) => ValuesResult::Timestamp(v.to_vec()),
        ValuesParam::Decimal(v) => ValuesResult::Decimal(DecimalArrayResult { words: v.words.to_vec() }),
    };
    ColumnResult { values, validity: param.validity.map(<[u8]>::to_vec) }
}

fn rows<T: Strategy>(value: T) -> impl Strategy<Value = Vec<Option<T::Value>>>
where
    T::Value: Clone,
{
    prop::collection::vec(prop::option::weighted(0.8, value), 0..40)
}

fn array() -> impl Strategy<Value = ArrayRef> {
    fn shared(array: impl Array + 'static) -> ArrayRef {
        Arc::new(array)
    }
    prop_oneof![
        rows(any::<bool>()).prop_map(|v| shared(BooleanArray::from(v))),
        rows(any::<i8>()).prop_map(|v| shared(Int8Array::from(v))),
        rows(any::<u16>()).prop_map(|v| shared(UInt16Array::from(v))),
        rows(any::<i32>()).prop_map(|v| shared(Int32Array::from(v))),
        rows(any::<u64>()).prop_map(|v| shared(UInt64Array::from(v))),
        rows(-1e300..1e300f64).prop_map(|v| shared(Float64Array::from(v))),
        rows(any::<i32>()).prop_map(|v| shared(Date32Array::from(v))),
        rows(any::<i64>()).prop_map(|v| shared(TimestampMicrosecondArray::from(v).with_timezone("UTC"))),
        rows(-999_999i128..=999_999)
            .prop_map(|v| shared(Decimal128Array::from(v).with_precision_and_scale(6, 2).unwrap())),
        rows("[aä€😀]{0,6}").prop_map(|v| shared(StringArray::from(v))),
        rows("[aä€😀]{0,6}").prop_map(|v| shared(LargeStringArray::from(v))),
        rows("[aä€😀]{0,30}").prop_map(|v| shared(StringViewArray::from(v))),
        rows(prop::collection::vec(any::<u8>(), 0..5)).prop_map(|v| shared(BinaryArray::from_iter(v))),
    ]
}

/// An array cut somewhere, so that offsets and bitmaps start anywhere.
fn slice() -> impl Strategy<Value = ArrayRef> {
    (array(), any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(array, from, to)| {
        let (from, to) = (from.index(array.len() + 1), to.index(array.len() + 1));
        array.slice(from.min(to), from.abs_diff(to))
    })
}

/// A change to one of a column's lists: cut it, grow it, or change an entry.
fn change<T: Copy + From<u8>>(list: &mut Vec<T>, at: prop::sample::Index, how: u8, value: T) {
    match how % 4 {
        0 => list.truncate(at.index(list.len() + 1)),
        1 => list.push(value),
        2 => list.extend(std::iter::repeat_n(value, 9)),
        _ if list.is_empty() => {}
        _ => {
            let at = at.index(list.len());
            list[at] = value;
        }
    }
}

fn mutate(column: &mut ColumnResult, at: prop::sample::Index, how: u8, what: u8, number: i32) {
    let byte = number as u8;
    match (what % 3, &mut column.validity) {
        (0, Some(validity)) => return change(validity, at, how, byte),
        (1, validity) => {
            *validity = Some(vec![byte; at.index(8)]);
            return;
        }
        _ => {}
    }
    match &mut column.values {
        ValuesResult::Utf8(bytes) | ValuesResult::Binary(bytes) if what.is_multiple_of(2) => {
            change(&mut bytes.data, at, how, byte)
        }
        ValuesResult::Utf8(BytesArrayResult { offsets, .. })
        | ValuesResult::Binary(BytesArrayResult { offsets, .. }) => {
            if how % 4 == 3 && !offsets.is_empty() {
                let at = at.index(offsets.len());
                offsets[at] = number;
            } else {
                offsets.truncate(at.index(offsets.len() + 1));
            }
        }
        ValuesResult::Boolean(v) | ValuesResult::Uint8(v) => change(v, at, how, byte),
        ValuesResult::Int64(v) | ValuesResult::Timestamp(v) => change(v, at, how, i64::from(number)),
        ValuesResult::Decimal(v) => change(&mut v.words, at, how, u64::from(number.unsigned_abs()) << 33),
        ValuesResult::Float64(v) => change(v, at, how, f64::NAN),
        other => *other = ValuesResult::Int8(vec![0; at.index(40)]),
    }
}

fn field(array: &ArrayRef, nullable: bool) -> Fields {
    let normal = normal_type(array.data_type()).expect("only types of the contract are made here");
    vec![Field::new("x", normal, nullable)].into()
}

proptest! {
    #[test]
    fn a_good_column_comes_out_as_it_went_in(array in slice()) {
        let fields = field(&array, true);
        let lowered = Lowered::new(&array).unwrap();
        let back = columns(&fields, vec![returned(lowered.param())], array.len(), None).unwrap();
        let expected = arrow::compute::cast(&array, fields[0].data_type()).unwrap();
        prop_assert_eq!(&back[0], &expected);
        back[0].to_data().validate_full().unwrap();
    }

    #[test]
    fn a_changed_column_is_refused_or_sound(
        array in slice(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>(), -3..70i32), 1..4),
        nullable in any::<bool>(),
    ) {
        let fields = field(&array, nullable);
        let mut column = returned(Lowered::new(&array).unwrap().param());
        for (at, how, what, number) in changes {
            mutate(&mut column, at, how, what, number);
        }
        if let Ok(made) = columns(&fields, vec![column], array.len(), None) {
            prop_assert_eq!(made[0].len(), array.len());
            prop_assert_eq!(made[0].data_type(), fields[0].data_type());
            prop_assert!(nullable || made[0].null_count() == 0);
            made[0].to_data().validate_full().unwrap();
        }
    }

    #[test]
    fn anything_may_be_claimed_of_bytes(
        offsets in prop::collection::vec(prop_oneof![0..12i32, any::<i32>()], 0..8),
        data in prop::collection::vec(any::<u8>(), 0..12),
        rows in 0usize..8,
    ) {
        let fields: Fields = vec![Field::new("x", DataType::Utf8, true)].into();
        let values = ValuesResult::Utf8(BytesArrayResult { offsets, data });
        if let Ok(made) = columns(&fields, vec![ColumnResult { values, validity: None }], rows, None) {
            prop_assert_eq!(made[0].len(), rows);
            made[0].to_data().validate_full().unwrap();
        }
    }
}
