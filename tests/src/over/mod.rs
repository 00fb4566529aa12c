//! Window functions of queries that are asked once: answers that were worked out by hand, what is refused, and any frame
//! beside a slow model.

mod random;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use millstream_engine::run::{Answer, QueryTable, query};

use crate::scratch::Scratch;

const ROWS: &str = "id,g,o,v,f,d
1,a,1,10,1.5,2026-01-31
2,a,2,,NaN,2026-02-28
3,a,2,30,-0.0,2026-03-01
4,a,5,40,0.0,2026-03-30
5,b,,7,,
6,b,3,7,2.5,2026-03-31
7,b,3,-2,NaN,2026-04-30
8,,1,5,1.0,2026-04-30
";

fn asked(scratch: &Scratch, sql: &str) -> Result<Answer, String> {
    let answer = query(sql, &[QueryTable::new("t", "t.csv")], scratch.path());
    answer.map_err(|e| format!("{}\nhelp: {}", e.message(), e.help().unwrap_or_default()))
}

/// The values of column `at`, by the number in column 0.
fn by_id(batch: &RecordBatch, at: usize) -> Vec<String> {
    let ids = batch.column(0).as_primitive::<Int64Type>();
    let options = FormatOptions::default().with_null("null");
    let values = ArrayFormatter::try_new(batch.column(at).as_ref(), &options).unwrap();
    let mut rows: Vec<usize> = (0..ids.len()).collect();
    rows.sort_by_key(|row| ids.value(*row));
    rows.iter().map(|row| values.value(*row).to_string()).collect()
}

