//! The built-in functions, by all their names.

pub(super) mod avg;
pub(super) mod date_bin;
pub(super) mod date_trunc;
mod growing;
mod json;
pub(super) mod length;
pub(super) mod placed;
mod rounding;
mod to_timestamp;
pub(super) mod window;
pub(super) mod window_time;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF};

use self::growing::counted;
use self::window::{SESSION_WINDOW, WINDOW, WindowFunction};
use self::window_time::WindowTime;

/// What SQL may call without a plugin.
pub(super) struct Functions {
    pub scalars: HashMap<String, Arc<ScalarUDF>>,
    pub higher_order: HashMap<String, Arc<HigherOrderUDF>>,
    pub aggregates: HashMap<String, Arc<AggregateUDF>>,
}

/// DataFusion's functions and ours.
pub(super) static BUILT_IN: LazyLock<Functions> = LazyLock::new(|| {
    let mut scalars = HashMap::new();
    let built_in = datafusion_functions::all_default_functions();
    for f in built_in.into_iter().chain(datafusion_functions_nested::all_default_nested_functions()) {
        let ours = to_timestamp::in_place_of(&f).or_else(|| rounding::in_place_of(&f));
        let ours = ours.or_else(|| date_trunc::in_place_of(&f));
        let f = ours.map_or_else(|| counted(f), Arc::new);
        for alias in f.aliases() {
            scalars.insert(alias.clone(), f.clone());
        }
        scalars.insert(f.name().to_owned(), f);
    }
    for name in [WINDOW, SESSION_WINDOW] {
        scalars.insert(name.to_owned(), WindowFunction::udf(name));
    }
    scalars.insert(window_time::NAME.to_owned(), WindowTime::udf());
    scalars.insert("date_bin".to_owned(), Arc::new(date_bin::date_bin()));
    scalars.extend(json::functions().map(|f| (f.name().to_owned(), f)));
    let higher_order = datafusion_functions_nested::all_default_higher_order_functions();
    let higher_order = higher_order.into_iter().map(|f| (f.name().to_owned(), f)).collect();
    let mut aggregates = HashMap::new();
    for f in datafusion_functions_aggregate::all_default_aggregate_functions() {
        for alias in f.aliases() {
            aggregates.insert(alias.clone(), f.clone());
        }
        aggregates.insert(f.name().to_owned(), f);
    }
    Functions { scalars, higher_order, aggregates }
});

impl Functions {
    /// Whether there is a function of this name.
    pub fn has(&self, name: &str) -> bool {
        self.scalars.contains_key(name) || self.aggregates.contains_key(name) || self.higher_order.contains_key(name)
    }

    /// All names.
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
