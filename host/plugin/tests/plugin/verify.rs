//! Operators that are not deterministic are caught, each by the comparison that is there for it; those that are pass, on the
//! same rows.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use millstream_plugin::verify::{Report, Trial, Unit, Verdict, Way, asked_fields, rows_of, verify};
use millstream_plugin::{InputField, Limits, Plugin, PluginError, Request, timestamp_type};

use super::{plugin, runtime};

const KEY: &str = "key";

fn field(name: &str, data_type: DataType) -> FieldRef {
    Arc::new(Field::new(name, data_type, true))
}

/// The trial of an operator with these columns, and those that it asks for beside them.
fn tried(plugin: &Plugin, operator: Option<&str>, config: &str, fields: &[FieldRef]) -> Result<Report, PluginError> {
    let limits = Limits::default();
    let request = Request { operator, config, keys: &[], ..Request::default() };
    let is_keyed = fields.iter().any(|field| field.name() == KEY);
    let keys: Vec<FieldRef> = fields.iter().filter(|field| field.name() == KEY).cloned().collect();
    let input: Vec<InputField> = fields.iter().cloned().map(InputField::from).collect();
    let request = Request { keys: &keys, ..request };
    let fields = asked_fields(plugin, &Request { input: &input, ..request.clone() }, &limits)?;
    let input: Vec<InputField> = fields.iter().cloned().map(InputField::from).collect();
    let rows = rows_of(&fields, if is_keyed { &[KEY] } else { &[] }, 400, 1)?;
    let is_time = |field: &FieldRef| *field.data_type() == timestamp_type();
    let event_time = fields.iter().position(is_time);
    verify(plugin, &Request { input: &input, ..request }, &limits, &Trial { rows: &rows, seed: 1, event_time })
}

/// The ways in which it differs.
fn differs(report: &Report) -> Vec<Way> {
    report.comparisons.iter().filter(|one| one.is_different()).map(|one| one.way).collect()
}

#[test]
fn what_is_not_deterministic_is_caught_by_the_way_that_shows_it() {
    let unstable = plugin("unstable");
    let numbers = [field("n", DataType::Int64)];
    let by_key = [numbers[0].clone(), field(KEY, DataType::Utf8)];
    use Way::*;
    for (operator, is_keyed, expected) in [
        ("counts-calls", false, &[Used, Threads][..]),
        ("numbers-rows", false, &[Cuts, OneByOne]),
        ("first-only", false, &[Used, Cuts, OneByOne, Threads]),
        ("rows-beside", false, &[Cuts, OneByOne]),
        ("interned", false, &[Used, Threads]),
        ("mean-of-means", false, &[Cuts, Merges]),
        ("in-all", true, &[Used, KeysReversed, KeysAlone, RowsOfAKey, Threads]),
        ("row-per-call", true, &[RowsOfAKey]),
        ("tallies", true, &[Used, KeysReversed, KeysAlone, RowsOfAKey, Threads]),
    ] {
        let fields = if is_keyed { &by_key[..] } else { &numbers };
        let report = tried(&unstable, Some(operator), "{}", fields).unwrap();
        let found = differs(&report);
        assert_eq!(report.verdict(), Verdict::NotDeterministic, "{operator}: {report:#?}");
        // Which instance gets what is chance where threads call at once.
        let certain = |ways: &[Way]| ways.iter().copied().filter(|way| *way != Threads).collect::<Vec<_>>();
        assert_eq!(certain(&found), certain(expected), "{operator}: {report:#?}");
        assert!(!found.contains(&Threads) || expected.contains(&Threads), "{operator}: {report:#?}");
    }
}

#[test]
fn what_looks_as_if_it_were_not_deterministic_passes() {
    let unstable = plugin("unstable");
    let numbers = [field("n", DataType::Int64)];
    let last = tried(&unstable, Some("last"), "{}", &numbers).unwrap();
    assert_eq!((last.verdict(), last.rounds()), (Verdict::Deterministic, false), "{last:#?}");
    let tenths = tried(&unstable, Some("tenths"), "{}", &numbers).unwrap();
    assert_eq!((tenths.verdict(), tenths.rounds()), (Verdict::Deterministic, true), "{tenths:#?}");
    let running = tried(&unstable, Some("running"), "{}", &[field(KEY, DataType::Utf8)]).unwrap();
    assert_eq!(running.verdict(), Verdict::Deterministic, "{running:#?}");
    let [first, ..] = &running.comparisons[..] else { panic!("{running:#?}") };
    assert!(first.unit == Unit::Keys && first.compared > 60, "{running:#?}");
    assert!(running.refused > 10, "{running:#?}");
}

