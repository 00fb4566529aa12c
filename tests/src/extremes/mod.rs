//! NaN of every kind, negative zero, infinities and the ends of integers in every operator, beside a slow model of the one
//! rule: `-0.0` equals `0.0`, `NaN` equals `NaN` and is greater than everything else, nulls are as SQL has them.

mod conditions;

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::{Float32Type, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;

use conditions::{Key, Row, both, is_struct, order, tests};

use crate::scratch::Scratch;
use crate::support::Ran;

const SOURCE: &str = "format = \"parquet\"\nevent_time = \"t\"\nwatermark = \"1 day\"\nmax_files_per_epoch = 1\n";

fn job() -> String {
    let near = "r.t BETWEEN s.t - INTERVAL '1 day' AND s.t + INTERVAL '1 day'";
    let mut job = format!(
        "name = \"extremes\"\nfinal_watermark = true\n[source.s]\npath = \"s\"\n{SOURCE}[source.r]\npath = \"r\"\n{SOURCE}[source.fixed]\npath = \"r\"\nformat = \"parquet\"\nstatic = true\n"
    );
    let mut add = |name: &str, logic: &str| {
        job += &format!("[operator.{name}]\n{logic}\n[sink.{name}]\ninput = \"{name}\"\nconnector = \"memory\"\n");
    };
    let sql = |text: &str| format!("sql = '''{text}'''");
    let complete = |text: &str| format!("output_mode = \"complete\"\nsql = '''{text}'''");
    let columns: Vec<String> = tests().iter().enumerate().map(|(n, (text, _))| format!("{text} AS c{n}")).collect();
    add("tests", &sql(&format!("SELECT id, {} FROM s", columns.join(", "))));
    add("less", &sql("SELECT id, f FROM s WHERE f < g OR f = -0.0"));
    add(
        "values",
        &sql(
            "SELECT id, nullif(f, 1.0) AS n, greatest(f, g) AS most, least(f, g) AS least, CASE WHEN true THEN f END AS f FROM s",
        ),
    );
    add("inner", &sql(&format!("SELECT s.id AS a, r.id AS b FROM s JOIN r ON s.f = r.f AND {near}")));
    add("further", &sql(&format!("SELECT s.id AS a, r.id AS b FROM s JOIN r ON s.i = r.i AND s.g >= r.g AND {near}")));
    add(
        "outer_",
        &sql(&format!("SELECT s.id AS a, r.id AS b FROM s FULL JOIN r ON s.f = r.f AND s.h = r.h AND {near}")),
    );
    add("semi", &sql(&format!("SELECT s.id AS a FROM s LEFT SEMI JOIN r ON s.f = r.f AND {near}")));
    add("static_", &sql("SELECT s.id AS a, fixed.id AS b FROM s LEFT JOIN fixed ON s.f = fixed.f AND s.i = fixed.i"));
    add("distinct_", &sql("SELECT DISTINCT f, t FROM s"));
    add("once", "input = \"s\"\ndedup = { keys = [\"f\", \"i\"], within = \"2 days\" }");
    let aggregates = "count(*) AS n, min(g) AS least, max(g) AS most, min(h) AS hleast, max(h) AS hmost, count(DISTINCT g) AS kinds, \
                      min(i) AS ileast, max(i) AS imost, first_value(id ORDER BY g, id) AS first, max(g) FILTER (WHERE g < 1.0) AS below";
    add("groups", &complete(&format!("SELECT f, {aggregates} FROM s GROUP BY f")));
    add(
        "windows",
        &sql(&format!("SELECT window.start, f, {aggregates} FROM s GROUP BY window(t, '2 days', '1 day'), f")),
    );
    add("ordered", &complete("SELECT f, count(*) AS n FROM s GROUP BY f ORDER BY f DESC NULLS LAST LIMIT 4"));
    add("having_", &complete("SELECT i, max(f) AS most FROM s GROUP BY i HAVING max(f) >= -0.0"));
    job
}

fn batch(rows: &[Row]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 7] = [
        ("id", Arc::new(rows.iter().map(|r| Some(r.id)).collect::<Int64Array>())),
        (
            "t",
            Arc::new(
                rows.iter().map(|r| Some(r.t * 1_000_000)).collect::<TimestampMicrosecondArray>().with_timezone("UTC"),
            ),
        ),
        ("f", Arc::new(rows.iter().map(|r| r.f).collect::<Float64Array>())),
        ("g", Arc::new(rows.iter().map(|r| r.g).collect::<Float64Array>())),
        ("h", Arc::new(rows.iter().map(|r| r.h).collect::<Float32Array>())),
        ("i", Arc::new(rows.iter().map(|r| r.i).collect::<Int64Array>())),
        ("j", Arc::new(rows.iter().map(|r| r.j).collect::<Int64Array>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

fn run(s: &[Row], r: &[Row], files: usize) -> Ran {
    let scratch = Scratch::new();
    for (source, rows) in [("s", s), ("r", r)] {
        std::fs::create_dir(scratch.path().join(source)).unwrap();
        for (n, part) in rows.chunks(rows.len().div_ceil(files).max(1)).enumerate() {
            let file = File::create(scratch.path().join(format!("{source}/{n}.parquet"))).unwrap();
            let batch = batch(part);
            let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        }
    }
    scratch.run(&job()).unwrap()
}

/// A sink's rows.
struct Answer(RecordBatch);

impl Answer {
    fn of(ran: &Ran, sink: &str) -> Self {
        let table = ran.tables.table(sink);
        Self(arrow::compute::concat_batches(&table.schema().unwrap(), &table.snapshot().unwrap()).unwrap())
    }

    fn len(&self) -> usize {
        self.0.num_rows()
    }

    fn column(&self, name: &str) -> &ArrayRef {
        self.0.column_by_name(name).unwrap()
    }

    fn int(&self, name: &str, row: usize) -> Option<i64> {
        let column = self.column(name).as_primitive::<Int64Type>();
        column.is_valid(row).then(|| column.value(row))
    }

    fn float(&self, name: &str, row: usize) -> Option<f64> {
        if let Some(column) = self.column(name).as_primitive_opt::<Float32Type>() {
            return column.is_valid(row).then(|| column.value(row).into());
        }
        let column = self.column(name).as_primitive::<Float64Type>();
        column.is_valid(row).then(|| column.value(row))
    }

    fn bool(&self, name: &str, row: usize) -> Option<bool> {
        let column = self.column(name).as_boolean();
        column.is_valid(row).then(|| column.value(row))
    }

    fn pairs(&self) -> Vec<(Option<i64>, Option<i64>)> {
        let mut pairs: Vec<_> = (0..self.len()).map(|row| (self.int("a", row), self.int("b", row))).collect();
        pairs.sort_unstable();
        pairs
    }

    fn ids(&self, name: &str) -> Vec<i64> {
        let mut ids: Vec<i64> = (0..self.len()).map(|row| self.int(name, row).unwrap()).collect();
        ids.sort_unstable();
        ids
    }
}

fn extreme(values: impl Iterator<Item = f64>, greatest: bool) -> Key {
    Key(values.reduce(|a, b| if order(b, a).is_gt() == greatest && order(b, a).is_ne() { b } else { a }))
}

/// What the aggregates of `rows` are, beside row `at` of an answer.
fn same_aggregates(answer: &Answer, at: usize, rows: &[&Row]) -> Result<(), TestCaseError> {
    let of = |value: fn(&Row) -> Option<f64>| rows.iter().filter_map(move |r| value(r));
    prop_assert_eq!(answer.int("n", at), Some(rows.len() as i64));
    for (name, value, greatest) in [
        ("least", (|r| r.g) as fn(&Row) -> Option<f64>, false),
        ("most", |r| r.g, true),
        ("hleast", |r| r.h.map(f64::from), false),
        ("hmost", |r| r.h.map(f64::from), true),
        ("below", |r| r.g.filter(|g| order(*g, 1.0).is_lt()), true),
    ] {
        prop_assert_eq!(Key(answer.float(name, at)), extreme(of(value), greatest), "{}", name);
    }
    let kinds: std::collections::BTreeSet<Key> = of(|r| r.g).map(|g| Key(Some(g))).collect();
    prop_assert_eq!(answer.int("kinds", at), Some(kinds.len() as i64));
    prop_assert_eq!(answer.int("ileast", at), rows.iter().filter_map(|r| r.i).min());
    prop_assert_eq!(answer.int("imost", at), rows.iter().filter_map(|r| r.i).max());
    // Ascending, nulls last.
    let first = rows.iter().min_by_key(|r| (r.g.is_none(), Key(r.g), r.id));
    prop_assert_eq!(answer.int("first", at), first.map(|r| r.id));
    Ok(())
}

fn joined(
    s: &[Row],
    r: &[Row],
    on: impl Fn(&Row, &Row) -> bool,
    left: bool,
    right: bool,
) -> Vec<(Option<i64>, Option<i64>)> {
    let mut pairs = Vec::new();
    for a in s {
        let matching: Vec<&Row> = r.iter().filter(|b| on(a, b)).collect();
        pairs.extend(matching.iter().map(|b| (Some(a.id), Some(b.id))));
        if left && matching.is_empty() {
            pairs.push((Some(a.id), None));
        }
    }
    if right {
        pairs.extend(r.iter().filter(|b| !s.iter().any(|a| on(a, b))).map(|b| (None, Some(b.id))));
    }
    pairs.sort_unstable();
    pairs
}

fn check(s: &[Row], r: &[Row], files: usize) -> Result<(), TestCaseError> {
    let ran = run(s, r, files);
    prop_assert_eq!((ran.summary.late, ran.summary.rejected), (0, 0));
    let by_id: BTreeMap<i64, &Row> = s.iter().map(|row| (row.id, row)).collect();
    let row_of = |answer: &Answer, at: usize| by_id[&answer.int("id", at).unwrap()];

    let answer = Answer::of(&ran, "tests");
    prop_assert_eq!(answer.ids("id"), s.iter().map(|row| row.id).collect::<Vec<_>>());
    for at in 0..answer.len() {
        let row = row_of(&answer, at);
        for (n, (text, is)) in tests().iter().enumerate() {
            if is_struct(text) && (row.f.is_none() || row.g.is_none()) {
                continue;
            }
            prop_assert_eq!(answer.bool(&format!("c{n}"), at), is(row), "{} of {:?}", text, row);
        }
    }
    let equal = |a: Option<f64>, b: Option<f64>| both(a, b, |a, b| order(a, b).is_eq()) == Some(true);
    let answer = Answer::of(&ran, "less");
    let passes = |r: &&Row| both(r.f, r.g, |a, b| order(a, b).is_lt()) == Some(true) || equal(r.f, Some(0.0));
    prop_assert_eq!(answer.ids("id"), s.iter().filter(passes).map(|r| r.id).collect::<Vec<_>>());
    for at in 0..answer.len() {
        // What passes is not changed: a negative zero is one behind a filter too.
        prop_assert_eq!(answer.float("f", at).map(f64::to_bits), row_of(&answer, at).f.map(f64::to_bits));
    }
    let answer = Answer::of(&ran, "values");
    for at in 0..answer.len() {
        let row = row_of(&answer, at);
        let bits = |value: Option<f64>| value.map(f64::to_bits);
        prop_assert_eq!(bits(answer.float("f", at)), bits(row.f));
        prop_assert_eq!(bits(answer.float("n", at)), bits(row.f.filter(|f| *f != 1.0)));
        let there = || [row.f, row.g].into_iter().flatten();
        prop_assert_eq!(Key(answer.float("most", at)), extreme(there(), true));
        prop_assert_eq!(Key(answer.float("least", at)), extreme(there(), false));
    }

    prop_assert_eq!(Answer::of(&ran, "inner").pairs(), joined(s, r, |a, b| equal(a.f, b.f), false, false));
    let further =
        |a: &Row, b: &Row| a.i.is_some() && a.i == b.i && both(a.g, b.g, |a, b| order(a, b).is_ge()) == Some(true);
    prop_assert_eq!(Answer::of(&ran, "further").pairs(), joined(s, r, further, false, false));
    let with_h = |a: &Row, b: &Row| equal(a.f, b.f) && equal(a.h.map(f64::from), b.h.map(f64::from));
    prop_assert_eq!(Answer::of(&ran, "outer_").pairs(), joined(s, r, with_h, true, true));
    let matched: Vec<i64> = s.iter().filter(|a| r.iter().any(|b| equal(a.f, b.f))).map(|a| a.id).collect();
    prop_assert_eq!(Answer::of(&ran, "semi").ids("a"), matched);
    let with_i = |a: &Row, b: &Row| equal(a.f, b.f) && a.i.is_some() && a.i == b.i;
    prop_assert_eq!(Answer::of(&ran, "static_").pairs(), joined(s, r, with_i, true, false));

    let kinds: std::collections::BTreeSet<(Key, i64)> = s.iter().map(|r| (Key(r.f), r.t)).collect();
    prop_assert_eq!(Answer::of(&ran, "distinct_").len(), kinds.len());
    let mut firsts: BTreeMap<(Key, Option<i64>), i64> = BTreeMap::new();
    for r in s {
        firsts.entry((Key(r.f), r.i)).or_insert(r.id);
    }
    let mut firsts: Vec<i64> = firsts.into_values().collect();
    firsts.sort_unstable();
    prop_assert_eq!(Answer::of(&ran, "once").ids("id"), firsts);

    let mut groups: BTreeMap<Key, Vec<&Row>> = BTreeMap::new();
    s.iter().for_each(|r| groups.entry(Key(r.f)).or_default().push(r));
    let answer = Answer::of(&ran, "groups");
    prop_assert_eq!(answer.len(), groups.len());
    for at in 0..answer.len() {
        same_aggregates(&answer, at, &groups[&Key(answer.float("f", at))])?;
    }
    // Every row is in two windows, of which all have the same rows or those of one day.
    let answer = Answer::of(&ran, "windows");
    prop_assert_eq!(answer.len(), 2 * groups.len());
    for at in 0..answer.len() {
        same_aggregates(&answer, at, &groups[&Key(answer.float("f", at))])?;
    }
    let answer = Answer::of(&ran, "ordered");
    let mut keys: Vec<Key> = groups.keys().copied().collect();
    keys.sort_by(|a, b| b.0.is_some().cmp(&a.0.is_some()).then(b.cmp(a)));
    let have: Vec<Key> = (0..answer.len()).map(|at| Key(answer.float("f", at))).collect();
    prop_assert_eq!(have, keys.into_iter().take(4).collect::<Vec<_>>());
    let mut by_i: BTreeMap<Option<i64>, Key> = BTreeMap::new();
    for row in s {
        let most = by_i.entry(row.i).or_insert(Key(None));
        *most = (*most).max(Key(row.f));
    }
    by_i.retain(|_, most| *most >= Key(Some(0.0)));
    let answer = Answer::of(&ran, "having_");
    let have: BTreeMap<Option<i64>, Key> =
        (0..answer.len()).map(|at| (answer.int("i", at), Key(answer.float("most", at)))).collect();
    prop_assert_eq!(have, by_i);
    Ok(())
}

fn float() -> impl Strategy<Value = Option<f64>> {
    let other_nans =
        [0x7ff8_0000_0000_0001, 0xfff8_0000_0000_0000, 0x7ff0_0000_0000_0001, u64::MAX].map(f64::from_bits);
    prop_oneof![
        2 => Just(None),
        3 => Just(Some(-0.0)),
        3 => Just(Some(0.0)),
        2 => Just(Some(f64::NAN)),
        2 => prop::sample::select(other_nans.to_vec()).prop_map(Some),
        2 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324]).prop_map(Some),
        3 => prop::sample::select(vec![1.0, -1.0, 2.0, 3.0]).prop_map(Some),
    ]
}

fn int() -> impl Strategy<Value = Option<i64>> {
    prop::sample::select(vec![
        None,
        Some(i64::MIN),
        Some(-i64::MAX),
        Some(-1),
        Some(0),
        Some(1),
        Some(i64::MAX - 1),
        Some(i64::MAX),
    ])
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let small = float().prop_map(|f| {
        // A NaN keeps its sign and some of its bits.
        f.map(|f| if f.is_nan() { f32::from_bits((f.to_bits() >> 32) as u32 | 0x7fc0_0000) } else { f as f32 })
    });
    let row = (0..3i64, float(), float(), small, int(), int());
    prop::collection::vec(row, 1..40).prop_map(|rows| {
        let numbered = rows.into_iter().enumerate();
        numbered.map(|(id, (t, f, g, h, i, j))| Row { id: id as i64, t, f, g, h, i, j }).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn floats_and_integers_go_by_one_rule_in_every_operator(s in rows(), r in rows(), files in 1..4usize) {
        check(&s, &r, files)?;
    }
}

#[test]
fn the_least_of_infinity_is_infinity() {
    let row = |id, f| Row { id, t: 0, f: Some(1.0), g: Some(f), h: Some(f as f32), i: None, j: None };
    let all = [row(0, f64::INFINITY), row(1, f64::INFINITY)];
    check(&all, &all, 1).unwrap();
    let all = [row(0, f64::NEG_INFINITY)];
    check(&all, &all, 1).unwrap();
}
