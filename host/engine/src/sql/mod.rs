//! SQL text to operators. DataFusion parses, resolves names, coerces types and simplifies; what it plans is lowered to
//! our own streaming operators, and what a stream cannot do is refused here, with the clause and why.
//!
//! A node's SQL is parsed ([`parse()`]) to learn which tables it reads; when the schemas of these are known it is planned
//! ([`plan`]) to a [`Relation`]. In the order in which they have to do with a query:
//!
//! | folder | what it does |
//! |---|---|
//! | `parse` | text to a syntax tree, and which tables it reads |
//! | `spelling` | what users of other systems write, and what stands for something longer, in the words that the planner knows |
//! | `syntax` | refuses what nothing computes, where it stands |
//! | `names` | what each name means |
//! | `plugin`, `functions` | what can be called |
//! | `catalog` | tables, functions and types as the planner wants to know them, and which of its rules work on the plan |
//! | `refusals` | what only the plan shows to be wrong, and where that stands in the text |
//! | `constants` | mistakes among constants |
//! | `rewrite` | what the planner would compute otherwise than we mean, in other words |
//! | `lower` | the plan to a relation |
//! | `error`, `wording`, `shown` | what is said of a query, where, and in which words |

mod catalog;
mod constants;
mod error;
pub mod functions;
mod lower;
mod names;
mod parse;
mod plugin;
mod refusals;
mod rewrite;
mod shown;
mod spelling;
mod syntax;
mod wording;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion_common::DataFusionError;
use datafusion_sql::sqlparser::ast::{Query, Statement};

pub use error::SqlText;
pub use parse::{Parsed, parse};
pub use plugin::PluginFunction;
pub use plugin::table_call::{CallInput, TableCall};
pub use plugin::table_function::{CallContext, CallRows, MadeBy};
pub use spelling::made_rows::ONE_ROW;

use refusals::{alike, clause, conditions, join_keys, locate};
use syntax::group_by;

use crate::Result;
use crate::job::OutputMode;
use crate::operator::static_join::StaticTable;
use crate::relation::{Emits, Relation};

/// A table that SQL may name: another node.
#[derive(Debug, Clone)]
pub struct InputTable {
    /// Its columns.
    pub schema: SchemaRef,
    /// Those of them that come: all that the query's plan reads. The query may name others that it does nothing with.
    pub given: SchemaRef,
    /// What its rows are.
    pub emits: Emits,
    /// For a table that stands for the call of a plugin in `FROM`.
    pub made_by: Option<MadeBy>,
    /// For a static source: its rows.
    pub static_table: Option<Arc<StaticTable>>,
}

/// What planning needs to know beside the text.
#[derive(Debug, Clone)]
pub struct PlanContext<'a> {
    /// The node's name.
    pub node: Arc<str>,
    /// The tables it may name.
    pub tables: &'a BTreeMap<String, InputTable>,
    /// The plugins it may call.
    pub plugins: &'a BTreeMap<String, PluginFunction>,
    /// The node's output mode, as the job says, and where it says so.
    pub mode: Option<(OutputMode, Range<usize>)>,
    /// Partitions of the state.
    pub partitions: u32,
    /// Whether rows keep columns that the query does not read: late rows go out with all of them.
    pub keep_columns: bool,
    /// Whether the job allows state that nothing bounds.
    pub unbounded_state: bool,
    /// Whether the query is asked once, of input that ends: what a stream cannot do because its rows never end can be
    /// done at their end.
    pub asked_once: bool,
}

/// Plans a query that stands in a call, in the place of a table's name.
pub fn plan_argument(text: &SqlText, query: &Query, context: &PlanContext<'_>) -> Result<Relation> {
    let statement = Statement::Query(Box::new(query.clone()));
    let parsed = Parsed { statement, tables: Vec::new(), calls: Vec::new(), all_columns: false, sets: None };
    plan(text, parsed, context)
}

