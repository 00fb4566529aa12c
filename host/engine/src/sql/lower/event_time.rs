//! Which columns of a query's rows are event time. DataFusion carries a field's metadata through many functions that
//! give something else than the time itself, so marks are set anew wherever columns are computed: event time is a marked
//! column, the window grouped by over such a column, and `window_time` of such a window.

use std::any::Any;

use arrow::datatypes::Schema;
use datafusion_common::DFSchema;
use datafusion_expr::{Expr, ExprSchemable};

use super::carried_column;
use crate::relation::event_time::EVENT_TIME;
use crate::sql::functions::window::is_window_type;
use crate::sql::functions::window_time::WindowTime;

/// What an expression has to do with event time.
pub(in crate::sql) struct EventTimes<'a> {
    /// The columns that it is over.
    pub from: &'a DFSchema,
    /// The same columns as they are marked.
    pub rows: &'a Schema,
}

impl EventTimes<'_> {
    /// The mark of `expr`, if it is event time: the node that it has a watermark from, or nothing.
    pub fn mark(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Alias(alias) => self.mark(&alias.expr),
            Expr::Column(column) => {
                let at = self.from.maybe_index_of_column(column)?;
                self.rows.fields().get(at)?.metadata().get(EVENT_TIME).cloned()
            }
            // To another unit or zone.
            Expr::Cast(cast) => {
                let is_time = |t: &arrow::datatypes::DataType| matches!(t, arrow::datatypes::DataType::Timestamp(..));
                let same = is_time(cast.field.data_type()) && is_time(&cast.expr.get_type(self.from).ok()?);
                if same { self.mark(&cast.expr) } else { None }
            }
            Expr::ScalarFunction(f) if (f.func.inner().as_ref() as &dyn Any).is::<WindowTime>() => {
                self.mark(f.args.first()?)
            }
            _ => None,
        }
    }

    /// The name of the marked column, if there is one.
    pub fn column(&self) -> Option<&str> {
        let marked = self.rows.fields().iter().find(|f| f.metadata().contains_key(EVENT_TIME));
        marked.map(|f| f.name().as_str())
    }

    /// Whether `expr` is a bound of a window: that is no event time, though the window has one.
    pub fn is_bound_of_window(&self, expr: &Expr) -> bool {
        let is_field = matches!(unaliased(expr), Expr::ScalarFunction(f) if f.func.name() == "get_field");
        let of = carried_column(expr).and_then(|c| self.from.maybe_index_of_column(c));
        is_field && of.is_some_and(|at| is_window_type(self.from.field(at).data_type()))
    }
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
