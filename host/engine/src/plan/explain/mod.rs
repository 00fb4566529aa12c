//! A plan as trees for people: each sink, below it what its rows are made of, down to the sources.
//!
//! This is the description; drawing it is left to the program. All of it is said of the parts that run: the relations,
//! the stateful operators, the watermarks that the plan gives them. A node that several read is described once, and
//! named where it comes again.

mod node;
mod relation;
mod wording;

use std::collections::BTreeSet;

use self::wording::{columns, mode_name};
use super::{Plan, PlannedSink, PlannedStateful};
use crate::job::{OnError, OutputMode};
use crate::name::Name;

/// A plan in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The job's name.
    pub job: String,
    /// The sinks, the nodes that nobody reads, and last the dead letters.
    pub trees: Vec<Branch>,
}

/// A sink, a node, or one of several inputs of an operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branch {
    /// What it is and what it is called.
    pub title: String,
    /// What there is to know of it; of an operator, what it does, the last thing first.
    pub facts: Vec<Fact>,
    /// Where its rows come from.
    pub inputs: Vec<Branch>,
    /// It is described elsewhere in these trees, before this place.
    pub is_again: bool,
}

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about, a word or two.
    pub about: &'static str,
    /// It belongs to the fact before it that does not.
    pub is_detail: bool,
    /// The fact: items of a list, or one text.
    pub items: Vec<String>,
}

impl Fact {
    fn list(about: &'static str, items: Vec<String>) -> Self {
        Self { about, is_detail: false, items }
    }

    fn text(about: &'static str, text: impl Into<String>) -> Self {
        Self::list(about, vec![text.into()])
    }

    fn detail(about: &'static str, text: impl Into<String>) -> Self {
        Self { is_detail: true, ..Self::text(about, text) }
    }
}

/// Describes the nodes of a plan, each once.
struct Explainer<'a> {
    plan: &'a Plan,
    told: BTreeSet<&'a str>,
}

impl Plan {
    /// The plan in words.
    pub fn explain(&self) -> Explained {
        let mut explainer = Explainer { plan: self, told: BTreeSet::new() };
        let mut trees = Vec::new();
        for sink in self.rows_sinks() {
            if let Some(input) = &sink.spec.input {
                let below = explainer.node(&input.value);
                trees.push(explainer.sink(sink, vec![below]));
            }
        }
        for sink in self.rows_sinks().filter(|sink| sink.spec.input.is_none()) {
            let is_this = |late: &Name| **late == *sink.spec.name.value;
            let from = self.stateful.values().filter(|stateful| stateful.late.as_ref().is_some_and(is_this));
            let mut nodes: Vec<&str> = from.map(PlannedStateful::node).collect();
            nodes.dedup();
            let late = |node: &str| {
                let below = explainer.node(node);
                Branch { title: format!("late rows of {}", below.title), ..below }
            };
            let below = nodes.into_iter().map(late).collect();
            let mut tree = explainer.sink(sink, below);
            tree.facts.push(Fact::list("columns", columns(&sink.schema)));
            trees.push(tree);
        }
        for name in self.nodes.names().rev() {
            if !explainer.told.contains(&**name) {
                let mut tree = explainer.node(name);
                tree.title += " (nothing takes its rows)";
                trees.push(tree);
            }
        }
        let letters = self.sinks.values().filter(|sink| self.is_letters(sink));
        trees.extend(letters.map(|sink| explainer.dead_letters(sink)));
        Explained { job: self.job.name.clone(), trees }
    }
}

impl Explainer<'_> {
    fn sink(&self, sink: &PlannedSink, inputs: Vec<Branch>) -> Branch {
        let connector = self.plan.connectors.sink(&sink.spec).ok();
        let what = connector.map(|c| c.describe(&sink.spec.options, &|path| self.relative(path))).unwrap_or_default();
        let mut branch = Branch { inputs, ..Branch::default() };
        branch.title = format!("sink {}: {what}, {}", sink.spec.name.value, mode_name(sink.mode));
        if sink.mode == OutputMode::Update && !sink.keys.is_empty() {
            let keys = sink.keys.join(", ");
            branch.facts.push(match connector.is_some_and(|c| c.replaces_rows()) {
                true => Fact::text("replaces", format!("the row of the same ({keys})")),
                false => Fact::text("replaces", format!("nothing: of the rows of one ({keys}) the last one counts")),
            });
        }
        branch
    }

    fn dead_letters(&self, sink: &PlannedSink) -> Branch {
        let connector = self.plan.connectors.dead_letters(&sink.spec);
        let what = connector.map_or_else(|_| String::new(), |c| c.describe(&sink.spec.options, &|p| self.relative(p)));
        let takes = match self.plan.job.on_error {
            OnError::DeadLetter => "the rows of all nodes that fail, each with why and where it came from",
            OnError::Fail => "nothing: on_error = \"fail\" stops the job at the first row that fails",
        };
        let title = format!("{}: {what}", sink.spec.name.value);
        Branch { title, facts: vec![Fact::text("takes", takes)], ..Branch::default() }
    }

    /// A path as the job file would have it.
    fn relative(&self, path: &std::path::Path) -> String {
        let below = path.strip_prefix(&self.plan.job.base).unwrap_or(path);
        if below.as_os_str().is_empty() { ".".to_owned() } else { below.display().to_string() }
    }
}
