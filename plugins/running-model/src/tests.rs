//! Models that learn what there is to learn, each from its own key.

use millstream_guest::testing::{KeyedJob, Table, keyed, keyed_laws};

use super::*;

const WITH: &str = r#"{"features": ["x", "y"], "label": "label", "carry": ["id"]}"#;

/// For `up` the label says whether x is greater than y, for `down` the contrary; x and y go through a square.
fn rows(ids: std::ops::Range<i64>) -> Table {
    let (x, y) = (|id: i64| (id * 7 % 11) as f64 / 11.0, |id: i64| 100.0 * (id * 5 % 13) as f64 / 13.0);
    let key = |id: i64| if id % 2 == 0 { "up" } else { "down" };
    let label = move |id: i64| f64::from((100.0 * x(id) > y(id)) == (id % 2 == 0));
    let ids: Vec<i64> = ids.collect();
    Table::new()
        .utf8("key", ids.iter().map(|id| key(*id)))
        .float64("x", ids.iter().map(|id| x(*id)))
        .float64("y", ids.iter().map(|id| y(*id)))
        .float64("label", ids.iter().map(|id| label(*id)))
        .int64("id", ids.iter().copied())
}

fn job() -> KeyedJob {
    keyed::<RunningModel>(WITH, &["key"], &rows(0..0)).expect("it binds")
}

fn right(table: &Table) -> usize {
    let is_right = |row: &usize| match &table.row(*row)[..] {
        [.., Value::Float(label), Value::Float(prediction), _] => (*prediction > 0.5) == (*label > 0.5),
        other => panic!("{other:?}"),
    };
    (0..table.rows()).filter(is_right).count()
}

#[test]
fn each_key_learns_what_its_rows_say() {
    let mut job = job();
    let came = job.rows(&rows(0..2)).unwrap();
    assert_eq!(came.table.row(0)[3..], [Value::Float(0.5), Value::Int(0)], "nothing is known at first");
    job.rows(&rows(2..2000)).unwrap();
    let right = right(&job.rows(&rows(2000..2200)).unwrap().table);
    assert!(right > 180, "{right} of 200");
}

#[test]
fn epochs_do_not_matter() {
    let (mut one, mut other) = (job(), job());
    one.rows(&rows(0..60)).unwrap();
    other.rows(&rows(0..7)).unwrap();
    other.rows(&rows(7..60)).unwrap();
    assert_eq!(one.rows(&rows(60..64)).unwrap(), other.rows(&rows(60..64)).unwrap());
}

#[test]
fn an_unknown_label_is_predicted_and_not_learnt_and_others_are_refused() {
    let table = Table::new().utf8("key", ["a", "a", "a"]).float64("x", [Some(1.0), None, Some(1.0)]);
    let table =
        table.float64("y", [0.0, 0.0, 0.0]).float64("label", [None, Some(1.0), Some(0.5)]).int64("id", [1, 2, 3]);
    let mut job = job();
    let came = job.rows(&table).unwrap();
    let expected = Table::new().utf8("key", ["a"]).utf8("id", ["1"]).float64("label", [None]);
    assert_eq!(came.table, expected.float64("prediction", [0.5]).uint64("learnt", [0]));
    assert_eq!(came.rejects.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(job.state::<Model>(&["a".into()]).unwrap().learnt, 0);
}

#[test]
fn the_laws_hold() {
    keyed_laws::<RunningModel>(WITH, &["key"], None, &rows(0..90)).unwrap();
}