/// Plans a parsed query.
pub fn plan(text: &SqlText, parsed: Parsed, context: &PlanContext<'_>) -> Result<Relation> {
    if let (Some(operator), false) = (&parsed.sets, context.asked_once) {
        return Err(clause::refuse_set(text, &operator.to_string()));
    }
    let mut provider = catalog::Catalog::new(context.tables, context.plugins);
    let is_function = |name: &str| provider.has_function(name);
    let mut statement = parsed.statement;
    spelling::respell(&mut statement, &is_function);
    spelling::groupings::respell(&mut statement);
    syntax::refuse(text, &statement, context.asked_once)?;
    syntax::stars::refuse(text, &statement)?;
    if context.asked_once {
        spelling::over::rewrite(text, &mut statement)?;
    }
    let renamed = names::resolve(text, &mut statement, context.tables, context.plugins, &is_function)?;
    group_by::refuse(text, &statement)?;
    plugin::sites::bind_calls(text, &mut statement, &mut provider, context.plugins);

    // Refused without a place, it is at the smallest part that is refused alone, for the same reason.
    let analyzed = |part: &Statement| catalog::logical_plan(&provider, part.clone()).and_then(catalog::analyze);
    let refused = |error: DataFusionError| {
        let said = wording::essence(&error);
        let same = |part: &Statement| {
            analyzed(part).and_then(|p| catalog::optimize(p, true, false)).is_err_and(|e| wording::essence(&e) == said)
        };
        let alike =
            |part: &Statement| analyzed(part).is_err_and(|e| wording::columns_alike(&wording::essence(&e)).is_some());
        if let Some(alike) = alike::refuse(text, &statement, &said, alike) {
            return alike;
        }
        let place = text.named_place(&error).or_else(|| locate::smallest(text, &statement, same));
        let refused = text.error_at(error, place, context.plugins);
        match group_by::shadowed(&statement).filter(|_| wording::is_ungrouped(&said)) {
            Some(name) => refused.with_help(format!(
                "GROUP BY {name} means the column of the rows, not what SELECT calls {name}: call that otherwise, and group by it"
            )),
            None => refused,
        }
    };
    let no_condition =
        |found| conditions::refuse(text, &statement, found, |part| catalog::logical_plan(&provider, part.clone()));
    let mut logical = catalog::logical_plan(&provider, statement.clone()).map_err(|error| {
        let of_condition = conditions::is_said(&wording::essence(&error)).then(|| no_condition(None)).flatten();
        of_condition.unwrap_or_else(|| refused(error))
    })?;
    logical = names::Renamed::undo(&renamed, logical).map_err(refused)?;
    if let Some(refused) = conditions::first(&logical).map_err(refused)?.and_then(|found| no_condition(Some(found))) {
        return Err(refused);
    }
    logical = functions::rewritten(logical, functions::Stage::Named).map_err(refused)?;
    if parsed.sets.is_some() {
        logical = rewrite::counted_sets::counted(logical).map_err(refused)?;
    }
    if context.asked_once {
        logical = rewrite::distinct_on::as_groups(logical).map_err(refused)?;
    }
    let sub_queries = match context.asked_once {
        true => refusals::sub_queries::has_sub_queries(text, &logical)?,
        false => {
            clause::refuse_expressions(text, &logical)?;
            false
        }
    };
    join_keys::refuse_mismatched(text, &logical)?;
    if context.asked_once {
        lower::over::refuse_distances(text, &logical)?;
    }
    let logical = if sub_queries { rewrite::sub_queries::of_one_row(logical).map_err(refused)? } else { logical };
    let logical = catalog::analyze(logical).map_err(refused)?;
    let logical = constants::check(logical).map_err(refused)?.map_err(|mistake| {
        let same = |part: &Statement| {
            let found = analyzed(part).and_then(constants::check);
            found.is_ok_and(|found| found.is_err_and(|found| found.message == mistake.message))
        };
        text.mistake(locate::smallest(text, &statement, same), mistake)
    })?;
    let optimized = catalog::optimize(logical, context.keep_columns, sub_queries).map_err(refused)?;
    if sub_queries {
        refusals::sub_queries::refuse_left_over(text, &optimized)?;
    }
    lower::Lowering::new(text, context).lower(&optimized)
}
