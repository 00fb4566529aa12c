//! `ROLLUP` and `CUBE`, and what Spark and MySQL write behind `GROUP BY`, as the `GROUPING SETS` that they stand for.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    Expr as Ast, GroupByExpr, GroupByWithModifier, Select, SelectItem, Statement, Value, VisitMut, VisitorMut,
};

/// Columns, or lists of columns, of a CUBE whose groupings are written out; the planner counts those of a larger one.
const MOST_OF_A_CUBE: usize = 10;

/// Respells the groupings of `statement`.
pub(in crate::sql) fn respell(statement: &mut Statement) {
    let _ = statement.visit(&mut Groupings);
}

struct Groupings;

impl VisitorMut for Groupings {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let GroupByExpr::Expressions(by, modifiers) = &mut select.group_by else { return ControlFlow::Continue(()) };
        let whole = |by: &[Ast]| by.iter().map(|expr| vec![expr.clone()]).collect();
        match modifiers.as_slice() {
            [GroupByWithModifier::Rollup] => *by = vec![Ast::Rollup(whole(by))],
            [GroupByWithModifier::Cube] => *by = vec![Ast::Cube(whole(by))],
            // GROUP BY a, b GROUPING SETS (…): the columns are those of the sets.
            [GroupByWithModifier::GroupingSets(sets)] => *by = vec![sets.clone()],
            _ => {}
        }
        if matches!(modifiers.as_slice(), [m] if *m != GroupByWithModifier::Totals) {
            modifiers.clear();
        }
        written_out(by);
        for sets in by {
            let Ast::GroupingSets(sets) = sets else { continue };
            sets.iter_mut().flatten().for_each(|expr| by_number(expr, &select.projection));
        }
        ControlFlow::Continue(())
    }
}

/// The column of SELECT that a number in a grouping is.
fn by_number(expr: &mut Ast, columns: &[SelectItem]) {
    let Ast::Value(value) = expr else { return };
    let Value::Number(number, _) = &value.value else { return };
    let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    if let Some(SelectItem::UnnamedExpr(of) | SelectItem::ExprWithAlias { expr: of, .. }) =
        at.and_then(|at| columns.get(at))
    {
        *expr = of.clone();
    }
}

fn written_out(by: &mut [Ast]) {
    for expr in by {
        let sets: Vec<Vec<Ast>> = match expr {
            Ast::Rollup(lists) => (0..=lists.len()).rev().map(|n| lists[..n].concat()).collect(),
            Ast::Cube(lists) if lists.len() <= MOST_OF_A_CUBE => {
                let all = 1usize << lists.len();
                let of = |left_out: usize| {
                    let here = lists.iter().rev().enumerate().filter(move |(bit, _)| left_out & 1 << bit == 0);
                    here.map(|(_, list)| list.clone()).collect::<Vec<_>>().into_iter().rev().flatten().collect()
                };
                (0..all).map(of).collect()
            }
            _ => continue,
        };
        *expr = Ast::GroupingSets(sets);
    }
}