/// What stands in SELECT, what follows FROM t, and the value of each row.
const ANSWERS: &[(&str, &str, &str)] = &[
    ("row_number() OVER (ORDER BY id DESC)", "", "8 7 6 5 4 3 2 1"),
    ("row_number() OVER (PARTITION BY g ORDER BY o, id)", "", "1 2 3 4 3 1 2 1"),
    ("row_number() OVER (ORDER BY o DESC, id)", "", "7 5 6 2 1 3 4 8"),
    ("row_number() OVER (ORDER BY o NULLS FIRST, id)", "", "2 4 5 8 1 6 7 3"),
    ("rank() OVER (PARTITION BY g ORDER BY o)", "", "1 2 2 4 3 1 1 1"),
    ("dense_rank() OVER (PARTITION BY g ORDER BY o)", "", "1 2 2 3 2 1 1 1"),
    (
        "percent_rank() OVER (PARTITION BY g ORDER BY o)",
        "",
        "0.0 0.3333333333333333 0.3333333333333333 1.0 1.0 0.0 0.0 0.0",
    ),
    (
        "cume_dist() OVER (PARTITION BY g ORDER BY o)",
        "",
        "0.25 0.75 0.75 1.0 1.0 0.6666666666666666 0.6666666666666666 1.0",
    ),
    ("ntile(3) OVER (ORDER BY id)", "", "1 1 1 2 2 2 3 3"),
    ("ntile(10) OVER (PARTITION BY g ORDER BY id)", "", "1 2 3 4 1 2 3 1"),
    // Floats: -0.0 is 0.0, NaN is NaN and the greatest, null comes after it.
    ("rank() OVER (ORDER BY f)", "", "4 6 1 1 8 5 6 3"),
    ("count(*) OVER (PARTITION BY f)", "", "1 2 2 2 1 1 2 1"),
    ("max(f) OVER (PARTITION BY g ORDER BY id ROWS 1 PRECEDING)", "", "1.5 NaN NaN 0.0 null 2.5 NaN 1.0"),
    ("sum(f) OVER (PARTITION BY g ORDER BY id ROWS 1 PRECEDING)", "", "1.5 NaN NaN 0.0 null 2.5 NaN 1.0"),
    // Other rows.
    ("lag(v) OVER (PARTITION BY g ORDER BY id)", "", "null 10 null 30 null 7 7 null"),
    ("lag(v, 2, -1) OVER (PARTITION BY g ORDER BY id)", "", "-1 -1 10 null -1 -1 7 -1"),
    ("lag(v, 1, id * 100) OVER (PARTITION BY g ORDER BY id)", "", "100 10 null 30 500 7 7 800"),
    ("lag(v, 1, 0.5) OVER (ORDER BY id)", "", "0.5 10.0 null 30.0 40.0 7.0 7.0 -2.0"),
    ("lag(v, -1) OVER (ORDER BY id)", "", "null 30 40 7 7 -2 5 null"),
    ("lag(v, id - 1) OVER (ORDER BY id)", "", "10 10 10 10 10 10 10 10"),
    ("lead(v) OVER (ORDER BY id)", "", "null 30 40 7 7 -2 5 null"),
    ("lead(v, 0) OVER (ORDER BY id)", "", "10 null 30 40 7 7 -2 5"),
    ("lag(v) IGNORE NULLS OVER (ORDER BY id)", "", "null 10 10 30 40 7 7 -2"),
    ("lead(v, 2) IGNORE NULLS OVER (ORDER BY id)", "", "40 40 7 7 -2 5 null null"),
    ("lag(g) OVER (ORDER BY id)", "", "null a a a a b b b"),
    ("first_value(v) OVER (PARTITION BY g ORDER BY id)", "", "10 10 10 10 7 7 7 5"),
    ("last_value(v) OVER (PARTITION BY g ORDER BY id)", "", "10 null 30 40 7 7 -2 5"),
    (
        "last_value(v) OVER (PARTITION BY g ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
        "",
        "40 40 40 40 -2 -2 -2 5",
    ),
    ("last_value(v) IGNORE NULLS OVER (ORDER BY id)", "", "10 10 30 40 7 7 -2 5"),
    ("nth_value(v, 2) OVER (PARTITION BY g ORDER BY id)", "", "null null null null null 7 7 null"),
    ("nth_value(v, 2) IGNORE NULLS OVER (PARTITION BY g ORDER BY id)", "", "null null 30 30 null 7 7 null"),
    (
        "first_value(v) IGNORE NULLS OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING)",
        "",
        "30 30 40 7 7 -2 5 null",
    ),
    // Frames.
    ("sum(v) OVER ()", "", "97 97 97 97 97 97 97 97"),
    ("sum(v) OVER (PARTITION BY g)", "", "80 80 80 80 12 12 12 5"),
    ("sum(v) OVER (PARTITION BY g ORDER BY o)", "", "10 40 40 80 12 5 5 5"),
    ("sum(v) OVER (ORDER BY id ROWS 1 PRECEDING)", "", "10 10 30 70 47 14 5 3"),
    ("sum(v) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING)", "", "null 10 10 30 70 47 14 5"),
    ("count(*) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING)", "", "0 1 2 2 2 2 2 2"),
    ("sum(v) OVER (ORDER BY o GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)", "", "15 45 45 45 47 35 35 15"),
    ("count(*) OVER (ORDER BY o RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING)", "", "4 6 6 1 1 4 4 4"),
    ("count(*) OVER (ORDER BY o DESC RANGE BETWEEN CURRENT ROW AND 1 FOLLOWING)", "", "2 4 4 1 1 4 4 2"),
    ("count(*) OVER (ORDER BY o RANGE BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING)", "", "8 8 8 2 1 6 6 8"),
    ("count(*) OVER (ORDER BY f RANGE BETWEEN 0.5 PRECEDING AND 0.5 FOLLOWING)", "", "2 2 2 2 1 1 2 2"),
    ("count(*) OVER (ORDER BY d RANGE INTERVAL '1 month' PRECEDING)", "", "1 2 2 3 1 4 4 4"),
    ("count(*) OVER (RANGE CURRENT ROW)", "", "8 8 8 8 8 8 8 8"),
    // Aggregates.
    ("avg(v) OVER (PARTITION BY g)", "WHERE g = 'b'", "4.0 4.0 4.0"),
    ("median(v) OVER (PARTITION BY g)", "", "30.0 30.0 30.0 30.0 7.0 7.0 7.0 5.0"),
    ("count(DISTINCT v) OVER (PARTITION BY g)", "", "3 3 3 3 2 2 2 1"),
    ("count(*) FILTER (WHERE v > 6) OVER (PARTITION BY g ORDER BY id)", "", "1 1 2 3 1 2 2 0"),
    ("array_agg(id) OVER (PARTITION BY g ORDER BY id ROWS 1 PRECEDING)", "WHERE id < 4", "[1] [1,2] [2,3]"),
    // Names, and what comes behind.
    ("sum(v) OVER w", "WINDOW w AS (PARTITION BY g)", "80 80 80 80 12 12 12 5"),
    ("sum(v) OVER (W ROWS 1 PRECEDING)", "WINDOW p AS (PARTITION BY g), w AS (p ORDER BY id)", "10 10 30 70 7 14 5 5"),
    ("o", "QUALIFY row_number() OVER (PARTITION BY g ORDER BY o DESC NULLS LAST) = 1", "5 3 1"),
    ("rank() OVER w AS r, o", "QUALIFY r = 1 WINDOW w AS (PARTITION BY g ORDER BY o)", "1 1 1 1"),
    ("v - lag(v) OVER (ORDER BY id)", "WHERE v IS NOT NULL", "null 20 10 -33 0 -9 7"),
];