#[test]
fn what_fails_is_named_and_the_rest_is_tried() {
    let unstable = plugin("unstable");
    // Not more than may fail before it is the plugin that is broken: rows for which it is known.
    let fields = [field("n", DataType::UInt8)];
    let fine = tried(&unstable, Some("no-negatives"), "{}", &fields).unwrap();
    assert_eq!(fine.verdict(), Verdict::Deterministic);

    let rows = super::numbers((0..200).map(|n| if n % 50 == 7 { -n } else { n }));
    let input = InputField::of_schema(&rows.schema());
    let request = Request { operator: Some("no-negatives"), config: "{}", input: &input, ..Request::default() };
    let trial = Trial { rows: &rows, seed: 1, event_time: None };
    let report = verify(&unstable, &request, &Limits::default(), &trial).unwrap();
    assert_eq!(report.verdict(), Verdict::Fails, "{report:#?}");
    let [first, _, _, last] = &report.failures[..] else { panic!("{report:#?}") };
    assert_eq!((&*first.subject, &*last.subject), ("row 7 (n = -7)", "row 157 (n = -157)"));
    assert!(first.message.starts_with("the plugin panicked: -7 has no root"), "{first:?}");
    assert_eq!(report.comparisons[0].way, Way::Failing);
    assert_eq!((report.comparisons[0].compared, report.comparisons[1].compared), (4, 196));

    let none = rows.slice(0, 0);
    let report = verify(&unstable, &request, &Limits::default(), &Trial { rows: &none, ..trial }).unwrap();
    assert_eq!(report.verdict(), Verdict::Deterministic, "{report:#?}");
}

#[test]
fn the_plugins_of_the_repository_are_deterministic() {
    let key = || vec![field(KEY, DataType::Utf8)];
    for (name, config, fields) in [
        ("keep-containing", r#"{"text": "item"}"#, vec![]),
        ("nth-word", r#"{"n": 2}"#, vec![]),
        ("parse-log-line", "{}", vec![]),
        ("split-words", "{}", vec![]),
        ("sum-and-max", "{}", vec![]),
        ("sum-and-max", "{}", vec![field("bytes", DataType::Int64)]),
        ("fraud-rules", "{}", key()),
        ("fraud-rules-2", "{}", key()),
        ("sessionise", r#"{"gap_seconds": 30, "ends": ["page"]}"#, key()),
        ("top-k", r#"{"item": "page", "k": 3, "counters": 5, "every_seconds": 60}"#, key()),
        ("running-model", r#"{"features": ["x"], "label": "y"}"#, key()),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(name);
        let report = tried(&runtime().load(&path).unwrap(), None, config, &fields).unwrap();
        assert_eq!(report.verdict(), Verdict::Deterministic, "{name}: {report:#?}");
        assert!(report.comparisons.len() >= 5 && report.failures.is_empty(), "{name}: {report:#?}");
    }
}

#[test]
fn columns_that_it_does_not_ask_for_in_words_have_to_be_said() {
    let unstable = plugin("unstable");
    let asked = |operator, config| {
        let request = Request { operator: Some(operator), config, ..Request::default() };
        asked_fields(&unstable, &request, &Limits::default())
    };
    let told = |fields: Vec<FieldRef>| {
        fields.iter().map(|field| (field.name().clone(), field.data_type().clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(asked("numbers-rows", "{}").unwrap()), []);
    assert_eq!(told(asked("counts-calls", "{}").unwrap()), [("value".to_owned(), DataType::Int64)]);
    let refused = asked("counts-calls", r#"{"n": 1}"#).unwrap_err();
    assert!(matches!(refused, PluginError::Refused { .. }), "{refused}");
}
