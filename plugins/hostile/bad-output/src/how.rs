//! What is to be wrong with the output, and columns that are.

use millstream_guest::{
    buffer::{Buffer, BufferBuilder},
    prelude::*,
};
use serde::Deserialize;

/// What is to be wrong.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Offsets that go down.
    OffsetsGoDown,
    /// Offsets that end beyond the data.
    OffsetsTooLarge,
    /// A negative offset.
    OffsetsNegative,
    /// Offsets that don't start at 0.
    OffsetsStartLate,
    /// One offset too few.
    OffsetsTooFew,
    /// No offsets at all.
    OffsetsNone,
    /// Offsets of which the last lacks a byte.
    OffsetsHalf,
    /// Bytes that aren't UTF-8.
    InvalidUtf8,
    /// A value that ends inside a character, in a buffer that is valid as a whole.
    SplitCharacter,
    /// A row too few.
    TooFewRows,
    /// A row too many.
    TooManyRows,
    /// A validity bitmap that is too short.
    ValidityTooShort,
    /// A null where `bind` promised none.
    NullInNotNull,
    /// Another type than `bind` promised.
    WrongType,
    /// A buffer too few.
    BufferMissing,
    /// A buffer too many.
    ExtraBuffer,
    /// No column at all.
    NoColumn,
    /// A column too many.
    ExtraColumn,
    /// A rejected row beyond the batch.
    RejectBeyondBatch,
    /// A list without its items.
    ChildMissing,
    /// A list with a second child.
    ExtraChild,
    /// A list that ends beyond its items.
    ListTooLong,
    /// A list whose offsets go down.
    ListGoesDown,
    /// A list whose items are too short a buffer for as many as they say they are.
    ItemsTooShort,
    /// A list of three numbers a row, with a number too few.
    FixedTooShort,
    /// A struct with a field of fewer rows.
    FieldTooShort,
    /// A map with a null for a key.
    NullKey,
    /// A map whose keys and values are not as many.
    MapUneven,
    /// A list of lists, 200 deep.
    Deep,
    /// The call as a whole fails, saying so.
    Fails,
}

/// What `bind` promises for it, not null.
pub(crate) fn promised(how: How) -> DataType {
    use How::*;
    let number = |name: &str| Field::new(name, DataType::Int64);
    match how {
        ChildMissing | ExtraChild | ListTooLong | ListGoesDown | ItemsTooShort => DataType::list(DataType::Int64),
        FixedTooShort => DataType::fixed_list(DataType::Int64, 3),
        FieldTooShort => DataType::structure([number("a"), number("b")]),
        NullKey | MapUneven => DataType::map(DataType::Int64, DataType::Int64),
        Deep => (0..200).fold(DataType::Int64, |inner, _| DataType::list(inner)),
        _ => DataType::Utf8,
    }
}

/// The columns for a batch of so many rows, at least one.
pub(crate) fn columns(how: How, rows: usize) -> Vec<Column> {
    match promised(how) {
        DataType::Utf8 => texts(how, rows),
        nested => vec![nested_column(how, rows, nested)],
    }
}

fn offsets(offsets: &[i32]) -> Buffer {
    BufferBuilder::map(offsets, |offset| offset).into()
}

fn texts(how: How, batch: usize) -> Vec<Column> {
    let rows = match how {
        How::TooFewRows => batch - 1,
        How::TooManyRows => batch + 1,
        _ => batch,
    };
    // Right as it stands: two bytes a row, one character.
    let mut ends: Vec<i32> = (0..=rows as i32).map(|row| 2 * row).collect();
    let mut data = b"\xc3\xa9".repeat(rows);
    let mut validity = None;
    match how {
        How::OffsetsGoDown => ends[rows] = ends[rows - 1] - 1,
        How::OffsetsTooLarge => ends[rows] += 1000,
        How::OffsetsNegative => ends[rows] = -2,
        How::OffsetsStartLate => ends[0] = 2,
        How::OffsetsTooFew => ends.truncate(rows),
        How::OffsetsNone => ends.clear(),
        How::InvalidUtf8 => data[0] = 0xff,
        How::SplitCharacter => ends[1] = 1,
        How::ValidityTooShort => validity = Some(Vec::new()),
        How::NullInNotNull => validity = Some(vec![0xfe; rows.div_ceil(8)]),
        _ => {}
    }
    let mut buffers = vec![offsets(&ends), data.into()];
    match how {
        How::OffsetsHalf => {
            let mut bytes = std::mem::take(&mut buffers[0]).into_bytes();
            bytes.pop();
            buffers[0] = bytes.into();
        }
        // A text column of one buffer, which holds integers.
        How::WrongType => buffers = vec![vec![0; rows * 8].into()],
        How::BufferMissing => buffers.truncate(1),
        How::ExtraBuffer => buffers.push(Buffer::default()),
        _ => {}
    }
    let column = Column { validity, ..Column::of(DataType::Utf8, rows, buffers) };
    match how {
        How::NoColumn => Vec::new(),
        How::ExtraColumn => vec![column.clone(), column],
        _ => vec![column],
    }
}

fn nested_column(how: How, rows: usize, data_type: DataType) -> Column {
    let numbers = |n: usize| Column::int64(vec![7; n]);
    // Right as they stand: one item a row.
    let each: Vec<i32> = (0..=rows as i32).collect();
    let mut column = Column::of(data_type.clone(), rows, [offsets(&each)]);
    match how {
        How::ChildMissing => {}
        How::ExtraChild => column.children = vec![numbers(rows), numbers(rows)],
        How::ListTooLong => column.children = vec![numbers(rows - 1)],
        How::ListGoesDown => {
            let down: Vec<i32> = each.iter().rev().copied().collect();
            column.buffers = vec![offsets(&down)];
            column.children = vec![numbers(rows)];
        }
        How::ItemsTooShort => {
            let short = numbers(rows - 1);
            column.children = vec![Column { rows: rows as u32, ..short }];
        }
        How::FixedTooShort => {
            column.buffers.clear();
            column.children = vec![numbers(3 * rows - 1)];
        }
        How::FieldTooShort => {
            column.buffers.clear();
            column.children = vec![numbers(rows), numbers(rows - 1)];
        }
        How::Deep => return deep(&data_type, rows, &each),
        // `NullKey`, `MapUneven`
        _ => {
            let (mut keys, values) = (numbers(rows), numbers(rows - usize::from(how == How::MapUneven)));
            if how == How::NullKey {
                keys.validity = Some(vec![0xfe; rows.div_ceil(8)]);
            }
            let mut entries = Column::of(DataType::structure([]), rows, []);
            entries.children = vec![keys, values];
            column.children = vec![entries];
        }
    }
    column
}

/// One item in one item in one item, in every row.
fn deep(data_type: &DataType, rows: usize, each: &[i32]) -> Column {
    match data_type {
        DataType::List(item) => {
            let mut column = Column::of(data_type.clone(), rows, [offsets(each)]);
            column.children = vec![deep(&item.data_type, rows, each)];
            column
        }
        _ => Column::int64(vec![7; rows]),
    }
}
