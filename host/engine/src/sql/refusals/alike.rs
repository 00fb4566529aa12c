//! Two columns of SELECT that would come out by one name: said of both, with where they stand.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{Query, Select, SelectItem, SetExpr, Spanned, Statement, Visit, Visitor};

use super::locate::TRIED;
use crate::Error;
use crate::sql::error::SqlText;
use crate::sql::wording::{NAME_IT, columns_alike};

/// The refusal of a query of which the planner has `said` that two columns are alike; `refused` of a part of it is true if
/// the same is said of that. None where it is no two expressions of one SELECT.
pub(in crate::sql) fn refuse(
    text: &SqlText,
    statement: &Statement,
    said: &str,
    refused: impl Fn(&Statement) -> bool,
) -> Option<Error> {
    let (name, first, second) = columns_alike(said)?;
    let Statement::Query(query) = statement else { return None };
    let mut selects = Selects(Vec::new());
    let _ = statement.visit(&mut selects);
    let select = selects.0.into_iter().take(TRIED).find(|select| {
        let Some(both) = pair(select, first, second) else { return false };
        let mut part: Query = query.as_ref().clone();
        *part.body = SetExpr::Select(Box::new(Select { projection: both, having: None, ..select.clone() }));
        (part.order_by, part.limit_clause) = (None, None);
        refused(&Statement::Query(Box::new(part)))
    })?;
    let both = pair(&select, first, second)?;
    let name = match &both[0] {
        SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
        _ => name,
    };
    let written = |item: &SelectItem| text.sql().get(text.range_of(item.span())).unwrap_or_default().to_owned();
    let (one, other) = (written(&both[0]), written(&both[1]));
    let message = match one == other {
        true => format!("two columns are named `{name}`: columns {} and {} of SELECT", first + 1, second + 1),
        false => {
            format!(
                "two columns are named `{name}`: `{one}` and `{other}`, columns {} and {} of SELECT",
                first + 1,
                second + 1
            )
        }
    };
    Some(text.refuse(text.range_of(both[1].span()), message).with_help(NAME_IT))
}

/// Two items of SELECT, where each item is a column.
fn pair(select: &Select, first: usize, second: usize) -> Option<Vec<SelectItem>> {
    let counted = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    let items = select.projection.get(..=second).filter(|items| items.iter().all(counted))?;
    Some(vec![items.get(first)?.clone(), items.get(second)?.clone()])
}

struct Selects(Vec<Select>);

impl Visitor for Selects {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.0.push(select.clone());
        ControlFlow::Continue(())
    }
}
