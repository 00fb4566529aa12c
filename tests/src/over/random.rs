//! Random rows, orders and frames beside a model that asks of each row whether it is in the frame of another.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::{asked, by_id};
use crate::scratch::Scratch;

#[derive(Debug, Clone, Copy)]
struct Row {
    id: i64,
    g: Option<i64>,
    o: Option<f64>,
    v: Option<i64>,
    f: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Rows,
    Groups,
    Range,
}

/// How far from the row, in halves; none = to the end of the partition.
type Bound = Option<i64>;

#[derive(Debug, Clone, Copy)]
struct Window {
    parted: bool,
    descending: bool,
    nulls_first: bool,
    unit: Unit,
    start: Bound,
    end: Bound,
}

impl Window {
    fn bound(self, bound: Bound, unbounded: &str) -> String {
        let side = |n: i64| if n < 0 { "PRECEDING" } else { "FOLLOWING" };
        match bound {
            None => format!("UNBOUNDED {unbounded}"),
            Some(0) => "CURRENT ROW".to_owned(),
            Some(n) if self.unit == Unit::Range => format!("{:?} {}", n.abs() as f64 / 2.0, side(n)),
            Some(n) => format!("{} {}", n.abs(), side(n)),
        }
    }

    fn sql(self) -> String {
        format!(
            "{} ORDER BY o {} NULLS {} {} BETWEEN {} AND {}",
            if self.parted { "PARTITION BY g" } else { "" },
            if self.descending { "DESC" } else { "ASC" },
            if self.nulls_first { "FIRST" } else { "LAST" },
            format!("{:?}", self.unit).to_uppercase(),
            self.bound(self.start, "PRECEDING"),
            self.bound(self.end, "FOLLOWING"),
        )
    }

    /// The order of `o`.
    fn compare(self, a: Option<f64>, b: Option<f64>) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) => {
                let order = floats(a, b);
                if self.descending { order.reverse() } else { order }
            }
            (None, None) => Ordering::Equal,
            (a, _) => {
                if a.is_none() == self.nulls_first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }
}

fn floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// A partition in its order.
struct Partition<'a> {
    window: Window,
    rows: &'a [Row],
    /// The number of each row's group of peers.
    groups: Vec<i64>,
}

impl<'a> Partition<'a> {
    fn new(window: Window, rows: &'a [Row]) -> Self {
        let mut groups = vec![0];
        for pair in rows.windows(2) {
            groups.push(groups[groups.len() - 1] + i64::from(window.compare(pair[0].o, pair[1].o).is_ne()));
        }
        Self { window, rows, groups }
    }

    /// Whether row `other` is beyond a bound of the frame of row `at`: before it, as the order has it, or behind it.
    fn compared_with_bound(&self, at: usize, other: usize, bound: i64) -> Ordering {
        match self.window.unit {
            Unit::Rows => (other as i64).cmp(&(at as i64 + bound)),
            Unit::Groups => self.groups[other].cmp(&(self.groups[at] + bound)),
            Unit::Range => match (self.rows[at].o, self.rows[other].o) {
                (Some(from), Some(_)) if bound != 0 => {
                    let far = bound as f64 / 2.0;
                    let to = if self.window.descending { from - far } else { from + far };
                    self.window.compare(self.rows[other].o, Some(to))
                }
                _ => self.window.compare(self.rows[other].o, self.rows[at].o),
            },
        }
    }

    fn frame(&self, at: usize) -> Vec<Row> {
        let is_in = |other: &usize| {
            let after_start = self.window.start.is_none_or(|b| self.compared_with_bound(at, *other, b).is_ge());
            let before_end = self.window.end.is_none_or(|b| self.compared_with_bound(at, *other, b).is_le());
            after_start && before_end
        };
        (0..self.rows.len()).filter(is_in).map(|other| self.rows[other]).collect()
    }
}

