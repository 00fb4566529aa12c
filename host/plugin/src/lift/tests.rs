//! The checks of guest output, held against columns of all formats, three deep, that were changed at random: a bad one
//! is refused, a good one comes out as it went in, and nothing panics.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::*;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{Promised, columns};
use crate::cast::normalise;
use crate::contract::{ArrayResult, BatchResult, FieldParam, FieldResult};
use crate::fields::{Told, with_params};
use crate::lower::Lowered;

/// What a guest would get, as if it handed it back.
fn returned(array: &ArrayRef) -> BatchResult {
    let lowered = Lowered::of(array.len() as u32, [array].into_iter());
    lowered.with_batch(|batch| BatchResult {
        rows: batch.rows,
        arrays: (batch.arrays.iter())
            .map(|array| ArrayResult {
                rows: array.rows,
                validity: array.validity.map(<[u8]>::to_vec),
                buffers: array.buffers.iter().map(|buffer| buffer.to_vec()).collect(),
            })
            .collect(),
    })
}

/// The promise to make one column of `data_type`.
fn promised(data_type: &DataType, nullable: bool) -> Promised {
    let told = Told::new(&Field::new("x", data_type.clone(), nullable));
    let of = |field: &FieldParam<'_>| FieldResult {
        name: field.name.into(),
        format: field.format.into(),
        nullable: field.nullable,
        children: field.children,
        dictionary: false,
        metadata: Vec::new(),
    };
    let fields: Vec<_> = with_params([&told].into_iter(), |fields| fields.concat().iter().map(of).collect());
    Promised::new("output column", &fields).unwrap()
}

fn flat_type() -> impl Strategy<Value = DataType> {
    use DataType::*;
    let all = [
        Null,
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        FixedSizeBinary(3),
        Decimal128(6, 2),
        Decimal256(50, 2),
        Date32,
        Date64,
        Time32(TimeUnit::Second),
        Time64(TimeUnit::Nanosecond),
        Duration(TimeUnit::Millisecond),
        Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Timestamp(TimeUnit::Nanosecond, None),
        Interval(IntervalUnit::YearMonth),
        Interval(IntervalUnit::DayTime),
        Interval(IntervalUnit::MonthDayNano),
        Dictionary(Box::new(Int8), Box::new(Utf8)),
    ];
    prop::sample::select(all.to_vec())
}

fn data_type() -> impl Strategy<Value = DataType> {
    flat_type().prop_recursive(3, 8, 3, |inner| {
        let field = |name: &'static str, data_type| Arc::new(Field::new(name, data_type, true));
        prop_oneof![
            inner.clone().prop_map(move |item| DataType::List(field("item", item))),
            inner.clone().prop_map(move |item| DataType::LargeList(field("item", item))),
            (inner.clone(), 0..4).prop_map(move |(item, length)| DataType::FixedSizeList(field("item", item), length)),
            prop::collection::vec(inner.clone(), 0..3).prop_map(move |types| {
                let names = ["a", "b", "c"].into_iter();
                DataType::Struct(names.zip(types).map(|(name, data_type)| field(name, data_type)).collect())
            }),
            inner.prop_map(|value| {
                let entry = vec![Field::new("key", DataType::Utf8, false), Field::new("value", value, true)];
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry.into()), false)), false)
            }),
        ]
    })
}

