//! What every [`Sink`] must keep to, wherever its rows go.

#![allow(clippy::unwrap_used, reason = "a suite says what is wrong by a panic")]

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::{Prepared, Sink};
use crate::job::OutputMode;

/// The columns of the rows that the suite writes: `n`, a whole number that is different in each row, and `text`.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false), Field::new("text", DataType::Utf8, true)]))
}

/// Rows with these numbers.
pub fn rows(numbers: &[i64]) -> RecordBatch {
    let text: StringArray = numbers.iter().map(|n| Some(format!("row {n}"))).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(numbers.to_vec())), Arc::new(text)];
    RecordBatch::try_new(schema(), columns).expect("the columns are the schema's")
}

/// Runs the suite on a new sink for rows of [`schema`] in `mode`, with the key `n`; `seen` gives the numbers that a reader
/// sees now.
///
/// # Panics
/// The sink does not keep to it.
pub fn conforms(mut sink: Box<dyn Sink>, mode: OutputMode, seen: impl Fn() -> Vec<i64>) {
    let publisher = sink.publisher();
    let commit = |epoch, mut prepared: Prepared| {
        publisher.make_durable(&mut prepared).unwrap();
        let before = seen();
        let outputs = prepared.outputs;
        publisher.publish(epoch, &outputs, prepared.payload).unwrap();
        publisher.sync().unwrap();
        before
    };
    // An epoch that is given up was none.
    sink.abandon().unwrap();
    sink.write(&rows(&[7, 8])).unwrap();
    sink.abandon().unwrap();
    sink.write(&rows(&[1, 2])).unwrap();
    sink.write(&rows(&[])).unwrap();
    sink.write(&rows(&[3])).unwrap();
    let first = sink.finish(0).unwrap();
    assert_eq!(first.rows, 3);
    // The next epoch begins before this one is published, and is not mixed with it.
    sink.write(&rows(&[4])).unwrap();
    assert_eq!(commit(0, first), [0i64; 0], "nothing is visible before it is published");
    assert_eq!(seen(), [1, 2, 3]);
    let second = sink.finish(1).unwrap();
    assert_eq!(commit(1, second), [1, 2, 3]);
    let both: &[i64] = if mode == OutputMode::Complete { &[4] } else { &[1, 2, 3, 4] };
    assert_eq!(seen(), both);
    // An epoch without rows is an epoch: it adds nothing, and a whole result is empty.
    let third = sink.finish(2).unwrap();
    assert_eq!(third.rows, 0);
    commit(2, third);
    assert_eq!(seen(), if mode == OutputMode::Complete { &[] } else { both });
    sink.write(&rows(&[9])).unwrap();
    sink.abandon().unwrap();
    sink.write(&rows(&[5])).unwrap();
    let fourth = sink.finish(3).unwrap();
    commit(3, fourth);
    assert_eq!(seen().last(), Some(&5));
}
