//! An operator bound in a slot: the author's plugin between the contract's types.
//!
//! What a component binds is kept behind a trait per kind, so that one instance holds any number of them, and so that
//! the generated glue is the same for all plugins.

use crate::{
    batch::Batch,
    buffer::Buffer,
    column::{Column, check_types},
    config::Config,
    contract::{
        columns::{self, Batch as Flat},
        types::{Binding, Failure, Problem, Rejects, Request},
    },
    data_type::Field,
    kernel::Groups,
    operator::{self, Aggregate, Aggregation, Expander, Filter, FlatMap, Map},
    schema::Schema,
};

/// A bound filter.
pub trait FilterSlot {
    /// The bitmap of the rows to keep, and the rejects.
    fn call(&self, input: Flat) -> Result<(Vec<u8>, Option<Rejects>), Failure>;
}

/// A bound map.
pub trait MapSlot {
    /// The new columns, and the rejects.
    fn call(&self, input: Flat) -> Result<(Flat, Option<Rejects>), Failure>;
}

/// A bound flat-map.
pub trait FlatMapSlot {
    /// Output rows and where they came from.
    fn call(&self, input: Flat, resume: Option<u64>) -> Result<Expanded, Failure>;
}

/// What a flat-map's call returns.
pub struct Expanded {
    /// An unsigned 32-bit index per output row.
    pub parents: Vec<u8>,
    /// The output rows.
    pub output: Flat,
    /// Rows refused.
    pub rejects: Option<Rejects>,
    /// Rows dealt with.
    pub consumed: u32,
    /// Where to go on.
    pub resume: Option<u64>,
}

/// A bound aggregate.
pub trait AggregateSlot {
    /// Rows to states.
    fn partial(&self, groups: Vec<u8>, count: u32, input: Flat) -> Result<Flat, Failure>;

    /// States to fewer states.
    fn merge(&self, groups: Vec<u8>, count: u32, states: Flat) -> Result<Flat, Failure>;

    /// States to output.
    fn finish(&self, states: Flat) -> Result<Flat, Failure>;

    /// States of an older version to states of this one.
    fn migrate(&self, from: u32, old: &[columns::Field], states: Flat) -> Result<Flat, Failure>;
}

/// What an aggregate's `bind` says.
pub struct AggregateBinding {
    /// Reads and output.
    pub binding: Binding,
    /// The state columns.
    pub state: Vec<columns::Field>,
    /// The state's version.
    pub version: u32,
    /// The configuration's entries that stored states do not depend on.
    pub adjustable: Vec<String>,
}

/// A plugin and what it is bound to.
struct Bound<P> {
    plugin: P,
    /// The columns that are handed over.
    input: Vec<Field>,
    /// The columns that a call returns.
    output: Vec<Field>,
    /// An aggregate's state columns.
    state: Vec<Field>,
}

/// What every kind's `bind` has in common: the arguments are read, and what was given but not asked for is refused.
pub(super) fn bound<T>(
    request: Request,
    bind: impl FnOnce(&Config, &Schema) -> Result<T, Problem>,
) -> Result<(T, Vec<Field>, Binding), Problem> {
    let config = Config::from_json(&request.config)?;
    let schema = Schema::new(request.input, request.site)?;
    let plugin = bind(&config, &schema)?;
    config.refuse_unknown_keys()?;
    schema.refuse_unused_arguments()?;
    let asked = schema.asked();
    Ok((plugin, asked.fields, Binding { reads: asked.reads, output: Vec::new(), hints: asked.hints }))
}

/// Binds a filter.
pub fn bind_filter<F: Filter>(request: Request) -> Result<(Box<dyn FilterSlot>, Binding), Problem> {
    let (plugin, input, binding) = bound(request, F::bind)?;
    Ok((Box::new(Bound { plugin, input, output: Vec::new(), state: Vec::new() }), binding))
}

/// Binds a map.
pub fn bind_map<M: Map>(request: Request) -> Result<(Box<dyn MapSlot>, Binding), Problem> {
    let ((plugin, output), input, mut binding) = bound(request, M::bind)?;
    let output = output.into_vec();
    binding.output = Field::flatten(&output);
    Ok((Box::new(Bound { plugin, input, output, state: Vec::new() }), binding))
}

