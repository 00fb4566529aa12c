//! What must stay the same for an aggregation's stored groups to be usable.

use arrow::datatypes::{FieldRef, Fields};
use serde_json::{Value, json};

use super::{AggregateCall, GroupAggregate, TimeKey};
use crate::job::OutputMode;
use crate::operator::fingerprint::{Fingerprint, Former, type_told};

impl GroupAggregate {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let keys = self.keys.told().into_iter().zip(&self.key_types);
        let keys: Vec<Value> = keys.map(|(of, data_type)| json!([of, type_told(data_type)])).collect();
        let aggregates: Vec<Value> = self.aggregates.iter().map(call_told).collect();
        let fingerprint = Fingerprint::of("aggregate").with("keys", keys).with("aggregates", aggregates);
        let time = match &self.time {
            // Without a time nothing is ever dropped, and a mode only says what is shown of the groups.
            TimeKey::None => return fingerprint,
            TimeKey::Window { spec, time } => {
                let [size, slide, offset] = [spec.size(), spec.slide(), spec.offset()];
                json!({ "window of": time.told(), "size": size, "slide": slide, "offset": offset })
            }
            TimeKey::Session { spec, time } => json!({ "session of": time.told(), "gap": spec.gap() }),
            TimeKey::EventTime { time } => json!({ "at": time.told() }),
        };
        // The mode decides which groups are dropped when, and whether they are kept by window or by slice; sessions have
        // timers in append mode only. A group that came out, or never did, is not told from the others.
        let mode = match self.mode {
            OutputMode::Append => "append",
            OutputMode::Update => "update",
            OutputMode::Complete => "complete",
        };
        let fingerprint = fingerprint.with("time", time).with("mode", mode);
        // Sets that were lists in the states are told from those apart.
        let has_sets = matches!(self.time, TimeKey::Session { .. }) && self.keeps_combinations();
        if has_sets { fingerprint.with("sets", "apart") } else { fingerprint }
    }

    pub(super) fn former_fingerprint(&self) -> Former {
        let time = match &self.time {
            TimeKey::None => "no time".to_owned(),
            TimeKey::Window { spec, time } => {
                let time = time.describe();
                format!("window({time}, {spec:?}, {})", if self.stores_windows() { "windows" } else { "slices" })
            }
            TimeKey::Session { spec, time } => format!("sessions({}, {spec:?})", time.describe()),
            TimeKey::EventTime { time } => format!("event time {}", time.describe()),
        };
        let field = |f: &FieldRef| format!("{}: {}", f.name(), f.data_type());
        let list = |fields: &Fields| fields.iter().map(field).collect::<Vec<_>>().join(", ");
        let call = |a: &AggregateCall| {
            let filter = a.filter.as_ref().map_or(String::new(), |f| format!(" where {}", f.describe()));
            format!("{} of ({}){filter}", a.function.describe(), a.args.describe())
        };
        let aggregates: Vec<String> = self.aggregates.iter().map(call).collect();
        let text = format!(
            "{time}; keys {} ({}); aggregates {}; state ({})",
            self.keys.describe(),
            list(&self.key_fields),
            aggregates.join(", "),
            list(&self.state_fields)
        );
        let is_enough = matches!(self.time, TimeKey::None) && !self.aggregates.iter().any(|a| a.function.may_reject());
        Former { text, is_enough }
    }
}

fn call_told(call: &AggregateCall) -> Value {
    let mut told = call.function.identity();
    let is_literal = |of: &Value| of.get("lit").is_some();
    let args = call.args.told().into_iter().enumerate();
    let args = args.filter(|(i, of)| call.function.uses(*i) || is_literal(of)).map(|(_, of)| of);
    told.insert("args".to_owned(), args.collect());
    if let Some(filter) = &call.filter {
        told.insert("where".to_owned(), filter.told().into());
    }
    told.into()
}