fn shown<T: std::fmt::Debug>(value: Option<T>) -> String {
    let text = value.map_or("null".to_owned(), |value| format!("{value:?}"));
    if text == "-0.0" { "0.0".to_owned() } else { text }
}

/// What stands before OVER, and what it is of the frame, the partition and the row's place in it.
type Call = (&'static str, fn(&[Row], &Partition<'_>, usize) -> String);

fn sum(frame: &[Row], counts: impl Fn(&Row) -> bool) -> Option<i64> {
    frame.iter().filter(|r| counts(r)).filter_map(|r| r.v).reduce(|a, b| a + b)
}

/// The value of `v` that is `far` rows with one away.
fn next_valid(rows: &[Row], at: usize, far: usize) -> Option<i64> {
    rows[at + 1..].iter().filter_map(|r| r.v).nth(far - 1)
}

const CALLS: [Call; 20] = [
    ("array_agg(id)", |frame, _, _| match frame {
        [] => "null".to_owned(),
        frame => format!("{:?}", frame.iter().map(|r| r.id).collect::<Vec<_>>()),
    }),
    ("count(*)", |frame, _, _| frame.len().to_string()),
    ("count(v)", |frame, _, _| frame.iter().filter(|r| r.v.is_some()).count().to_string()),
    ("sum(v)", |frame, _, _| shown(sum(frame, |_| true))),
    ("sum(v) FILTER (WHERE id % 3 = 1)", |frame, _, _| shown(sum(frame, |r| r.id % 3 == 1))),
    ("avg(v)", |frame, _, _| {
        let n = frame.iter().filter(|r| r.v.is_some()).count() as f64;
        shown(sum(frame, |_| true).map(|sum| sum as f64 / n))
    }),
    ("count(DISTINCT v)", |frame, _, _| {
        let mut values: Vec<i64> = frame.iter().filter_map(|r| r.v).collect();
        values.sort_unstable();
        values.dedup();
        values.len().to_string()
    }),
    // Quarters: the order in which they are added changes nothing.
    ("sum(f)", |frame, _, _| shown(frame.iter().filter_map(|r| r.f).reduce(|a, b| a + b))),
    ("min(f)", |frame, _, _| shown(frame.iter().filter_map(|r| r.f).min_by(|a, b| floats(*a, *b)))),
    ("max(f)", |frame, _, _| shown(frame.iter().filter_map(|r| r.f).max_by(|a, b| floats(*a, *b)))),
    ("first_value(v)", |frame, _, _| shown(frame.first().and_then(|r| r.v))),
    ("last_value(v)", |frame, _, _| shown(frame.last().and_then(|r| r.v))),
    ("nth_value(v, 3)", |frame, _, _| shown(frame.get(2).and_then(|r| r.v))),
    ("first_value(v) IGNORE NULLS", |frame, _, _| shown(frame.iter().find_map(|r| r.v))),
    ("nth_value(v, 3) IGNORE NULLS", |frame, _, _| shown(frame.iter().filter_map(|r| r.v).nth(2))),
    ("row_number()", |_, _, at| (at + 1).to_string()),
    ("rank()", |_, of, at| {
        (of.rows[..at].iter().filter(|r| of.window.compare(r.o, of.rows[at].o).is_lt()).count() + 1).to_string()
    }),
    ("dense_rank()", |_, of, at| (of.groups[at] + 1).to_string()),
    ("lag(v, 2, 77)", |_, of, at| shown(if at < 2 { Some(77) } else { of.rows[at - 2].v })),
    ("lead(v, 2) IGNORE NULLS", |_, of, at| shown(next_valid(of.rows, at, 2))),
];

fn partition_of<'r>(rows: &'r [Row], window: Window, row: &'r Row) -> Vec<Row> {
    let mut partition: Vec<Row> = rows.iter().filter(|r| !window.parted || r.g == row.g).copied().collect();
    partition.sort_by(|a, b| window.compare(a.o, b.o));
    partition
}

