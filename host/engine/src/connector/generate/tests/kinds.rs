//! What must hold of all rows, whatever they are of.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use proptest::prelude::*;

use super::spec;
use crate::connector::generate::options::SOURCE;
use crate::connector::generate::{GenerateSource, GenerateSpec, RowsOf};
use crate::connector::source::Source;
use crate::connector::source::conformance::conforms;
use crate::format::{RawChunk, RawContent, type_name};
use crate::job::{KeyKind, OptionValue, Options, Spanned};

/// Rows `from..to` in one piece, of columns `columns`.
fn rows(spec: &GenerateSpec, from: u64, to: u64, columns: &[usize]) -> RecordBatch {
    let decoder = GenerateSource::open(spec).unwrap().decoder(columns).unwrap();
    decoder.decode(&RawChunk { part: 0, index: 0, content: RawContent::Rows { from, to } }).unwrap().batch
}

/// The same, of all columns.
pub(super) fn all(spec: &GenerateSpec, from: u64, to: u64) -> RecordBatch {
    let columns = GenerateSource::open(spec).unwrap().schema().fields().len();
    rows(spec, from, to, &(0..columns).collect::<Vec<_>>())
}

/// The options of the tests, of other rows.
pub(super) fn of(rows_of: RowsOf) -> GenerateSpec {
    GenerateSpec { rows_of, cards: 1000, ..spec() }
}

#[test]
fn each_kind_conforms() {
    for rows_of in RowsOf::ALL {
        let spec = GenerateSpec { rows: Some(7_000), max_rows_per_epoch: 3_000, ..of(rows_of) };
        conforms(|| Box::new(GenerateSource::open(&spec).unwrap()));
    }
}

#[test]
fn the_page_has_the_columns_and_the_words() {
    for rows_of in RowsOf::ALL {
        let schema: Arc<Schema> = GenerateSource::open(&of(rows_of)).unwrap().schema();
        let column =
            |field: &arrow::datatypes::FieldRef| format!("`{}` {}", field.name(), type_name(field.data_type()));
        let columns: Vec<String> = schema.fields().iter().map(column).collect();
        assert!(SOURCE.about.contains(&columns.join(", ")), "{rows_of:?}: {}", columns.join(", "));
        assert!(schema.fields().iter().all(|field| !field.is_nullable()));
        let KeyKind::Word(words) = SOURCE.keys[0].kind else {
            panic!("rows_of stands before the keys that go with it")
        };
        assert!(words.contains(&rows_of.word()));
    }
}

#[test]
fn without_other_keys_each_kind_has_rows_that_make_sense() {
    for (rows_of, events_per_second, cards, mean_delay) in [
        (RowsOf::AccessLogs, 1000.0, 1, 5_000_000),
        (RowsOf::Cards, 20.0, 10_000, 5_000_000),
        (RowsOf::Bids, 1000.0, 1, 0),
    ] {
        let word = Spanned { value: OptionValue::Word(rows_of.word()), span: 0..0 };
        let spec = GenerateSpec::of(&Options::given("generate", &SOURCE, Path::new("/"), [("rows_of", word)]));
        assert_eq!(
            (spec.rows_of, spec.events_per_second, spec.cards, spec.mean_delay),
            (rows_of, events_per_second, cards, mean_delay)
        );
    }
    assert_eq!(GenerateSpec::default().rows_of, RowsOf::AccessLogs);
}

#[test]
fn seeds_differ_in_what_is_drawn_and_in_nothing_else() {
    for (rows_of, drawn) in
        [(RowsOf::Cards, "card"), (RowsOf::Persons, "name"), (RowsOf::Auctions, "seller"), (RowsOf::Bids, "auction")]
    {
        let one = all(&of(rows_of), 100_000, 101_000);
        let other = all(&GenerateSpec { seed: 43, ..of(rows_of) }, 100_000, 101_000);
        let column = |batch: &RecordBatch, name: &str| -> ArrayRef { batch.column_by_name(name).unwrap().clone() };
        assert_ne!(&column(&one, drawn), &column(&other, drawn), "{rows_of:?}");
        for name in ["id", "date_time"] {
            assert_eq!(one.column_by_name(name), other.column_by_name(name));
        }
    }
}

#[test]
fn rows_far_out_can_be_made() {
    for rows_of in RowsOf::ALL {
        let last = u64::MAX / 64;
        for (from, events_per_second) in [(last, 1e9), (u64::MAX - 10, 1e-6)] {
            let spec = GenerateSpec { events_per_second, ..of(rows_of) };
            // Of access logs, as far as their random words go.
            let from = if rows_of == RowsOf::AccessLogs { from.min(last) } else { from };
            assert_eq!(all(&spec, from, from + 10).num_rows(), 10, "{rows_of:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_row_depends_on_its_number_alone(
        rows_of in prop::sample::select(RowsOf::ALL.to_vec()),
        from in 0u64..10_000_000,
        cuts in prop::collection::vec(0u64..300, 1..5),
        seed: u64,
        events_per_second in prop::sample::select(vec![0.5, 20.0, 5000.0]),
    ) {
        let spec = GenerateSpec { seed, events_per_second, ..of(rows_of) };
        let mut next = from;
        let mut parts: Vec<RecordBatch> = Vec::new();
        for cut in cuts {
            parts.push(all(&spec, next, next + cut));
            next += cut;
        }
        let whole = all(&spec, from, next);
        prop_assert_eq!(&concat_batches(&whole.schema(), &parts).unwrap(), &whole);
        // Whatever other columns are wanted.
        let last = whole.num_columns() - 1;
        prop_assert_eq!(rows(&spec, from, next, &[last, 1]), whole.project(&[last, 1]).unwrap());
    }
}
