use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::*;
use proptest::prelude::*;

use super::super::tests::Rng;
use super::*;

fn leaf_types() -> Vec<DataType> {
    use DataType::*;
    vec![
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
        Decimal32(7, 2),
        Decimal64(12, 2),
        Decimal128(30, 3),
        Decimal256(60, -3),
        Date32,
        Date64,
        Time32(TimeUnit::Second),
        Time64(TimeUnit::Nanosecond),
        Timestamp(TimeUnit::Microsecond, None),
        Timestamp(TimeUnit::Nanosecond, Some("+02:00".into())),
        Duration(TimeUnit::Millisecond),
        Interval(IntervalUnit::YearMonth),
        Interval(IntervalUnit::DayTime),
        Interval(IntervalUnit::MonthDayNano),
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        FixedSizeBinary(0),
        FixedSizeBinary(5),
        Dictionary(Box::new(Int32), Box::new(Utf8)),
        Dictionary(Box::new(UInt8), Box::new(Int64)),
    ]
}

fn random_type(rng: &mut Rng, depth: u32) -> DataType {
    let leaves = leaf_types();
    match rng.below(if depth == 0 { 6 } else { 9 }) {
        0..=5 => leaves[rng.below(leaves.len() as u64) as usize].clone(),
        6 => DataType::List(Arc::new(Field::new("item", random_type(rng, depth - 1), true))),
        7 => DataType::LargeList(Arc::new(Field::new("item", random_type(rng, depth - 1), true))),
        _ => {
            let fields = (0..rng.below(10)).map(|i| Field::new(format!("f{i}"), random_type(rng, depth - 1), true));
            DataType::Struct(fields.collect())
        }
    }
}

fn random_text(rng: &mut Rng) -> String {
    let len = [0, 1, 3, 5, 8, 15, 20, 33, 127, 128, 300][rng.below(11) as usize];
    (0..len).map(|_| ['a', 'z', 'é', '√'][rng.below(4) as usize]).collect()
}

/// An array of `len` values with nulls (over values that are not zero), sliced out of a longer one.
fn random_array(rng: &mut Rng, data_type: &DataType, len: usize) -> ArrayRef {
    let before = rng.below(3) as usize;
    let whole = random_whole(rng, data_type, before + len + 1);
    whole.slice(before, len)
}

