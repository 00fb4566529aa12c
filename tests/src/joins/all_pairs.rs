//! Random joins beside all pairs of rows, however these are spread over epochs and runs.

use millstream_engine::job::Trigger;
use millstream_engine::run::RunOptions;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Row, job, out, write};
use crate::scratch::Scratch;
use crate::support::assert_same_rows;

/// What a random join says: kind, bounds, a window that both lie in, whether numbers are compared too.
#[derive(Debug, Clone)]
struct Random {
    kind: &'static str,
    least: i64,
    most: i64,
    bin: Option<i64>,
    ordered: bool,
}

impl Random {
    fn sql(&self) -> String {
        let Self { kind, least, most, bin, ordered } = self;
        let columns = if *kind == "LEFT SEMI" { "a.k, a.n" } else { "a.k, a.n, b.k AS l, b.n AS m" };
        let mut on =
            format!("a.k = b.k AND b.t >= a.t + INTERVAL '{least} seconds' AND b.t <= a.t + INTERVAL '{most} seconds'");
        if let Some(bin) = bin {
            let of = |t: &str| format!("date_bin(INTERVAL '{bin} seconds', {t})");
            on += &format!(" AND {} = {}", of("a.t"), of("b.t"));
        }
        if *ordered {
            on += " AND a.n < b.n";
        }
        format!("SELECT {columns} FROM a {kind} JOIN b ON {on}")
    }

    /// The rows there are at the end, when no row is late and everything has been closed.
    fn rows(&self, a: &[Row], b: &[Row]) -> Vec<Value> {
        let matches = |l: &Row, r: &Row| {
            l.0.is_some()
                && l.0 == r.0
                && (self.least..=self.most).contains(&(r.2 - l.2))
                // 09:00 begins no window of every length.
                && self.bin.is_none_or(|bin| (l.2 + NINE).div_euclid(bin) == (r.2 + NINE).div_euclid(bin))
                && (!self.ordered || l.1 < r.1)
        };
        let mut rows = Vec::new();
        for l in a {
            let found: Vec<&Row> = b.iter().filter(|r| matches(l, r)).collect();
            match self.kind {
                "LEFT SEMI" if !found.is_empty() => rows.push(json!({"k": l.0, "n": l.1})),
                "LEFT SEMI" => {}
                _ => rows.extend(found.iter().map(|r| json!({"k": l.0, "n": l.1, "l": r.0, "m": r.1}))),
            }
            if found.is_empty() && matches!(self.kind, "LEFT" | "FULL") {
                rows.push(json!({"k": l.0, "n": l.1}));
            }
        }
        let alone = b.iter().filter(|r| matches!(self.kind, "RIGHT" | "FULL") && !a.iter().any(|l| matches(l, r)));
        rows.extend(alone.map(|r| json!({"l": r.0, "m": r.1})));
        rows
    }
}

/// 2026-03-01T09:00:00Z, seconds since 1970.
const NINE: i64 = 1_772_355_600;

fn random() -> impl Strategy<Value = Random> {
    let kind = prop::sample::select(vec!["INNER", "LEFT", "RIGHT", "FULL", "LEFT SEMI"]);
    let bin = prop::option::of(5i64..80);
    (kind, -40i64..40, -40i64..40, bin, any::<bool>()).prop_map(|(kind, x, y, bin, ordered)| Random {
        kind,
        least: x.min(y),
        most: x.max(y),
        bin,
        ordered,
    })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let keys = prop::sample::select(vec![Some("x"), Some("y"), Some("a longer key"), None]);
    proptest::collection::vec((keys, 0i64..100, 0i64..150), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn where_no_row_is_late_rows_are_those_of_all_pairs_however_they_are_split_and_restarted(
        join in random(),
        streams in (rows(), rows()),
        cuts in proptest::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..5),
        restarts in 0usize..4,
    ) {
        let scratch = Scratch::new();
        for (source, rows) in [("a", &streams.0), ("b", &streams.1)] {
            let index = |cut: &(prop::sample::Index, prop::sample::Index)| {
                if source == "a" { cut.0.index(rows.len() + 1) } else { cut.1.index(rows.len() + 1) }
            };
            let mut cuts: Vec<usize> = cuts.iter().map(index).chain([0, rows.len()]).collect();
            cuts.sort_unstable();
            cuts.windows(2).enumerate().for_each(|(part, w)| write(&scratch, source, part, &rows[w[0]..w[1]]));
        }
        scratch.write("in/c/0.json", "");
        let job = job(&join.sql(), "").replace("watermark = \"5s\"", "watermark = \"150s\"");
        for _ in 0..restarts {
            let once = RunOptions { trigger: Some(Trigger::Once), threads: Some(1), ..RunOptions::default() };
            scratch.run_with(&job, once).unwrap();
        }
        let ran = scratch.run(&format!("final_watermark = true\n{job}")).unwrap();
        prop_assert_eq!(ran.summary.late, 0);
        assert_same_rows(&join.sql(), out(&scratch), join.rows(&streams.0, &streams.1), 0.0);
    }
}