/// Numbers from a seed (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    fn nulls(&mut self, rows: usize, nullable: bool) -> Option<NullBuffer> {
        (nullable && self.below(3) > 0).then(|| (0..rows).map(|_| self.below(4) > 0).collect::<Vec<bool>>().into())
    }

    fn offsets(&mut self, rows: usize) -> OffsetBuffer<i32> {
        OffsetBuffer::from_lengths((0..rows).map(|_| self.below(3)))
    }

    fn array(&mut self, data_type: &DataType, rows: usize, nullable: bool) -> ArrayRef {
        let nulls = self.nulls(rows, nullable);
        let child = |dice: &mut Self, field: &Field, rows| dice.array(field.data_type(), rows, field.is_nullable());
        match data_type {
            DataType::List(item) => {
                let offsets = self.offsets(rows);
                let values = child(self, item, *offsets.last().unwrap() as usize);
                Arc::new(ListArray::new(item.clone(), offsets, values, nulls))
            }
            DataType::FixedSizeList(item, length) => {
                let values = child(self, item, rows * *length as usize);
                let made = FixedSizeListArray::try_new_with_length(item.clone(), *length, values, nulls, rows);
                Arc::new(made.unwrap())
            }
            DataType::Struct(fields) => {
                let children = fields.iter().map(|field| child(self, field, rows)).collect();
                Arc::new(StructArray::try_new_with_length(fields.clone(), children, nulls, rows).unwrap())
            }
            DataType::Map(entries, _) => {
                let offsets = self.offsets(rows);
                let made =
                    child(self, &entries.as_ref().clone().with_nullable(false), *offsets.last().unwrap() as usize);
                Arc::new(MapArray::new(entries.clone(), offsets, made.as_struct().clone(), nulls, false))
            }
            DataType::LargeList(item) => {
                let list = self.array(&DataType::List(item.clone()), rows, nullable);
                arrow::compute::cast(&list, data_type).unwrap()
            }
            flat => self.flat(flat, rows, nulls),
        }
    }

    fn flat(&mut self, data_type: &DataType, rows: usize, nulls: Option<NullBuffer>) -> ArrayRef {
        let words = ["", "a", "aä€😀", "a text of more than twelve bytes"];
        let text = StringArray::from_iter_values((0..rows).map(|_| words[self.below(4)]));
        let text = StringArray::new(text.offsets().clone(), text.values().clone(), nulls.clone());
        match data_type {
            DataType::Null => Arc::new(NullArray::new(rows)),
            DataType::Boolean => {
                let bits = (0..rows).map(|_| self.below(2) > 0).collect::<Vec<bool>>();
                Arc::new(BooleanArray::new(bits.into(), nulls))
            }
            DataType::FixedSizeBinary(width) => {
                let bytes = (0..rows * *width as usize).map(|_| self.below(256) as u8).collect::<Vec<u8>>();
                Arc::new(FixedSizeBinaryArray::new(*width, bytes.into(), nulls))
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(_, _) => {
                arrow::compute::cast(&text, data_type).unwrap()
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                arrow::compute::cast(&arrow::compute::cast(&text, &DataType::Binary).unwrap(), data_type).unwrap()
            }
            // Numbers that are no NaNs and have few digits, whatever the type.
            numbers => {
                let width = numbers.primitive_width().unwrap();
                let mut bytes = vec![0u8; rows * width];
                bytes.chunks_mut(width).for_each(|value| value[0] = self.below(100) as u8);
                let data = ArrayData::builder(numbers.clone()).len(rows).nulls(nulls);
                make_array(data.add_buffer(bytes.into()).align_buffers(true).build().unwrap())
            }
        }
    }
}

/// An array cut somewhere, so that offsets and bitmaps start anywhere, in its normal form.
fn normal_slice() -> impl Strategy<Value = ArrayRef> {
    (data_type(), 1..u64::MAX, 0..20usize, any::<Index>(), any::<Index>()).prop_map(
        |(data_type, seed, rows, from, to)| {
            let array = Dice(seed).array(&data_type, rows, true);
            let (from, to) = (from.index(rows + 1), to.index(rows + 1));
            normalise(&array.slice(from.min(to), from.abs_diff(to))).unwrap()
        },
    )
}

/// A change to one buffer: cut it, grow it, or change a byte.
fn change(buffer: &mut Vec<u8>, at: Index, how: u8, byte: u8) {
    match how % 4 {
        0 => buffer.truncate(at.index(buffer.len() + 1)),
        1 => buffer.push(byte),
        2 => buffer.extend(std::iter::repeat_n(byte, 9)),
        _ if buffer.is_empty() => {}
        _ => {
            let at = at.index(buffer.len());
            buffer[at] = byte;
        }
    }
}

fn mutate(given: &mut BatchResult, which: Index, at: Index, how: u8, byte: u8) {
    if given.arrays.is_empty() {
        return;
    }
    let which = which.index(given.arrays.len());
    let array = &mut given.arrays[which];
    match (how / 4 % 6, array.buffers.len()) {
        (0, _) => array.validity = Some(vec![byte; at.index(8)]),
        (1, _) => array.rows = array.rows.wrapping_add(u32::from(byte)).wrapping_sub(60),
        (2, _) if how.is_multiple_of(8) => _ = given.arrays.remove(which),
        (3, _) if how.is_multiple_of(8) => array.buffers.push(vec![byte; 3]),
        (_, 0) => {}
        (_, buffers) => change(&mut array.buffers[at.index(buffers)], at, how, byte),
    }
}

