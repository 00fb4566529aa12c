//! Records that came one by one, as a broker or a socket gives them: a value, and what came with it.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryBuilder, ListArray, StringBuilder, StructArray, TimestampMicrosecondArray,
    TimestampMicrosecondBuilder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};

use super::types::UTC;

/// Records of one partition, in the order of their offsets. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Records(Arc<Content>);

#[derive(Debug)]
struct Content {
    partition: Option<Arc<str>>,
    offsets: Arc<[u64]>,
    times: TimestampMicrosecondArray,
    keys: BinaryArray,
    values: BinaryArray,
    headers: ListArray,
}

/// One record on its way in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Record<'a> {
    /// Where it stands in its partition.
    pub offset: u64,
    /// When it was made, or came: microseconds since 1970.
    pub time: Option<i64>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; none = what was under the key is deleted.
    pub value: Option<&'a [u8]>,
    /// Its headers, in their order.
    pub headers: &'a [Header<'a>],
}

/// A header of a record.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// Its name; several may have the same.
    pub name: &'a str,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// The type of the column that headers make: `list<struct<name: utf8, value: binary>>`.
pub fn headers_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Struct(header_fields()), true)))
}

fn header_fields() -> Fields {
    Fields::from(vec![Field::new("name", DataType::Utf8, true), Field::new("value", DataType::Binary, true)])
}

impl Records {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.offsets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.offsets.is_empty()
    }

    /// Bytes of the keys and values.
    pub fn bytes(&self) -> usize {
        let bytes =
            |of: &BinaryArray| of.value_offsets().last().zip(of.value_offsets().first()).map_or(0, |(b, a)| b - a);
        bytes(&self.0.keys) as usize + bytes(&self.0.values) as usize
    }

    /// The partition's name, where there are several.
    pub fn partition(&self) -> Option<&Arc<str>> {
        self.0.partition.as_ref()
    }

    /// Each record's offset.
    pub fn offsets(&self) -> &Arc<[u64]> {
        &self.0.offsets
    }

    /// Each record's time.
    pub fn times(&self) -> &TimestampMicrosecondArray {
        &self.0.times
    }

    /// Each record's key.
    pub fn keys(&self) -> &BinaryArray {
        &self.0.keys
    }

    /// Each record's value.
    pub fn values(&self) -> &BinaryArray {
        &self.0.values
    }

    /// Each record's headers, of [`headers_type`].
    pub fn headers(&self) -> &ListArray {
        &self.0.headers
    }

    /// `len` of them, from record `from` on.
    #[must_use]
    pub fn slice(&self, from: usize, len: usize) -> Self {
        Self(Arc::new(Content {
            partition: self.0.partition.clone(),
            offsets: self.0.offsets[from..from + len].into(),
            times: self.0.times.slice(from, len),
            keys: self.0.keys.slice(from, len),
            values: self.0.values.slice(from, len),
            headers: self.0.headers.slice(from, len),
        }))
    }
}

/// Puts [`Records`] together.
#[derive(Debug, Default)]
pub struct RecordsBuilder {
    offsets: Vec<u64>,
    times: TimestampMicrosecondBuilder,
    keys: BinaryBuilder,
    values: BinaryBuilder,
    header_counts: Vec<usize>,
    header_names: StringBuilder,
    header_values: BinaryBuilder,
}

impl RecordsBuilder {
    /// Adds a record.
    pub fn push(&mut self, record: Record<'_>) {
        self.offsets.push(record.offset);
        self.times.append_option(record.time);
        self.keys.append_option(record.key);
        self.values.append_option(record.value);
        self.header_counts.push(record.headers.len());
        for header in record.headers {
            self.header_names.append_value(header.name);
            self.header_values.append_option(header.value);
        }
    }

    /// How many were added.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Bytes of their keys and values: a chunk is full at about two megabytes.
    pub fn bytes(&self) -> usize {
        self.keys.values_slice().len() + self.values.values_slice().len()
    }

    /// The records so far, as those of `partition`; the next ones are others.
    pub fn finish(&mut self, partition: Option<Arc<str>>) -> Records {
        let headers: Vec<ArrayRef> = vec![Arc::new(self.header_names.finish()), Arc::new(self.header_values.finish())];
        let headers = StructArray::new(header_fields(), headers, None);
        let item = Arc::new(Field::new_list_field(headers.data_type().clone(), true));
        let counts = OffsetBuffer::from_lengths(std::mem::take(&mut self.header_counts));
        Records(Arc::new(Content {
            partition,
            offsets: std::mem::take(&mut self.offsets).into(),
            times: self.times.finish().with_timezone(UTC),
            keys: self.keys.finish(),
            values: self.values.finish(),
            headers: ListArray::new(item, counts, Arc::new(headers), None),
        }))
    }
}