fn any_row() -> impl Strategy<Value = Row> {
    let floats = prop::sample::select(vec![-2.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5, 3.0, f64::NAN, f64::INFINITY]);
    let quarters = prop_oneof![30 => (-8i64..8).prop_map(|n| n as f64 / 4.0), 1 => Just(f64::NAN), 1 => Just(-0.0)];
    let g = prop::option::weighted(0.8, 0i64..2);
    (
        g,
        prop::option::weighted(0.85, floats),
        prop::option::weighted(0.8, -9i64..9),
        prop::option::weighted(0.8, quarters),
    )
        .prop_map(|(g, o, v, f)| Row { id: 0, g, o, v, f })
}

fn any_window() -> impl Strategy<Value = Window> {
    let unit = prop::sample::select(vec![Unit::Rows, Unit::Groups, Unit::Range]);
    let bound = || prop_oneof![1 => Just(None), 3 => (-3i64..=3).prop_map(Some), 1 => (-90i64..=90).prop_map(Some)];
    (any::<(bool, bool, bool)>(), unit, bound(), bound()).prop_map(|((parted, descending, nulls_first), unit, a, b)| {
        let (start, end) = match (a, b) {
            (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
            other => other,
        };
        Window { parted, descending, nulls_first, unit, start, end }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_frame_of_any_rows_is_what_the_model_says(
        rows in prop_oneof![prop::collection::vec(any_row(), 1..12), prop::collection::vec(any_row(), 150..400)],
        windows in prop::collection::vec(any_window(), 2),
    ) {
        let scratch = Scratch::new();
        // The types of columns are told from a row that has them.
        let all = rows.into_iter().chain([Row { id: 0, g: Some(0), o: Some(0.5), v: Some(1), f: Some(0.25) }]);
        let rows: Vec<Row> = all.enumerate().map(|(id, row)| Row { id: id as i64, ..row }).collect();
        let mut text = "id,g,o,v,f\n".to_owned();
        let none = |text: String| if text == "null" { String::new() } else { text };
        let written = |o: Option<f64>| o.map_or(String::new(), |o| if o.is_infinite() { "Infinity".to_owned() } else { format!("{o:?}") });
        for Row { id, g, o, v, f } in &rows {
            text += &format!("{id},{},{},{},{}\n", none(shown(*g)), written(*o), none(shown(*v)), written(*f));
        }
        scratch.write("t.csv", text);
        let calls = CALLS.iter().flat_map(|(call, _)| (0..windows.len()).map(move |w| format!("{call} OVER w{w}")));
        let calls: Vec<String> = calls.enumerate().map(|(at, call)| format!("{call} AS x{at}")).collect();
        let named: Vec<String> = windows.iter().enumerate().map(|(w, window)| format!("w{w} AS ({})", window.sql())).collect();
        let sql = format!("SELECT id, {} FROM t WINDOW {}", calls.join(", "), named.join(", "));
        let answer = asked(&scratch, &sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        prop_assert_eq!(answer.answered.refused, 0);
        let mut want: Vec<Vec<String>> = vec![Vec::new(); calls.len()];
        for row in &rows {
            for (w, window) in windows.iter().enumerate() {
                let partition = partition_of(&rows, *window, row);
                let at = partition.iter().position(|r| r.id == row.id).unwrap();
                let of = Partition::new(*window, &partition);
                let frame = of.frame(at);
                for (c, (_, value)) in CALLS.iter().enumerate() {
                    want[c * windows.len() + w].push(value(&frame, &of, at));
                }
            }
        }
        for (at, want) in want.into_iter().enumerate() {
            let got: Vec<String> = by_id(&answer.batch, at + 1).into_iter().map(|v| if v == "-0.0" { "0.0".to_owned() } else { v }).collect();
            prop_assert_eq!(got, want, "{}, {:?}", &calls[at], windows[at % windows.len()]);
        }
    }
}