#[test]
fn answers_are_those_worked_out_by_hand() {
    let scratch = Scratch::new();
    scratch.write("t.csv", ROWS);
    for &(what, behind, want) in ANSWERS {
        let name = if what.contains(" AS r") { "" } else { " AS x" };
        let answer = asked(&scratch, &format!("SELECT id, {what}{name} FROM t {behind}"));
        let got = answer.map(|answer| by_id(&answer.batch, 1).iter().map(|v| v.replace(", ", ",")).collect::<Vec<_>>());
        assert_eq!(got.map(|v| v.join(" ")).as_deref(), Ok(want), "{what} {behind}");
    }
}

#[test]
fn over_groups_under_groups_beside_each_other_and_in_an_order() {
    let scratch = Scratch::new();
    scratch.write("t.csv", ROWS);
    for (sql, want) in [
        (
            "SELECT count(*) AS n, g, rank() OVER (ORDER BY count(*) DESC) AS r, sum(sum(v)) OVER () AS s
             FROM t GROUP BY g ORDER BY r",
            "4 a 1 97;3 b 2 97;1 null 3 97",
        ),
        ("SELECT max(r) AS r, count(*) AS n FROM (SELECT row_number() OVER (PARTITION BY g) AS r FROM t) x", "4 8"),
        (
            "SELECT id, sum(v) OVER (ORDER BY id) AS a, sum(v) OVER (ORDER BY id DESC) AS b, row_number() OVER (PARTITION BY g ORDER BY id) AS c
             FROM t WHERE id > 5 ORDER BY id",
            "6 7 10 1;7 5 3 2;8 10 5 1",
        ),
        ("SELECT id FROM t ORDER BY rank() OVER (ORDER BY v DESC NULLS LAST), id LIMIT 3", "4;3;1"),
        (
            "SELECT a.id, b.n FROM t a JOIN (SELECT id, row_number() OVER (ORDER BY v) AS n FROM t) b ON a.id = b.id WHERE b.n = 1",
            "7 1",
        ),
        ("SELECT DISTINCT count(*) OVER (PARTITION BY g) AS n FROM t ORDER BY n", "1;3;4"),
        ("SELECT id FROM t WHERE id = (SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY id) AS n FROM t) x)", "8"),
        ("SELECT id, sum(v) OVER () AS s FROM t WHERE id > 100", ""),
    ] {
        let answer = asked(&scratch, sql);
        let rows = answer.map(|answer| {
            let options = FormatOptions::default().with_null("null");
            let column = |c| ArrayFormatter::try_new(c, &options).unwrap();
            let columns: Vec<_> = answer.batch.columns().iter().map(|c| column(c.as_ref())).collect();
            let row = |row| columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join(" ");
            (0..answer.batch.num_rows()).map(row).collect::<Vec<_>>().join(";")
        });
        assert_eq!(rows.as_deref(), Ok(want), "{sql}");
    }
}

