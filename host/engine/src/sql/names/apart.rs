//! ORDER BY by a column of the rows whose name SELECT gives to another column: `SELECT -n AS n FROM t ORDER BY t.n`. The planner
//! cannot tell two columns of one name apart, so that the one of SELECT has another name until the query is planned.

use std::ops::ControlFlow;

use datafusion_common::{Column, Result};
use datafusion_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion_sql::sqlparser::ast::{
    Expr as Ast, Ident, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, Visit, Visitor, visit_expressions_mut,
};

/// A column that is called otherwise while its query is planned.
#[derive(Debug, Clone)]
pub(in crate::sql) struct Renamed {
    name: String,
    /// What it is called in the meantime.
    planned: String,
}

impl Renamed {
    /// `plan`, whose columns come out by their own names.
    pub fn undo(renamed: &[Self], plan: LogicalPlan) -> Result<LogicalPlan> {
        if renamed.is_empty() {
            return Ok(plan);
        }
        let columns: Vec<Expr> = plan
            .schema()
            .iter()
            .map(|(table, field)| {
                let column = Expr::Column(Column::from((table, field)));
                match renamed.iter().find(|renamed| renamed.planned == *field.name()) {
                    Some(renamed) => column.alias(&renamed.name),
                    None => column,
                }
            })
            .collect();
        LogicalPlanBuilder::from(plan).project(columns)?.build()
    }
}

/// Gives columns of the outermost SELECT other names, where its ORDER BY means the rows' columns that are called so.
pub(super) fn keep(query: &mut Query) -> Vec<Renamed> {
    let (SetExpr::Select(select), Some(order_by)) = (query.body.as_mut(), &mut query.order_by) else {
        return Vec::new();
    };
    let mut of_rows = OfRows(Vec::new());
    let _ = order_by.visit(&mut of_rows);
    let mut renamed = Vec::new();
    for (table, name) in of_rows.0 {
        let Some(alias) = shadowing(select, &table, &name) else { continue };
        // As it would be told, if it ever were.
        let planned = format!("{name} of SELECT");
        alias.value.clone_from(&planned);
        by_alias(order_by, &name, &planned);
        renamed.push(Renamed { name, planned });
    }
    renamed
}

/// The name of a column of `select` that is called `name` and is not the column of that name in `table`.
fn shadowing<'s>(select: &'s mut Select, table: &str, name: &str) -> Option<&'s mut Ident> {
    select.projection.iter_mut().find_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } if alias.value == name && !is_column(expr, table, name) => {
            Some(alias)
        }
        _ => None,
    })
}

fn is_column(expr: &Ast, table: &str, name: &str) -> bool {
    match expr {
        // Without its table's name it is the only one.
        Ast::Identifier(ident) => ident.value == name,
        Ast::CompoundIdentifier(parts) => {
            matches!(parts.as_slice(), [of, column] if of.value == table && column.value == name)
        }
        Ast::Nested(inner) => is_column(inner, table, name),
        _ => false,
    }
}

/// What SELECT calls `name` is `planned` in `order_by`.
fn by_alias(order_by: &mut OrderBy, name: &str, planned: &str) {
    let OrderByKind::Expressions(exprs) = &mut order_by.kind else { return };
    let _ = visit_expressions_mut(exprs, |expr: &mut Ast| {
        if let Ast::Identifier(ident) = expr
            && ident.value == name
        {
            ident.value = planned.to_owned();
        }
        ControlFlow::<()>::Continue(())
    });
}

/// Columns that are named with their tables.
struct OfRows(Vec<(String, String)>);

impl Visitor for OfRows {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Ast) -> ControlFlow<()> {
        if let Ast::CompoundIdentifier(parts) = expr
            && let [table, column] = parts.as_slice()
        {
            self.0.push((table.value.clone(), column.value.clone()));
        }
        ControlFlow::Continue(())
    }
}
