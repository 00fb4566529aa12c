//! The functions that SQL may call: DataFusion's, and ours.
//!
//! A function of ours has a file, or shares one with those that differ from it in a word only, and the file a line in
//! [`OURS`]. From that table come what the planner knows, how calls are spelled and plans rewritten, and the table in
//! `docs/sql.md`.
//! `docs/extending.md` says how one is added.

pub(super) mod avg;
mod count_if;
pub(super) mod date_bin;
pub(super) mod date_trunc;
mod datediff;
mod function;
mod growing;
mod json;
mod length;
mod max_by;
mod parse_url;
pub(super) mod placed;
pub mod reference;
mod regexp_extract;
mod rounding;
mod to_timestamp;
pub(super) mod window;
pub(super) mod window_time;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion_common::Result;
use datafusion_expr::{AggregateUDF, HigherOrderUDF, LogicalPlan, ScalarUDF, WindowUDF};

pub(super) use self::function::Stage;
pub use self::function::{Example, Function};
use self::function::{Implementation, Spelling};

/// Ours: those of windows, of times, of numbers, of texts and lists, of JSON and URLs, and those that stand before `OVER`.
const OURS: [&[Function]; 16] = [
    window::FUNCTIONS,
    window_time::FUNCTIONS,
    date_trunc::FUNCTIONS,
    date_bin::FUNCTIONS,
    to_timestamp::FUNCTIONS,
    datediff::FUNCTIONS,
    avg::FUNCTIONS,
    count_if::FUNCTIONS,
    max_by::FUNCTIONS,
    rounding::FUNCTIONS,
    length::FUNCTIONS,
    growing::FUNCTIONS,
    regexp_extract::FUNCTIONS,
    json::FUNCTIONS,
    parse_url::FUNCTIONS,
    placed::FUNCTIONS,
];

/// The functions that are ours.
pub fn ours() -> impl Iterator<Item = &'static Function> {
    OURS.into_iter().flatten()
}

/// How a call of this name is written in other words, if it is a function of ours that is.
pub(super) fn spelling(name: &str) -> Option<Spelling> {
    ours().find_map(|function| match function.by {
        Implementation::Spelling(spelling) if function.name == name => Some(spelling),
        _ => None,
    })
}

/// `plan` with what ours that are rewrites make of it at this stage.
pub(super) fn rewritten(plan: LogicalPlan, now: Stage) -> Result<LogicalPlan> {
    ours().try_fold(plan, |plan, function| match function.by {
        Implementation::Rewrite(stage, rewrite) if stage == now => rewrite(plan),
        _ => Ok(plan),
    })
}

/// What SQL may call without a plugin.
pub(super) struct Functions {
    pub scalars: HashMap<String, Arc<ScalarUDF>>,
    pub higher_order: HashMap<String, Arc<HigherOrderUDF>>,
    pub aggregates: HashMap<String, Arc<AggregateUDF>>,
    /// Those that stand before `OVER` and, but for those that are aggregates too, nowhere else.
    pub over: HashMap<String, Arc<WindowUDF>>,
}

/// DataFusion's functions and ours.
pub(super) static BUILT_IN: LazyLock<Functions> = LazyLock::new(|| {
    let theirs = datafusion_functions::all_default_functions().into_iter();
    let theirs = theirs.chain(datafusion_functions_nested::all_default_nested_functions());
    let mut scalars = HashMap::new();
    let mut add = |f: Arc<ScalarUDF>| {
        for alias in f.aliases() {
            scalars.insert(alias.clone(), f.clone());
        }
        scalars.insert(f.name().to_owned(), f);
    };
    for f in theirs {
        let ours = ours().find_map(|ours| match ours.by {
            Implementation::Around(wrap) if ours.name == f.name() => Some(wrap),
            _ => None,
        });
        add(match ours {
            Some(wrap) => Arc::new(wrap(f)),
            None => f,
        });
    }
    let mut over = HashMap::new();
    for ours in ours() {
        match ours.by {
            Implementation::Scalar(make) => add(Arc::new(make())),
            Implementation::Over(make) => {
                over.insert(ours.name.to_owned(), Arc::new(make()));
            }
            Implementation::Around(_) | Implementation::Spelling(_) | Implementation::Rewrite(..) => {}
        }
    }
    let higher_order = datafusion_functions_nested::all_default_higher_order_functions();
    let higher_order = higher_order.into_iter().map(|f| (f.name().to_owned(), f)).collect();
    let mut aggregates = HashMap::new();
    for f in datafusion_functions_aggregate::all_default_aggregate_functions() {
        for alias in f.aliases() {
            aggregates.insert(alias.clone(), f.clone());
        }
        aggregates.insert(f.name().to_owned(), f);
    }
    Functions { scalars, higher_order, aggregates, over }
});

impl Functions {
    /// Whether there is a function of this name that needs no `OVER`.
    pub fn has(&self, name: &str) -> bool {
        self.scalars.contains_key(name) || self.aggregates.contains_key(name) || self.higher_order.contains_key(name)
    }

    /// All names of functions that need no `OVER`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.scalars.keys().chain(self.aggregates.keys()).chain(self.higher_order.keys()).map(String::as_str)
    }

    /// How the function is called: `upper(str)`.
    pub fn usage(&self, name: &str) -> Option<&str> {
        let scalar = self.scalars.get(name).and_then(|f| f.documentation());
        let found = scalar.or_else(|| self.aggregates.get(name).and_then(|f| f.documentation()));
        found.map(|d| d.syntax_example.as_str()).filter(|usage| !usage.contains('\n') && usage.contains('('))
    }
}
