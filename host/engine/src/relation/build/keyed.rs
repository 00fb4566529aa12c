//! A keyed operator: a function that is called with each key's rows, state and timers.

use std::sync::Arc;

use arrow::datatypes::Field;

use crate::job::OutputMode;
use crate::operator::keyed::{JudgedBy, Keyed, KeyedFunction, KeyedInput};
use crate::operator::{Expressions, Stateful};
use crate::relation::{Description, Emits, PluginUse, Relation};
use crate::{Error, Result};

/// `function`, which is that of the plugin `called`, over the rows of `input` by the columns `keys`. `time`: their event time, if they have one;
/// `judged_by`: which of them are late, where late rows are set aside.
///
/// # Errors
/// The input's rows replace earlier ones, or as [`Keyed::new`] says.
pub fn keyed(
    node: Arc<str>,
    input: Relation,
    keys: Vec<usize>,
    time: Option<(Expressions, JudgedBy)>,
    (function, called): (Arc<dyn KeyedFunction>, PluginUse),
    mode: OutputMode,
    partitions: u32,
) -> Result<Relation> {
    if input.emits() != Emits::Rows {
        let message =
            format!("operator `{node}`: a keyed operator cannot follow a node whose rows replace earlier ones");
        return Err(Error::invalid(message).with_help("use append mode for the node before it"));
    }
    let schema = input.schema();
    let names: Vec<&str> = keys.iter().map(|key| schema.field(*key).name().as_str()).collect();
    let with = vec![format!("plugin {} by {}", called.plugin, names.join(", "))];
    let what = Description { does: "keyed", with, plugins: vec![called], ..Description::default() };
    let (time, judged_by) = time.map_or((None, JudgedBy::ThisEpoch), |(time, judged_by)| (Some(time), judged_by));
    let operator = Keyed::new(
        node,
        KeyedInput { schema: schema.clone(), keys: keys.clone(), time, judged_by },
        function,
        mode,
        partitions,
    )?;
    // An output column that is called as a key, and of its type, is taken for it.
    let output = Stateful::schema(&operator);
    let carries = |key: &usize| {
        let key = schema.field(*key);
        let is_it = |field: &Field| field.name() == key.name() && field.data_type() == key.data_type();
        (0..output.fields().len()).filter(|at| is_it(output.field(*at))).collect()
    };
    Ok(Relation::Stateful {
        inputs: vec![input],
        waits: operator.holds_back(),
        keys: keys.iter().map(carries).collect(),
        operator: Arc::new(operator),
        mode,
        description: what,
    })
}