fn random_whole(rng: &mut Rng, data_type: &DataType, len: usize) -> ArrayRef {
    let share = rng.below(4);
    let nulls: Vec<bool> = (0..len).map(|_| share == 0 || rng.below(4) >= share).collect();
    let nulls = (share > 0).then(|| NullBuffer::from(nulls));
    let texts = |rng: &mut Rng| -> Vec<String> { (0..len).map(|_| random_text(rng)).collect() };
    match data_type {
        DataType::Null => Arc::new(NullArray::new(len)),
        DataType::Boolean => {
            let values: Vec<bool> = (0..len).map(|_| rng.below(2) == 0).collect();
            Arc::new(BooleanArray::new(values.into(), nulls))
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let texts = StringArray::from(texts(rng));
            let (offsets, values, _) = texts.into_parts();
            cast(&StringArray::new(offsets, values, nulls), data_type).unwrap()
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            let texts = texts(rng);
            let values = BinaryArray::from_iter_values(texts.iter().map(|t| t.as_bytes()));
            let (offsets, values, _) = values.into_parts();
            cast(&BinaryArray::new(offsets, values, nulls), data_type).unwrap()
        }
        DataType::FixedSizeBinary(width) => {
            let values: Vec<u8> = (0..len * *width as usize).map(|_| rng.next() as u8).collect();
            Arc::new(FixedSizeBinaryArray::try_new_with_len(*width, values.into(), nulls, len).unwrap())
        }
        DataType::Dictionary(keys, values) => {
            let count = 1 + rng.below(5) as usize;
            let dictionary = random_whole(rng, values, count);
            // Arrow takes a null among a dictionary's values for another one than a null key.
            let dictionary = make_array(dictionary.to_data().into_builder().nulls(None).build().unwrap());
            let indices = (0..len).map(|_| rng.below(dictionary.len() as u64) as i32).collect::<Vec<_>>();
            let indices = cast(&Int32Array::new(indices.into(), nulls), keys).unwrap();
            match keys.as_ref() {
                DataType::Int32 => {
                    Arc::new(DictionaryArray::new(indices.as_primitive::<Int32Type>().clone(), dictionary))
                }
                _ => Arc::new(DictionaryArray::new(indices.as_primitive::<UInt8Type>().clone(), dictionary)),
            }
        }
        DataType::Struct(fields) if fields.is_empty() => Arc::new(StructArray::new_empty_fields(len, nulls)),
        DataType::Struct(fields) => {
            let children = fields.iter().map(|f| random_array(rng, f.data_type(), len)).collect();
            Arc::new(StructArray::new(fields.clone(), children, nulls))
        }
        DataType::List(item) => {
            let lengths: Vec<usize> = (0..len).map(|_| [0, 1, 3, 9][rng.below(4) as usize]).collect();
            let values = random_array(rng, item.data_type(), lengths.iter().sum());
            Arc::new(ListArray::new(item.clone(), OffsetBuffer::from_lengths(lengths), values, nulls))
        }
        DataType::LargeList(item) => {
            let lengths: Vec<usize> = (0..len).map(|_| rng.below(4) as usize).collect();
            let values = random_array(rng, item.data_type(), lengths.iter().sum());
            Arc::new(LargeListArray::new(item.clone(), OffsetBuffer::from_lengths(lengths), values, nulls))
        }
        fixed => {
            let width = fixed.primitive_width().unwrap();
            // Aligned for every type, since it starts at the buffer's start.
            let mut bytes = arrow::buffer::MutableBuffer::new(len * width);
            for _ in 0..len {
                let special = rng.below(4) == 0;
                bytes.extend((0..width).map(|_| if special { 0u8 } else { rng.next() as u8 }));
            }
            let data = ArrayData::builder(fixed.clone()).len(len).add_buffer(bytes.into()).nulls(nulls);
            make_array(data.build().unwrap())
        }
    }
}

fn encoded(columns: &[ArrayRef], rows: usize, form: Form) -> RowBuffer {
    let mut buffer = RowBuffer::new();
    encode(columns, rows, form, &mut buffer).unwrap();
    assert_eq!(buffer.len(), rows);
    buffer
}

fn random_columns(rng: &mut Rng) -> (Vec<DataType>, Vec<ArrayRef>, usize) {
    let rows = rng.below(12) as usize;
    let types: Vec<_> = (0..rng.below(11)).map(|_| random_type(rng, 3)).collect();
    let columns = types.iter().map(|t| random_array(rng, t, rows)).collect();
    (types, columns, rows)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_encoded_comes_back(seed in any::<u64>()) {
        let (types, columns, rows) = random_columns(&mut Rng::new(seed));
        let buffer = encoded(&columns, rows, Form::Value);
        let slices: Vec<&[u8]> = buffer.iter().collect();
        let back = decode(&slices, &types).unwrap();
        for (column, back) in columns.iter().zip(&back) {
            prop_assert_eq!(back.data_type(), column.data_type());
            prop_assert_eq!(back.as_ref(), column.as_ref());
        }
        // A row's bytes depend on its own values only: any selection of rows gives the same bytes.
        for row in 0..rows {
            let one: Vec<_> = columns.iter().map(|c| c.slice(row, 1)).collect();
            let one = encoded(&one, 1, Form::Value);
            prop_assert_eq!(one.row(0), buffer.row(row));
        }
        // Nor on what lies under a null, on offsets or on a dictionary's order.
        let again = encoded(&back, rows, Form::Value);
        prop_assert_eq!(again.bytes(), buffer.bytes());
        let keys = encoded(&columns, rows, Form::Key);
        let again = encoded(&decode(&keys.iter().collect::<Vec<_>>(), &types).unwrap(), rows, Form::Key);
        prop_assert_eq!(again.bytes(), keys.bytes());
    }

    #[test]
    fn damaged_bytes_never_panic(seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let (types, columns, rows) = random_columns(&mut rng);
        let buffer = encoded(&columns, rows, Form::Value);
        for _ in 0..20 {
            let mut damaged: Vec<Vec<u8>> = buffer.iter().map(<[u8]>::to_vec).collect();
            for _ in 0..1 + rng.below(3) {
                let Some(row) = rng.index(damaged.len()).map(|i| &mut damaged[i]) else { break };
                match (rng.index(row.len()), rng.below(4)) {
                    (Some(at), 0) => row.truncate(at),
                    (Some(at), 1) => row[at] = [0xff, 0x80, 0x7f][rng.below(3) as usize],
                    (Some(at), _) => row[at] ^= 1 << rng.below(8),
                    (None, _) => row.push(rng.next() as u8),
                }
            }
            let slices: Vec<&[u8]> = damaged.iter().map(Vec::as_slice).collect();
            if let Ok(columns) = decode(&slices, &types) {
                prop_assert!(columns.iter().all(|c| c.len() == rows));
                columns.iter().for_each(|c| c.to_data().validate_full().unwrap());
            }
        }
    }
}

