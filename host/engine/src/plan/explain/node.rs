//! Sources and operators in words.

use super::wording::{ahead, columns, event_time, mode_name, own, watermark};
use super::{Branch, Explainer, Fact};
use crate::job::{Logic, SourceSpec};
use crate::plan::PlannedNode;
use crate::relation::Emits;
use crate::time::shown_length;

impl<'a> Explainer<'a> {
    /// The node of this name, with all below it; its name alone if it was described before.
    pub fn node(&mut self, name: &str) -> Branch {
        let plan = self.plan;
        let Some(node) = plan.nodes.get(name) else { return Branch::default() };
        let source = plan.job.sources.iter().find(|source| source.name.value == name);
        if !self.told.insert(&node.name) {
            let kind = match source {
                Some(source) if source.static_spec.is_some() => "static source",
                Some(_) => "source",
                None => "operator",
            };
            return Branch { title: format!("{kind} {name}"), is_again: true, ..Branch::default() };
        }
        match source {
            Some(source) => self.source(source, node),
            None => self.operator(node),
        }
    }

    fn source(&self, source: &SourceSpec, node: &PlannedNode) -> Branch {
        let connector = self.plan.connectors.source(source);
        let what =
            connector.map_or_else(|_| String::new(), |c| c.describe(&source.options, &|path| self.relative(path)));
        let mut facts = vec![Fact::list("columns", columns(&node.schema))];
        if let Some(column) = node.observes {
            facts.push(Fact::text("event time", node.schema.field(column).name()));
            facts.push(Fact::text("watermark", own(self.plan, &node.name, "")));
            facts.extend(ahead(self.plan, &node.name));
        }
        let Some(spec) = source.static_spec else {
            return Branch { title: format!("source {}: {what}", node.name), facts, ..Branch::default() };
        };
        let read = match spec.refresh {
            None => "as a whole, once at the start".to_owned(),
            Some(refresh) => format!("as a whole, at the start and again every {}", shown_length(refresh)),
        };
        facts.push(Fact::text("read", read));
        Branch { title: format!("static source {}: {what}", node.name), facts, ..Branch::default() }
    }

    fn operator(&mut self, node: &'a PlannedNode) -> Branch {
        let plan = self.plan;
        let spec = plan.job.operators.iter().find(|o| o.name.value == *node.name);
        let kind = match spec.map(|spec| &spec.logic) {
            Some(Logic::Plugin { plugin, .. }) => format!("plugin {}", plugin.value),
            Some(Logic::Dedup { .. }) => "dedup".to_owned(),
            Some(Logic::Throttle { .. }) => "throttle".to_owned(),
            _ => "SQL".to_owned(),
        };
        let mode = match node.emits() {
            Emits::Rows if !node.relation.is_stateful() => String::new(),
            Emits::Rows => ", append".to_owned(),
            Emits::Updates => format!(", {}", mode_name(crate::job::OutputMode::Update)),
            Emits::Snapshot => format!(", {}", mode_name(crate::job::OutputMode::Complete)),
        };
        let mut facts = vec![Fact::list("columns", columns(&node.schema))];
        facts.extend(event_time(&node.schema).map(|time| Fact::text("event time", time)));
        let of_rows = match node.observes_input {
            // On a stateful node event time is that of its input.
            Some(_) => Some(own(plan, &node.name, " of its input")),
            None => watermark(plan, &node.name, &node.watermark),
        };
        match of_rows {
            Some(text) => facts.push(Fact::text("watermark", text)),
            None if node.relation.is_stateful() => facts.push(Fact::text("watermark", "none")),
            None => {}
        }
        facts.extend(ahead(plan, &node.name));
        let inputs = self.relation(node, &node.relation, &mut facts);
        Branch { title: format!("operator {}: {kind}{mode}", node.name), facts, inputs, is_again: false }
    }
}