/// Binds a flat-map.
pub fn bind_flat_map<M: FlatMap>(request: Request) -> Result<(Box<dyn FlatMapSlot>, Binding), Problem> {
    let ((plugin, output), input, mut binding) = bound(request, M::bind)?;
    let output = output.into_vec();
    binding.output = Field::flatten(&output);
    Ok((Box::new(Bound { plugin, input, output, state: Vec::new() }), binding))
}

/// Binds an aggregate.
pub fn bind_aggregate<A: Aggregate>(request: Request) -> Result<(Box<dyn AggregateSlot>, AggregateBinding), Problem> {
    let ((plugin, asked), input, mut binding) = bound(request, A::bind)?;
    let Aggregation { output, state, version, adjustable } = asked;
    let (output, state) = (output.into_vec(), state.into_vec());
    binding.output = Field::flatten(&output);
    let answer = AggregateBinding { binding, state: Field::flatten(&state), version, adjustable };
    Ok((Box::new(Bound { plugin, input, output, state }), answer))
}

pub(super) fn failed(message: String) -> Failure {
    Failure { message, about: None }
}

/// What is handed over, as the author has it.
pub(super) fn taken(fields: &[Field], batch: Flat) -> Result<Batch, Failure> {
    Batch::of(fields, batch).map_err(failed)
}

/// What the author returns, as the contract has it.
pub(super) fn returned(fields: &[Field], rows: usize, columns: Vec<Column>) -> Result<Flat, Failure> {
    check_types(fields, &columns).map_err(failed)?;
    Ok(Column::flatten(rows, columns))
}

impl<F: Filter> FilterSlot for Bound<F> {
    fn call(&self, input: Flat) -> Result<(Vec<u8>, Option<Rejects>), Failure> {
        let batch = taken(&self.input, input)?;
        let selection = self.plugin.call(&batch).map_err(operator::told)?;
        if selection.keep.len() != batch.rows() {
            return Err(failed(format!("the filter answered {} rows of {}", selection.keep.len(), batch.rows())));
        }
        Ok((selection.keep.into_bytes(), selection.rejects.into_buffers()))
    }
}

impl<M: Map> MapSlot for Bound<M> {
    fn call(&self, input: Flat) -> Result<(Flat, Option<Rejects>), Failure> {
        let batch = taken(&self.input, input)?;
        let rows = batch.rows();
        let mapped = self.plugin.call(batch).map_err(operator::told)?;
        Ok((returned(&self.output, rows, mapped.columns)?, mapped.rejects.into_buffers()))
    }
}

impl<M: FlatMap> FlatMapSlot for Bound<M> {
    fn call(&self, input: Flat, resume: Option<u64>) -> Result<Expanded, Failure> {
        let batch = taken(&self.input, input)?;
        let expanded = self.plugin.call(&batch, Expander::new(&batch, resume)).map_err(operator::told)?;
        Ok(Expanded {
            output: returned(&self.output, expanded.parents.len(), expanded.columns)?,
            parents: expanded.parents.into_bytes(),
            rejects: expanded.rejects.into_buffers(),
            consumed: expanded.consumed,
            resume: expanded.resume,
        })
    }
}

impl<A: Aggregate> AggregateSlot for Bound<A> {
    fn partial(&self, groups: Vec<u8>, count: u32, input: Flat) -> Result<Flat, Failure> {
        let (batch, groups) = (taken(&self.input, input)?, Buffer::from(groups));
        let states = self.plugin.partial(&Groups::new(groups.numbers(), count as usize), &batch);
        returned(&self.state, count as usize, states.map_err(operator::told)?)
    }

    fn merge(&self, groups: Vec<u8>, count: u32, states: Flat) -> Result<Flat, Failure> {
        let (batch, groups) = (taken(&self.state, states)?, Buffer::from(groups));
        let states = self.plugin.merge(&Groups::new(groups.numbers(), count as usize), &batch);
        returned(&self.state, count as usize, states.map_err(operator::told)?)
    }

    fn finish(&self, states: Flat) -> Result<Flat, Failure> {
        let batch = taken(&self.state, states)?;
        let rows = batch.rows();
        returned(&self.output, rows, self.plugin.finish(batch).map_err(operator::told)?)
    }

    fn migrate(&self, from: u32, old: &[columns::Field], states: Flat) -> Result<Flat, Failure> {
        let fields = Field::all_of(old);
        let batch = taken(&fields, states)?;
        let rows = batch.rows();
        returned(&self.state, rows, self.plugin.migrate(from, &fields, batch).map_err(operator::told)?)
    }
}