#[test]
fn equal_keys_are_equal_bytes() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("a"), Some("")]));
    let plain = encoded(std::slice::from_ref(&texts), 4, Form::Key);
    for other in [
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8)),
    ] {
        assert_eq!(encoded(&[cast(&texts, &other).unwrap()], 4, Form::Key).bytes(), plain.bytes(), "{other}");
    }
    let keys = Int8Array::from(vec![Some(1), Some(0), Some(1), Some(2)]);
    let values = Arc::new(StringArray::from(vec![None, Some("a"), Some("")]));
    let null_inside: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
    assert_eq!(encoded(&[null_inside], 4, Form::Key).bytes(), plain.bytes());
    assert_eq!(plain.row(0), plain.row(2));
    assert_ne!(plain.row(1), plain.row(3), "null is not the empty text");

    let nan = f64::from_bits(0xfff8_0000_0000_0001);
    let floats: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, nan, f64::INFINITY, 1.5])),
        Arc::new(Float32Array::from(vec![0.0, -0.0, f32::NAN, -f32::NAN, f32::INFINITY, 1.5])),
    ];
    for column in floats {
        let rows = encoded(std::slice::from_ref(&column), 6, Form::Key);
        assert_eq!(rows.row(0), rows.row(1));
        assert_eq!(rows.row(2), rows.row(3));
        assert_ne!(rows.row(2), rows.row(4));
        let types = [column.data_type().clone()];
        let back = decode(&rows.iter().collect::<Vec<_>>(), &types).unwrap();
        assert_eq!(back[0].slice(4, 2).as_ref(), column.slice(4, 2).as_ref());
        let values = encoded(&[column], 6, Form::Value);
        assert_ne!(values.row(0), values.row(1), "a value keeps its bits");
    }
}

#[test]
fn layout_is_what_the_documentation_says() {
    let a: ArrayRef = Arc::new(StringArray::from(vec![Some("xy"), None]));
    let b: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(-2)]));
    let list = ListArray::from_iter_primitive::<Int16Type, _, _>(vec![Some(vec![Some(7), None]), None]);
    let rows = encoded(&[a, b, Arc::new(list)], 2, Form::Key);
    assert_eq!(rows.row(0), [0, 2, b'x', b'y', 1, 0, 0, 0, 2, 0b10, 7, 0]);
    assert_eq!(rows.row(1), [0b101, 0xfe, 0xff, 0xff, 0xff]);
}

#[test]
fn a_type_without_row_form_is_refused_by_name() {
    let map = DataType::Union(UnionFields::empty(), UnionMode::Sparse);
    let list = DataType::List(Arc::new(Field::new("item", map, true)));
    let e = crate::Error::from(check_type(&list).unwrap_err());
    assert!(e.message().contains("Union"), "{e}");
    assert_eq!(e.kind(), ErrorKind::Invalid);
}
