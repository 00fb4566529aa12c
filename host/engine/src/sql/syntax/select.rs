//! What a SELECT has that nothing computes.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    Expr as Ast, Function, GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectNamePart, Select, SelectItem,
    Spanned,
};

use super::calls::first_call;
use crate::sql::functions::BUILT_IN;
use crate::sql::names::ident::normalised;

use super::Syntax;

impl Syntax<'_> {
    pub(super) fn select(&mut self, select: &Select) -> ControlFlow<()> {
        if let Some(view) = select.lateral_views.first() {
            let named = view.lateral_col_alias.first().map_or("value", |c| c.value.as_str());
            let call = view.lateral_view.to_string();
            let help = format!("write it in SELECT: {call} AS {named}");
            return self.at(self.text.find("LATERAL VIEW"), "LATERAL VIEW is not supported", &help);
        }
        let clauses = [
            (select.top.is_some(), "TOP", "write LIMIT n at the end"),
            (
                select.qualify.is_some() && !self.asked_once,
                "QUALIFY",
                "it goes with OVER, which a stream cannot do: group by window(…) instead",
            ),
            (
                !select.cluster_by.is_empty(),
                "CLUSTER BY",
                "leave it out: how rows are distributed does not change the result",
            ),
            (
                !select.distribute_by.is_empty(),
                "DISTRIBUTE BY",
                "leave it out: how rows are distributed does not change the result",
            ),
            (
                !select.sort_by.is_empty(),
                "SORT BY",
                self.text.said("leave it out: rows of a stream are in no order", "write ORDER BY"),
            ),
            (
                !select.named_window.is_empty() && !self.asked_once,
                "WINDOW",
                "it goes with OVER, which a stream cannot do: group by window(…) instead",
            ),
            (select.value_table_mode.is_some(), "SELECT AS", "name the columns"),
            (select.exclude.is_some(), "EXCLUDE", "write SELECT * EXCEPT (…)"),
        ];
        if let Some((_, clause, help)) = clauses.into_iter().find(|(there, ..)| *there) {
            return self.clause(clause, help);
        }
        if select.projection.is_empty() {
            let at = self.text.find_any(&["SELECT", "FROM"]);
            return self.at(at, "SELECT names no columns", "write SELECT * for all of them");
        }
        if select.from.is_empty() {
            let message = "a query must read FROM a source or an operator";
            return self.at(self.text.find("SELECT"), message, "name one of the job's nodes in FROM");
        }
        let (GroupByExpr::Expressions(_, modifiers) | GroupByExpr::All(modifiers)) = &select.group_by;
        if let Some(modifier) = modifiers.first() {
            let said = modifier.to_string();
            let message = self.text.said(
                "ROLLUP, CUBE and GROUPING SETS cannot be done on a stream",
                "this kind of grouping is not supported",
            );
            let help = self.text.said("use one operator per grouping", "write GROUP BY ROLLUP (a, b)");
            return self.at(self.text.find(&said), message, help);
        }
        if let GroupByExpr::Expressions(by, _) = &select.group_by
            && let Some(name) = aggregate_in(by)
        {
            let at = self.text.range_of(name.span);
            let message = format!("GROUP BY makes the groups, and `{}` is computed of one", name.value);
            return self.at(at, message, "group by columns, and write the aggregate in SELECT or HAVING");
        }
        if let Some(name) = select.selection.as_ref().and_then(|w| aggregate_in(std::slice::from_ref(w))) {
            let at = self.text.range_of(name.span);
            let message = format!("WHERE looks at single rows, and `{}` is an aggregate of many", name.value);
            return self.at(at, message, "write it in HAVING, behind GROUP BY");
        }
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAliases { expr, .. } => {
                    return self.span(expr.span(), "an expression has one name", "write … AS name");
                }
                SelectItem::Wildcard(o) | SelectItem::QualifiedWildcard(_, o)
                    if o.opt_rename.is_some() || o.opt_alias.is_some() =>
                {
                    return self.at(
                        self.text.find_any(&["RENAME", "*"]),
                        "RENAME is not supported",
                        "write * EXCEPT (a), a AS b",
                    );
                }
                _ => {}
            }
        }
        for join in select.from.iter().flat_map(|t| &t.joins) {
            let refused = match &join.join_operator {
                JoinOperator::CrossApply | JoinOperator::OuterApply => Some("APPLY"),
                JoinOperator::AsOf { .. } => Some("ASOF"),
                JoinOperator::StraightJoin(_) => Some("STRAIGHT_JOIN"),
                _ => None,
            };
            if let Some(kind) = refused {
                return self.clause(kind, "write JOIN … ON");
            }
            if let JoinOperator::Right(common) | JoinOperator::RightOuter(common) | JoinOperator::FullOuter(common) =
                &join.join_operator
                && matches!(common, JoinConstraint::Using(_) | JoinConstraint::Natural)
            {
                let message =
                    "the column of USING would be the left side's, which is null where only the right side has a row";
                let help = "write ON a.x = b.x, and COALESCE(a.x, b.x) AS x in SELECT";
                return self.at(self.text.find_any(&["USING", "NATURAL"]), message, help);
            }
            if let JoinOperator::Inner(JoinConstraint::Using(names)) | JoinOperator::Join(JoinConstraint::Using(names)) =
                &join.join_operator
                && let Some(name) = names.iter().find(|n| n.0.len() > 1)
            {
                return self.span(name.span(), "USING takes names of columns, without a table", "write USING (column)");
            }
        }
        ControlFlow::Continue(())
    }
}

/// The name of an aggregate that is called in `exprs`, outside of sub-queries.
fn aggregate_in(exprs: &[Ast]) -> Option<Ident> {
    let aggregate = |f: &Function| match f.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] if f.over.is_none() => {
            BUILT_IN.aggregates.contains_key(&normalised(name)).then(|| name.clone())
        }
        _ => None,
    };
    exprs.iter().find_map(|expr| first_call(expr, aggregate))
}