#[test]
fn a_column_without_a_name_is_called_as_it_was_written() {
    let scratch = Scratch::new();
    scratch.write("t.csv", ROWS);
    let answer = asked(
        &scratch,
        "SELECT id, sum(v) OVER (PARTITION BY g ORDER BY id), 1 + rank() over w FROM t WINDOW w AS (ORDER BY id)",
    );
    let names: Vec<String> = answer.unwrap().batch.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["id", "sum(v) OVER (PARTITION BY g ORDER BY id)", "1 + rank() OVER w"]);
}

#[test]
fn a_sum_over_a_frame_that_does_not_fit_costs_its_row_and_a_row_that_fails_counts_nowhere() {
    let scratch = Scratch::new();
    scratch.write("t.csv", format!("id,v,n\n1,{},1\n2,1,0\n3,-5,2\n4,{},1\n", i64::MAX, i64::MIN));
    let answer = asked(&scratch, "SELECT id, sum(v) OVER (ORDER BY id) AS s FROM t").unwrap();
    // 2^63 - 1, 2^63, 2^63 - 5, -5
    assert_eq!(by_id(&answer.batch, 0), ["1", "3", "4"]);
    assert_eq!(by_id(&answer.batch, 1), ["9223372036854775807", "9223372036854775803", "-5"]);
    assert_eq!(answer.answered.refused, 1);
    let why = answer.answered.first_refused.unwrap().reason;
    assert_eq!(why, "sum(v) = 9223372036854775808 does not fit int64");

    let answer = asked(&scratch, "SELECT id, sum(12 / n) OVER () AS s FROM t").unwrap();
    assert_eq!(by_id(&answer.batch, 1), ["30", "30", "30"]);
    assert_eq!(answer.answered.refused, 1);
    let refused = answer.answered.first_refused.unwrap();
    assert!(refused.reason.contains("12 / n"), "{refused:?}");
}