proptest! {
    #[test]
    fn a_good_column_comes_out_as_it_went_in(array in normal_slice()) {
        let promised = promised(array.data_type(), true);
        let back = columns(&promised, returned(&array), array.len(), None).unwrap();
        prop_assert_eq!(&back[0], &array);
        back[0].to_data().validate_full().unwrap();
    }

    #[test]
    fn a_changed_column_is_refused_or_sound(
        array in normal_slice(),
        changes in prop::collection::vec((any::<Index>(), any::<Index>(), any::<u8>(), any::<u8>()), 1..4),
        nullable in any::<bool>(),
    ) {
        let promised = promised(array.data_type(), nullable);
        let mut given = returned(&array);
        for (which, at, how, byte) in changes {
            mutate(&mut given, which, at, how, byte);
        }
        if let Ok(made) = columns(&promised, given, array.len(), None) {
            prop_assert_eq!(made[0].len(), array.len());
            prop_assert_eq!(made[0].data_type(), promised.fields[0].data_type());
            prop_assert!(nullable || made[0].null_count() == 0);
            made[0].to_data().validate_full().unwrap();
        }
    }

    #[test]
    fn anything_may_be_claimed_of_bytes(
        offsets in prop::collection::vec(prop_oneof![0..12i32, any::<i32>()], 0..8),
        data in prop::collection::vec(any::<u8>(), 0..12),
        rows in 0u32..8,
    ) {
        let promised = promised(&DataType::Utf8, true);
        let offsets = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        let arrays = vec![ArrayResult { rows, validity: None, buffers: vec![offsets, data] }];
        if let Ok(made) = columns(&promised, BatchResult { rows, arrays }, rows as usize, None) {
            prop_assert_eq!(made[0].len(), rows as usize);
            made[0].to_data().validate_full().unwrap();
        }
    }
}

/// What is said of a column of `data_type` that a guest made as `arrays`.
fn refused(data_type: &DataType, arrays: Vec<ArrayResult>) -> String {
    let rows = arrays.first().map_or(0, |array| array.rows);
    columns(&promised(data_type, true), BatchResult { rows, arrays }, rows as usize, None).unwrap_err()
}

fn given(rows: u32, buffers: &[&[u8]]) -> ArrayResult {
    ArrayResult { rows, validity: None, buffers: buffers.iter().map(|buffer| buffer.to_vec()).collect() }
}

#[test]
fn what_is_wrong_is_told_with_its_path() {
    let item = Arc::new(Field::new("item", DataType::Utf8, true));
    let words = DataType::List(item);
    let offsets: &[u8] = &[0, 0, 0, 0, 1, 0, 0, 0];
    let child = given(1, &[offsets, b"\xff"]);
    let told = refused(&words, vec![given(1, &[offsets]), child]);
    assert_eq!(told, "column 0 `x.item`: row 0: not UTF-8, at byte 0 of the value");
    let told = refused(&words, vec![given(1, &[offsets]), given(0, &[&[], &[]])]);
    assert_eq!(told, "column 0 `x`: offset 1 is 1, but there are only 0 rows of the child");
    assert_eq!(refused(&words, vec![given(1, &[offsets])]), "1 arrays, but `bind` promised 2, children counted");
    let told = refused(&words, vec![given(1, &[]), given(0, &[&[], &[]])]);
    assert_eq!(told, "column 0 `x`: 0 buffers, but a column of its format has 1");

    let pair = vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Int8, true)];
    let told = refused(&DataType::Struct(pair.into()), vec![given(1, &[]), given(1, &[&[0; 4]]), given(2, &[&[0; 2]])]);
    assert_eq!(told, "column 0 `x.b`: 2 rows, but 1 are due");
    assert_eq!(
        refused(&DataType::Int64, vec![given(2, &[&[0; 15]])]),
        "column 0 `x`: 15 bytes of values for 2 rows of 8 bytes each"
    );
}

#[test]
fn a_dictionary_is_unpacked_and_its_indices_are_checked() {
    let fields =
        [("x", "c", 1, true), ("values", "u", 0, false)].map(|(name, format, children, dictionary)| FieldResult {
            name: name.into(),
            format: format.into(),
            nullable: true,
            children,
            dictionary,
            metadata: Vec::new(),
        });
    let promised = Promised::new("output column", &fields).unwrap();
    assert_eq!(promised.fields[0].data_type(), &DataType::Utf8);
    let made = |indices: &[u8]| {
        let values = given(2, &[&[0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0], b"ab"]);
        let batch = BatchResult { rows: 3, arrays: vec![given(3, &[indices]), values] };
        columns(&promised, batch, 3, None)
    };
    assert_eq!(made(&[1, 0, 1]).unwrap()[0].as_string::<i32>(), &StringArray::from(vec!["b", "a", "b"]));
    let told = made(&[1, 0, 2]).unwrap_err();
    assert!(told.starts_with("column 0 `x`: ") && told.contains("out of bounds"), "{told}");
    assert!(made(&[1, 255, 1]).is_err());
}

#[test]
fn nans_are_made_one_form() {
    let other_nan = f64::from_bits(f64::NAN.to_bits() | 1 | 1 << 63);
    let bytes: Vec<u8> = [1.5, other_nan].iter().flat_map(|value: &f64| value.to_le_bytes()).collect();
    let batch = BatchResult { rows: 2, arrays: vec![given(2, &[&bytes])] };
    let made = columns(&promised(&DataType::Float64, true), batch, 2, None).unwrap();
    let bits: Vec<u64> = made[0].as_primitive::<Float64Type>().values().iter().map(|value| value.to_bits()).collect();
    assert_eq!(bits, [1.5f64.to_bits(), f64::NAN.to_bits()]);
}
