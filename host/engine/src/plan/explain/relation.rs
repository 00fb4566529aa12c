//! What a node does: its relations one after the other, the last first, until several come together.

use std::sync::Arc;

use millstream_plugin::Hints;

use super::wording::watermark;
use super::{Branch, Explainer, Fact};
use crate::operator::{AnyStateful, StateEntry, Until, readable};
use crate::plan::PlannedNode;
use crate::relation::{Description, Relation};

/// The role of a static source.
const STATIC: &str = "static";

impl<'a> Explainer<'a> {
    /// Adds what `relation` does to `facts`; returns what they take their rows from.
    pub fn relation(&mut self, node: &'a PlannedNode, relation: &'a Relation, facts: &mut Vec<Fact>) -> Vec<Branch> {
        match relation {
            Relation::Input { table, columns, schema, .. } => {
                let all = self.plan.nodes.get(table).map_or(0, |node| node.schema.fields().len());
                if columns.as_ref().is_some_and(|read| read.len() < all) {
                    facts.push(Fact::list("reads", schema.fields().iter().map(|f| f.name().clone()).collect()));
                }
                vec![self.node(table)]
            }
            Relation::Transform { input, description, beside, .. } => {
                tell(description, facts);
                match beside {
                    None => self.relation(node, input, facts),
                    Some(beside) => {
                        vec![self.side(node, "stream", input), self.side(node, STATIC, beside)]
                    }
                }
            }
            Relation::Union { inputs, .. } => {
                facts.push(Fact::text("union", format!("all rows of its {} inputs", inputs.len())));
                let numbered = inputs.iter().enumerate();
                numbered.map(|(at, input)| self.side(node, &format!("input {}", at + 1), input)).collect()
            }
            Relation::Stateful { inputs, operator, description, .. } => {
                tell(description, facts);
                self.state(node, operator, facts);
                match inputs.as_slice() {
                    [left, right] => vec![self.side(node, "left", left), self.side(node, "right", right)],
                    inputs => inputs.iter().flat_map(|input| self.relation(node, input, facts)).collect(),
                }
            }
        }
    }

    /// One of several inputs: by itself where something is done to its rows first.
    fn side(&mut self, node: &'a PlannedNode, role: &str, relation: &'a Relation) -> Branch {
        let mut facts = Vec::new();
        let mut inputs = self.relation(node, relation, &mut facts);
        if facts.is_empty() && inputs.len() == 1 {
            let below = inputs.swap_remove(0);
            // A static source says itself that it is one.
            let says_so = role == STATIC && below.title.starts_with(STATIC);
            let title = if says_so { below.title } else { format!("{role}: {}", below.title) };
            return Branch { title, ..below };
        }
        let title = if role.starts_with("input") { role.to_owned() } else { format!("{role} side") };
        Branch { title, facts, inputs, is_again: false }
    }

    fn state(&self, node: &PlannedNode, operator: &Arc<dyn AnyStateful>, facts: &mut Vec<Fact>) {
        let Some(planned) = self.plan.stateful.values().find(|s| Arc::ptr_eq(&s.operator, operator)) else { return };
        let words = operator.explain();
        let by = watermark(self.plan, &node.name, &planned.watermark);
        if by.is_some() && planned.watermark != node.watermark {
            facts.extend(by.iter().map(|by| Fact::detail("watermark", by)));
        }
        facts.push(Fact::detail("emits", &words.emits));
        for kept in &words.keeps {
            facts.push(Fact::detail("state", said(kept, by.is_some())));
        }
        if let (Some(late), true) = (&words.late, by.is_some()) {
            let where_to = match &planned.late {
                Some(sink) => format!("goes to sink {sink}"),
                None => "is counted and left out".to_owned(),
            };
            facts.push(Fact::detail("late", format!("{late} {where_to}")));
        }
    }
}

/// What is kept, by what, and until when.
fn said(kept: &StateEntry, has_watermark: bool) -> String {
    let keys: Vec<String> = kept.keys.iter().map(|key| readable(key)).collect();
    let keys = if keys.is_empty() { String::new() } else { format!(" {} ({})", kept.by, keys.join(", ")) };
    let what = format!("{}{keys}", kept.what);
    match &kept.until {
        Until::Never(why) => format!("{what}, kept for ever: {why}"),
        Until::Other(happens) => format!("{what}, kept until {happens}"),
        Until::Watermark(_) if !has_watermark => format!("{what}, kept for ever: there is no watermark"),
        Until::Watermark(passed) => format!("{what}, dropped when the watermark {passed}"),
    }
}

/// What a plugin lets the engine do, where that is not what is done anyway.
fn hinted(hints: Hints) -> String {
    let mut said = String::new();
    if hints.skip_nulls {
        said += "; is not given rows with a null in these";
    }
    if let Some(rows) = hints.rows_per_call {
        said += &format!("; is given at most {rows} rows a call");
    }
    if !hints.deterministic {
        said += "; may answer otherwise each time";
    }
    said
}

fn tell(description: &Description, facts: &mut Vec<Fact>) {
    if description.does.is_empty() {
        return;
    }
    let calls = description.plugins.iter().map(|call| {
        let reads = if call.reads.is_empty() { "no column".to_owned() } else { call.reads.join(", ") };
        format!("{} reads {reads}{}", call.plugin, call.hints.map(hinted).unwrap_or_default())
    });
    if description.with.is_empty() {
        facts.extend(calls.map(|call| Fact::text(description.does, format!("plugin {call}"))));
        return;
    }
    facts.push(Fact::list(description.does, description.with.clone()));
    if !description.computes.is_empty() {
        facts.push(Fact { is_detail: true, ..Fact::list("computes", description.computes.clone()) });
    }
    facts.extend(calls.map(|call| Fact::detail("plugin", call)));
}