#[test]
fn a_running_total_of_many_rows_is_the_total() {
    let scratch = Scratch::new();
    let n = 20_000i64;
    scratch.write("t.csv", (0..n).fold("id\n".to_owned(), |all, i| all + &format!("{i}\n")));
    let sql = "SELECT id, sum(id) OVER (ORDER BY id) AS s, max(id) OVER (ORDER BY id DESC ROWS BETWEEN 5000 PRECEDING AND CURRENT ROW) AS m FROM t";
    let answer = asked(&scratch, sql).unwrap().batch;
    let column = |at: usize| answer.column(at).as_primitive::<Int64Type>().clone();
    let (id, sum, max) = (column(0), column(1), column(2));
    for row in 0..n as usize {
        let i = id.value(row);
        assert_eq!((sum.value(row), max.value(row)), (i * (i + 1) / 2, (i + 5000).min(n - 1)), "{i}");
    }
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let scratch = Scratch::new();
    scratch.write("t.csv", ROWS);
    for (what, says) in [
        ("id FROM t WHERE rank() OVER (ORDER BY v) = 1", "WHERE comes before window functions"),
        ("count(*) AS n FROM t GROUP BY rank() OVER (ORDER BY v)", "GROUP BY comes before window functions"),
        (
            "g, count(*) AS n FROM t GROUP BY g HAVING rank() OVER (ORDER BY g) = 1",
            "HAVING comes before window functions",
        ),
        ("a.id FROM t a JOIN t b ON a.id = rank() OVER (ORDER BY b.v)", "ON comes before window functions"),
        ("sum(rank() OVER (ORDER BY v)) OVER () AS x FROM t", "stands inside another window function"),
        ("rank() AS x FROM t", "`rank` is computed over rows in an order, and OVER says which"),
        ("upper(g) OVER () AS x FROM t", "`upper` is computed of one row: OVER does not go with it"),
        ("foo(g) OVER () AS x FROM t", "there is no function `foo`"),
        ("sum(v) OVER w AS x FROM t", "there is no window `w`"),
        ("sum(v) OVER w AS x FROM t WINDOW w AS (), w AS ()", "there are two windows named `w`"),
        (
            "sum(v) OVER (w PARTITION BY g) AS x FROM t WINDOW w AS (ORDER BY id)",
            "cannot have a PARTITION BY of its own",
        ),
        (
            "sum(v) OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 1 PRECEDING) AS x FROM t",
            "the frame ends (1 PRECEDING) before it begins",
        ),
        ("sum(v) OVER (ORDER BY id ROWS 1 FOLLOWING) AS x FROM t", "the frame ends (CURRENT ROW) before it begins"),
        ("sum(v) OVER (ORDER BY id ROWS 1.5 PRECEDING) AS x FROM t", "a frame of ROWS is bounded by a number of them"),
        ("sum(v) OVER (ORDER BY id ROWS id PRECEDING) AS x FROM t", "a frame of ROWS is bounded by a number of them"),
        ("sum(v) OVER (ORDER BY id RANGE id PRECEDING) AS x FROM t", "bounded by a number or an interval, written out"),
        ("sum(v) OVER (ORDER BY id, v RANGE 1 PRECEDING) AS x FROM t", "needs one column that rows are ordered by"),
        (
            "sum(v) OVER (ORDER BY g RANGE 1 PRECEDING) AS x FROM t",
            "needs an order by numbers or times, and this one is utf8",
        ),
        ("sum(v) OVER (ORDER BY d RANGE INTERVAL '-1 day' PRECEDING) AS x FROM t", "a frame's distance is 0 or more"),
        (
            "sum(v) OVER (ORDER BY id RANGE 0.5 PRECEDING) AS x FROM t",
            "between values of int64 is a whole number, and this one is 0.5",
        ),
        (
            "sum(v) OVER (ORDER BY d RANGE 1 PRECEDING) AS x FROM t",
            "between values of date is an interval, and this one is 1",
        ),
        ("sum(v) OVER (GROUPS 1 PRECEDING) AS x FROM t", "there is no ORDER BY"),
        ("ntile(0) OVER (ORDER BY id) AS x FROM t", "`ntile` takes a number from 1 on, written out"),
        ("nth_value(v, id) OVER (ORDER BY id) AS x FROM t", "`nth_value` takes a number from 1 on, written out"),
        (
            "lag(v, 'a') OVER (ORDER BY id) AS x FROM t",
            "`lag` does not take these arguments: it is called as lag(value)",
        ),
        ("rank(v) OVER (ORDER BY id) AS x FROM t", "`rank` does not take these arguments"),
        ("rank() IGNORE NULLS OVER (ORDER BY id) AS x FROM t", "`rank` looks at no value"),
        ("lag(v) FILTER (WHERE v > 1) OVER (ORDER BY id) AS x FROM t", "FILTER goes with aggregates"),
        ("array_agg(v ORDER BY id) OVER () AS x FROM t", "is that of OVER"),
        ("id FROM t QUALIFY id > 1", "QUALIFY keeps rows by what window functions give, and there is none"),
    ] {
        let said = asked(&scratch, &format!("SELECT {what}")).map(|answer| format!("{:?}", answer.batch));
        let said = said.expect_err(what);
        assert!(said.contains(says), "{what}: {said}");
        for word in ["DataFusion", "WindowFrame", "Utf8", "Int64", "UDF", "stream", "rror:"] {
            assert!(!said.contains(word), "{what}: {said}");
        }
    }
}
