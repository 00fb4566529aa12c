//! Schemas, modes, formats and watermarks in words.

use arrow::datatypes::{DataType, FieldRef, SchemaRef};

use super::Fact;
use crate::format::type_name;
use crate::job::OutputMode;
use crate::name::Name;
use crate::plan::Plan;
use crate::relation::event_time::EVENT_TIME;
use crate::time::shown_length;
use crate::time::watermark::{Derived, Policy};

/// Name and type of each column, and whether it can be null.
pub(super) fn columns(schema: &SchemaRef) -> Vec<String> {
    let null = |f: &FieldRef| if f.is_nullable() { "" } else { " not null" };
    let column = |f: &FieldRef| format!("{} {}{}", f.name(), type_name(f.data_type()), null(f));
    schema.fields().iter().map(column).collect()
}

/// The column that is event time, if one is.
pub(super) fn event_time(schema: &SchemaRef) -> Option<String> {
    let marked = schema.fields().iter().filter(|f| f.metadata().contains_key(EVENT_TIME));
    let name = |f: &FieldRef| match f.data_type() {
        DataType::Struct(_) => format!("{}, at its end − 1 µs", f.name()),
        _ => f.name().clone(),
    };
    let names: Vec<String> = marked.map(name).collect();
    (!names.is_empty()).then(|| names.join(" and "))
}

pub(super) fn mode_name(mode: OutputMode) -> &'static str {
    match mode {
        OutputMode::Append => "append",
        OutputMode::Update => "update",
        OutputMode::Complete => "complete",
    }
}

/// What the watermark of rows of `node` is. None where there is none.
pub(super) fn watermark(plan: &Plan, node: &str, derived: &Derived) -> Option<String> {
    if !exists(plan, derived) {
        return None;
    }
    Some(match derived {
        Derived::Node(name) if &**name == node => own(plan, name, ""),
        Derived::Node(name) => format!("that of {name}"),
        other => of(plan, other),
    })
}

/// The watermark of the node that names the event time; `whose` rows it is named on.
pub(super) fn own(plan: &Plan, node: &Name, whose: &str) -> String {
    let Some(rule) = &plan.watermarks[node].rule else { return "none: event time without a watermark".to_owned() };
    let behind = match rule.delay {
        0 => format!("the greatest event time{whose} so far"),
        delay => format!("{} behind the greatest event time{whose} so far", shown_length(delay)),
    };
    match rule.idle_after {
        None => behind,
        Some(after) => format!("{behind}; holds nobody back after {} without a row", shown_length(after)),
    }
}

/// What becomes of rows that are too far ahead, where `node` says how far they may be.
pub(super) fn ahead(plan: &Plan, node: &Name) -> Option<Fact> {
    let by = shown_length(plan.watermarks.get(node)?.max_ahead?);
    let text = format!(
        "a row more than {by} after the start of its epoch moves no watermark, and goes where the next operator's late rows go"
    );
    Some(Fact::text("ahead", text))
}

/// Whether there is a watermark: nodes that have none hold nothing back and pass nothing on.
fn exists(plan: &Plan, derived: &Derived) -> bool {
    derived.nodes().into_iter().any(|node| plan.watermarks[node].rule.is_some())
}

fn of(plan: &Plan, derived: &Derived) -> String {
    match derived {
        Derived::None => "none".to_owned(),
        Derived::Node(name) => name.to_string(),
        Derived::Combined { policy, inputs } => {
            let which = match policy {
                Policy::Min => "least",
                Policy::Max => "greatest",
            };
            let inner = |input: &Derived| match input {
                Derived::Combined { .. } => format!("({})", of(plan, input)),
                input => of(plan, input),
            };
            let names: Vec<String> = inputs.iter().filter(|input| exists(plan, input)).map(inner).collect();
            match names.split_last() {
                Some((last, others)) if !others.is_empty() => {
                    format!("the {which} of those of {} and {last}", others.join(", "))
                }
                Some((only, _)) => format!("that of {only}"),
                None => "none".to_owned(),
            }
        }
        Derived::HeldBack { input, by } => {
            let input = match input.as_ref() {
                Derived::Node(name) => format!("that of {name}"),
                input => of(plan, input),
            };
            let by = shown_length(*by);
            let by = if by.contains('−') { format!("({by})") } else { by };
            format!("{input}, less {by}: a join's longest wait")
        }
    }
}
