//! The order in which operators run: each after those it reads.

use std::collections::BTreeMap;
use std::ops::Range;

use super::model::{Job, OperatorSpec};
use super::suggest;
use super::text::JobText;
use crate::error::{Error, Result};

impl Job {
    /// Sorts the operators, inputs before their users; where that leaves a choice, as in the file. `inputs` gives the
    /// names that an operator reads, each with its place in the job file.
    ///
    /// A job that was just parsed has the inputs of its plugin operators checked and sorted; those of SQL operators
    /// are only known to whoever parses the SQL, who calls this again.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`], pointing at the name: it is no source and no operator, or it closes a cycle.
    pub fn order(&mut self, inputs: impl Fn(&OperatorSpec) -> Vec<(String, Range<usize>)>) -> Result<()> {
        let order = order(self, inputs)?;
        let mut specs: Vec<Option<OperatorSpec>> = std::mem::take(&mut self.operators).into_iter().map(Some).collect();
        self.operators = order.into_iter().filter_map(|at| specs[at].take()).collect();
        Ok(())
    }

    /// The error of a name that should be a source or an operator and is not. `of`: the operator that names it, which it
    /// cannot have meant.
    pub fn unknown_node(&self, name: &str, span: Range<usize>, of: Option<&str>) -> Error {
        let error = self.text.error(span, format!("there is no source or operator `{name}`"));
        if self.sinks.iter().any(|sink| sink.name.value == name) {
            return error.with_help(format!("`{name}` is a sink: rows end there; name the node that it reads"));
        }
        if self.plugins.contains_key(name) {
            return error.with_help(format!("`{name}` is a plugin: name an operator that uses it"));
        }
        let sources = self.sources.iter().map(|source| source.name.value.as_str());
        let operators = self.operators.iter().map(|operator| operator.name.value.as_str());
        error.with_help(suggest::choices(name, sources.chain(operators).filter(|node| Some(*node) != of)))
    }
}

/// Positions in `job.operators`, inputs before their users.
fn order(job: &Job, inputs: impl Fn(&OperatorSpec) -> Vec<(String, Range<usize>)>) -> Result<Vec<usize>> {
    let at: BTreeMap<&str, usize> =
        job.operators.iter().enumerate().map(|(at, operator)| (operator.name.value.as_str(), at)).collect();
    let mut edges: Vec<Vec<(usize, Range<usize>)>> = Vec::with_capacity(job.operators.len());
    for operator in &job.operators {
        let mut reads = Vec::new();
        for (name, span) in inputs(operator) {
            match at.get(name.as_str()) {
                Some(input) => reads.push((*input, span)),
                None if job.sources.iter().any(|source| source.name.value == name) => {}
                None => return Err(job.unknown_node(&name, span, Some(&operator.name.value))),
            }
        }
        edges.push(reads);
    }

    let mut done = vec![false; edges.len()];
    let mut order = Vec::with_capacity(edges.len());
    while order.len() < edges.len() {
        let ready = (0..edges.len()).find(|&node| !done[node] && edges[node].iter().all(|(input, _)| done[*input]));
        match ready {
            Some(node) => {
                done[node] = true;
                order.push(node);
            }
            None => return Err(cycle(&job.text, &job.operators, &edges, &done)),
        }
    }
    Ok(order)
}

/// Every node that is not done waits for another such node: following those leads into a cycle.
fn cycle(text: &JobText, operators: &[OperatorSpec], edges: &[Vec<(usize, Range<usize>)>], done: &[bool]) -> Error {
    let waits_for = |node: usize| {
        let edge = edges[node].iter().find(|(input, _)| !done[*input]);
        edge.cloned().expect("a node without unfinished inputs would have been ready")
    };
    let mut path = vec![done.iter().position(|done| !done).expect("some node is not done, or there is no cycle")];
    loop {
        let (next, _) = waits_for(path[path.len() - 1]);
        if let Some(start) = path.iter().position(|node| *node == next) {
            path.drain(..start);
            break;
        }
        path.push(next);
    }
    // Told from its first node in the file on.
    let first = path.iter().enumerate().min_by_key(|(_, node)| operators[**node].name.span.start);
    let first = first.map_or(0, |(at, _)| at);
    path.rotate_left(first);
    let name = |node: usize| format!("`{}`", operators[node].name.value);
    let (_, span) = waits_for(path[0]);
    let reads: Vec<String> = path.iter().chain(&path[..1]).map(|node| name(*node)).collect();
    let message = match path.len() {
        1 => format!("operator {} reads itself", reads[0]),
        _ => format!("operators read each other in a circle: {}", reads.join(" reads ")),
    };
    text.error(span, message).with_help("a job's graph has a direction, from its sources to its sinks")
}
