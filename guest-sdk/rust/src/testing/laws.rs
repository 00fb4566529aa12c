//! What must hold of every aggregate, since the host cuts, merges and replays as it sees fit: tried on an author's own
//! rows.

use super::{
    aggregate::Aggregating,
    alike::alike,
    run::{Broken, TestError},
    table::Table,
};
use crate::operator::{Aggregate, Fold, Folding};

/// Tries on the table's rows what must hold of every aggregate:
///
/// - **instances**: two instances bound alike give the same;
/// - **groups**: a group's result does not depend on which other groups are dealt with beside it;
/// - **neutral**: merging the state of no rows, before or after, changes nothing;
/// - **associative**: it does not matter which states are merged first, nor whether three are merged in one call;
/// - **parts**: the rows in several calls, their states merged, give what they give in one call.
///
/// Each in one group and in three, over several cuts. Floats may differ by rounding.
///
/// # Errors
/// The first law that does not hold, with both results: [`TestError::Law`]. If a call fails, its error.
pub fn laws<A: Aggregate>(config: &str, input: &Table) -> Result<(), TestError> {
    for groups in [1, 3] {
        let one = Aggregating::bind::<A>(config, input, groups)?;
        let other = Aggregating::bind::<A>(config, input, groups)?;
        let rows = Rows { input, groups };
        instances(&rows, &one, &other)?;
        alone::<A>(config, &rows, &one)?;
        let n = input.rows();
        for (a, b) in [(n / 3, n * 2 / 3), (n / 2, n), (1.min(n), n.saturating_sub(1).max(1.min(n))), (0, n / 2)] {
            cut(&rows, &one, a, b)?;
        }
    }
    Ok(())
}

/// The same for a [`Fold`].
///
/// # Errors
/// As [`laws`].
pub fn fold_laws<F: Fold>(config: &str, input: &Table) -> Result<(), TestError> {
    laws::<Folding<F>>(config, input)
}

/// The rows, row `i` in group `i % groups`.
struct Rows<'t> {
    input: &'t Table,
    groups: u32,
}

impl Rows<'_> {
    fn partial(&self, run: &Aggregating, rows: std::ops::Range<usize>) -> Result<Table, TestError> {
        let groups: Vec<_> = rows.clone().map(|row| row as u32 % self.groups).collect();
        run.partial(&groups, &self.input.take(&rows.collect::<Vec<_>>()))
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.input.rows()
    }
}

fn same(law: &'static str, one: (&str, Table), other: (&str, Table)) -> Result<(), TestError> {
    if alike(&one.1, &other.1) {
        return Ok(());
    }
    let told = |(way, table): (&str, Table)| (way.to_owned(), table);
    Err(TestError::Law(Box::new(Broken { law, one: told(one), other: told(other) })))
}

fn instances(rows: &Rows<'_>, one: &Aggregating, other: &Aggregating) -> Result<(), TestError> {
    if (&one.binding, &one.state) != (&other.binding, &other.state) {
        return Err(TestError::Contract("two instances bound alike answer `bind` differently".into()));
    }
    let (a, b) = (rows.partial(one, rows.all())?, rows.partial(other, rows.all())?);
    let (a, b) = (one.finish(&a)?, other.finish(&b)?);
    same("two instances bound alike do not give the same", ("one", a), ("the other", b))
}

/// Each group by itself.
fn alone<A: Aggregate>(config: &str, rows: &Rows<'_>, run: &Aggregating) -> Result<(), TestError> {
    let together = run.finish(&rows.partial(run, rows.all())?)?;
    for group in 0..rows.groups as usize {
        let of_group: Vec<_> = rows.all().filter(|row| row % rows.groups as usize == group).collect();
        let input = rows.input.take(&of_group);
        let run = Aggregating::bind::<A>(config, rows.input, 1)?;
        let alone = run.finish(&run.partial(&vec![0; of_group.len()], &input)?)?;
        let among = together.take(&[group]);
        let law = "a group's result depends on the other groups";
        same(law, (&format!("group {group} among {}", rows.groups), among), ("the same rows alone", alone))?;
    }
    Ok(())
}

/// What is wrong with `merge` itself first: it is why parts do not give what they should.
fn cut(rows: &Rows<'_>, run: &Aggregating, first: usize, second: usize) -> Result<(), TestError> {
    let end = rows.input.rows();
    let part = |from, to| rows.partial(run, from..to);
    let at_once = part(0, end)?;
    let whole = run.finish(&at_once)?;

    let empty = || part(0, 0);
    let law = "the state of no rows is not neutral";
    let before = run.finish(&run.merge(empty()?, &at_once)?)?;
    same(law, ("a state", whole.clone()), ("the empty state, then it", before))?;
    let after = run.finish(&run.merge(at_once, &empty()?)?)?;
    same(law, ("a state", whole.clone()), ("it, then the empty state", after))?;

    let (a, b, c) = (part(0, first)?, part(first, second)?, part(second, end)?);
    let left = run.merge(run.merge(a.clone(), &b)?, &c)?;
    let right = run.merge(a.clone(), &run.merge(b.clone(), &c)?)?;
    let (left, right) = (run.finish(&left)?, run.finish(&right)?);
    let of = format!("of rows 0 to {first}, {first} to {second} and {second} to {end}");
    let law = "`merge` is not associative";
    same(law, (&format!("(a, b), c {of}"), left.clone()), (&format!("a, (b, c) {of}"), right))?;
    let three = run.finish(&run.merge_all(a.append(&b).append(&c))?)?;
    same(law, (&format!("(a, b), c {of}"), left.clone()), (&format!("a, b, c in one call {of}"), three))?;

    let law = "rows in parts do not give what they give at once";
    same(law, ("one call", whole), (&format!("merging states {of}"), left))
}
