//! What must hold of every aggregate, and that each breach is found and told.

use millstream_guest::{
    prelude::*,
    testing::{self, Table, TestError},
};

/// A sum that keeps its laws, or breaks the one that the configuration names.
struct Sum {
    n: Input<Int64>,
    breaks: String,
    /// Differs from instance to instance.
    odd: bool,
}

thread_local! {
    static BOUND: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

impl Sum {
    fn is(&self, breaks: &str) -> bool {
        self.breaks == breaks
    }
}

impl Aggregate for Sum {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Aggregation), Problem> {
        let breaks = config.text_or("breaks", "")?;
        let bound = BOUND.with(|bound| bound.replace(bound.get() + 1));
        let state = match breaks.as_str() {
            "bind" if bound % 2 == 1 => Fields::new().int64("other"),
            _ => Fields::new().int64("sum"),
        };
        let n = input.column("n")?.int64()?;
        let bound = Self { n, odd: bound % 2 == 1 && breaks == "instances", breaks };
        Ok((bound, Aggregation::of(state, Fields::new().int64("sum"))))
    }

    fn partial(&self, groups: &Groups, rows: &Batch) -> Result<Vec<Column>, Failure> {
        let n = rows.get(self.n);
        let mut sums = vec![if self.is("neutral") { 1 } else { 0 }; groups.count()];
        for (row, group) in groups.ids().iter().enumerate() {
            sums[*group as usize] += n.get(row).unwrap_or(0);
        }
        if self.is("groups") && groups.count() > 1 {
            sums[0] = sums.iter().sum();
        }
        Ok(vec![Column::int64(sums.iter().map(|sum| sum + i64::from(self.odd)).collect())])
    }

    fn merge(&self, groups: &Groups, states: &Batch) -> Result<Vec<Column>, Failure> {
        let states = states.at::<Int64>(0);
        let mut sums: Vec<Option<i64>> = vec![None; groups.count()];
        for (state, group) in groups.ids().iter().enumerate() {
            let (into, state) = (&mut sums[*group as usize], states.values()[state]);
            *into = Some(match *into {
                None => state,
                Some(sum) if self.is("associative") => (sum - state).abs(),
                Some(sum) if self.is("parts") => sum.max(state),
                Some(sum) => sum + state,
            });
        }
        Ok(vec![Column::int64(sums.into_iter().map(Option::unwrap_or_default).collect())])
    }

    fn finish(&self, states: Batch) -> Result<Vec<Column>, Failure> {
        match states.at::<Int64>(0).values().iter().any(|sum| *sum > 1000) {
            true => Err("too much".into()),
            false => Ok(states.columns),
        }
    }
}

fn laws(breaks: &str, rows: &[i64]) -> Result<(), TestError> {
    BOUND.with(|bound| bound.set(0));
    let input = Table::new().int64("n", rows.iter().copied());
    testing::laws::<Sum>(&format!(r#"{{"breaks": "{breaks}"}}"#), &input)
}

#[test]
fn an_aggregate_that_keeps_its_laws_passes_over_any_rows() {
    for rows in [&[][..], &[1], &[1, 2], &[5, -5, 5], &[1, 2, 3, 4, 5, 6, 7, 8]] {
        laws("", rows).unwrap();
    }
}

#[test]
fn the_law_that_is_broken_is_told_with_both_results() {
    let rows = [1, 2, 4, 8, 16, 32];
    for (breaks, law) in [
        ("parts", "rows in parts do not give what they give at once"),
        ("associative", "`merge` is not associative"),
        ("neutral", "the state of no rows is not neutral"),
        ("groups", "a group's result depends on the other groups"),
        ("instances", "two instances bound alike do not give the same"),
    ] {
        match laws(breaks, &rows) {
            Err(TestError::Law(broken)) => assert_eq!(broken.law, law),
            other => panic!("{breaks}: {other:?}"),
        }
    }
    let error = laws("parts", &rows).unwrap_err().to_string();
    let expected = "rows in parts do not give what they give at once:\n\
                    one call gives\nsum: int64  \n  [Int(63)]\n\
                    and merging states of rows 0 to 2, 2 to 4 and 4 to 6 gives\nsum: int64  \n  [Int(48)]";
    assert_eq!(error, expected);
    let bind = laws("bind", &rows).unwrap_err().to_string();
    assert_eq!(bind, "the answer breaks the contract: two instances bound alike answer `bind` differently");
    assert_eq!(laws("", &[1001]).unwrap_err().to_string(), "call: too much");
}

/// A mean of means, which is none.
struct Mean;

impl Fold for Mean {
    type Input = Number;
    type State = (f64, bool);
    type Output = f64;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<Number>, Fields), Problem> {
        Ok((Self, input.column("n")?.number()?, Fields::new().float64("mean")))
    }

    fn add(&self, state: &mut (f64, bool), value: Option<f64>) {
        self.merge(state, (value.unwrap_or(0.0), true));
    }

    fn merge(&self, into: &mut (f64, bool), later: (f64, bool)) {
        *into = match (into.1, later.1) {
            (true, true) => ((into.0 + later.0) / 2.0, true),
            (true, false) => *into,
            (false, _) => later,
        };
    }

    fn finish(&self, state: (f64, bool)) -> f64 {
        state.0
    }
}

#[test]
fn a_mean_of_means_is_found() {
    let input = Table::new().int64("n", [1, 2, 4, 8]);
    let error = testing::fold_laws::<Mean>("{}", &input).unwrap_err();
    let TestError::Law(broken) = &error else { panic!("{error}") };
    assert_eq!(broken.law, "`merge` is not associative");
    assert_eq!(broken.one.0, "(a, b), c of rows 0 to 1, 1 to 2 and 2 to 4");
}
