//! What a crate has to offer: its operators, by name.

use super::{
    keyed::{KeyedSlot, bind_keyed},
    slot::{
        AggregateBinding, AggregateSlot, FilterSlot, FlatMapSlot, MapSlot, bind_aggregate, bind_filter, bind_flat_map,
        bind_map,
    },
};
use crate::{
    contract::{
        columns::Field,
        keyed::KeyedBinding,
        types::{Binding, Problem, Request},
    },
    operator::{About, Aggregate, Filter, FlatMap, Fold, Folding, Keyed, Map},
};

/// What binding gives: what is kept in the slot, and what the host is told.
type Binder<S, B = Binding> = fn(Request) -> Result<(Box<S>, B), Problem>;

/// The same, to the columns of the key too.
type KeyedBinder = fn(Request, Vec<Field>) -> Result<(Box<dyn KeyedSlot>, KeyedBinding), Problem>;

/// How an operator is bound; which it is, is its kind.
#[derive(Clone, Copy)]
pub enum Bind {
    /// A filter.
    Filter(Binder<dyn FilterSlot>),
    /// A map.
    Map(Binder<dyn MapSlot>),
    /// A flat-map.
    FlatMap(Binder<dyn FlatMapSlot>),
    /// An aggregate.
    Aggregate(Binder<dyn AggregateSlot, AggregateBinding>),
    /// A keyed operator.
    Keyed(KeyedBinder),
}

/// An operator of a crate.
pub struct Entry {
    /// Unique in the crate.
    pub name: &'static str,
    /// What it does, unless it says so itself.
    pub summary: &'static str,
    /// What it says about itself.
    pub about: fn() -> About,
    /// How it is bound.
    pub bind: Bind,
}

/// A crate's operators; the macros implement it.
pub trait Component {
    /// All of them.
    const OPERATORS: &'static [Entry];
}

impl Entry {
    /// The interface that it is bound and called by.
    pub fn kind(&self) -> &'static str {
        match self.bind {
            Bind::Filter(_) => "filter",
            Bind::Map(_) => "map",
            Bind::FlatMap(_) => "flat-map",
            Bind::Aggregate(_) => "aggregate",
            Bind::Keyed(_) => "keyed",
        }
    }

    /// A filter.
    pub const fn filter<F: Filter>(name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, about: F::about, bind: Bind::Filter(bind_filter::<F>) }
    }

    /// A map.
    pub const fn map<M: Map>(name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, about: M::about, bind: Bind::Map(bind_map::<M>) }
    }

    /// A flat-map.
    pub const fn flat_map<M: FlatMap>(name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, about: M::about, bind: Bind::FlatMap(bind_flat_map::<M>) }
    }

    /// An aggregate.
    pub const fn aggregate<A: Aggregate>(name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, about: A::about, bind: Bind::Aggregate(bind_aggregate::<A>) }
    }

    /// An aggregate by a fold.
    pub const fn fold<F: Fold>(name: &'static str, summary: &'static str) -> Self {
        Self::aggregate::<Folding<F>>(name, summary)
    }

    /// A keyed operator.
    pub const fn keyed<K: Keyed>(name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, about: K::about, bind: Bind::Keyed(bind_keyed::<K>) }
    }
}

/// The operator of this name, if it is of the kind that is asked for.
pub fn find<B>(operators: &[Entry], name: &str, of_kind: impl Fn(Bind) -> Option<B>) -> Result<B, Problem> {
    let mut names = Vec::new();
    for entry in operators {
        if let Some(bind) = of_kind(entry.bind) {
            if entry.name == name {
                return Ok(bind);
            }
            names.push(format!("`{}`", entry.name));
        }
    }
    let there = if names.is_empty() { "none".into() } else { names.join(", ") };
    Err(Problem::new(format!("the component has no operator `{name}` of this kind; there is {there}")))
}

/// The same, checked when the crate is compiled.
///
/// # Panics
/// If a name stands twice or has other characters than letters, digits, `-` and `_`.
pub const fn checked(operators: &'static [Entry]) -> &'static [Entry] {
    let mut i = 0;
    while i < operators.len() {
        let name = operators[i].name.as_bytes();
        assert!(!name.is_empty(), "an operator has no name");
        let mut k = 0;
        while k < name.len() {
            let fits = name[k].is_ascii_alphanumeric() || name[k] == b'-' || name[k] == b'_';
            assert!(fits, "an operator's name has letters, digits, `-` and `_`");
            k += 1;
        }
        let mut other = 0;
        while other < i {
            assert!(!same(name, operators[other].name.as_bytes()), "two operators have the same name");
            other += 1;
        }
        i += 1;
    }
    operators
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Config, Failure, Schema, Selection, bitmap::Bitmap, contract::types::Site};

    struct KeepAll;

    impl Filter for KeepAll {
        fn bind(_config: &Config, _input: &Schema) -> Result<Self, Problem> {
            Ok(Self)
        }

        fn call(&self, batch: &Batch) -> Result<Selection, Failure> {
            Ok(Bitmap::ones(batch.rows()).into())
        }
    }

    #[test]
    fn operators_are_found_by_name_and_kind() {
        const ALL: &[Entry] =
            checked(&[Entry::filter::<KeepAll>("keep-all", ""), Entry::filter::<KeepAll>("all_2", "")]);
        let filter = |bind| if let Bind::Filter(bind) = bind { Some(bind) } else { None };
        let request = |operator: &str| {
            let (operator, config) = (operator.into(), "{}".into());
            Request { operator, config, input: Vec::new(), site: Site::default() }
        };
        let (_, binding) = find(ALL, "all_2", filter).and_then(|bind| bind(request("all_2"))).unwrap();
        assert_eq!(binding, Binding::default());
        let problem = find(ALL, "some", filter).err().unwrap().message;
        assert_eq!(problem, "the component has no operator `some` of this kind; there is `keep-all`, `all_2`");
        let map = |bind| if let Bind::Map(bind) = bind { Some(bind) } else { None };
        assert!(find(ALL, "keep-all", map).err().unwrap().message.ends_with("there is none"));
    }
}
