//! The ways in which an operator is called, each compared with the plain one.

use std::fmt;

/// How an operator was called otherwise than all at once on fresh instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The same calls once more, each on an instance of its own.
    Fresh,
    /// The same calls on an instance that has answered others before.
    Used,
    /// The rows cut at random places, each part on an instance of its own; of an aggregate the parts' states are merged.
    Cuts,
    /// Each row by itself, on an instance of its own.
    OneByOne,
    /// Several threads make the same calls at once, each in another order where that means nothing.
    Threads,
    /// Three states merged as (a, b), c; as a, (b, c); and all in one call.
    Merges,
    /// Each group by itself.
    GroupsAlone,
    /// The keys of a call in the opposite order.
    KeysReversed,
    /// Each key in a call of its own.
    KeysAlone,
    /// The rows, and the timers, of a key in several calls.
    RowsOfAKey,
    /// What it failed with, by itself once more.
    Failing,
}

impl Way {
    /// Its name, in one word for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Used => "used",
            Self::Cuts => "cuts",
            Self::OneByOne => "one-by-one",
            Self::Threads => "threads",
            Self::Merges => "merges",
            Self::GroupsAlone => "groups-alone",
            Self::KeysReversed => "keys-reversed",
            Self::KeysAlone => "keys-alone",
            Self::RowsOfAKey => "rows-of-a-key",
            Self::Failing => "failing",
        }
    }

    /// What a difference there is usually due to, where `unit` is compared.
    pub fn cause(self, unit: Unit) -> &'static str {
        match self {
            Self::Fresh => {
                "nothing that a plugin can do, since these are the same calls on new instances: please report it as a \
                 defect of Millstream"
            }
            Self::Used => {
                "something that a call leaves behind and the next one reads: a static, a thread-local, a cell in `self`, a \
                 cache; or the order of a hash map, of which an instance gives each a seed of its own"
            }
            Self::Cuts if unit == Unit::Groups => {
                "a `merge` that is not what `partial` would have made of all rows, or a state that means something to the \
                 instance alone that made it"
            }
            Self::Cuts | Self::OneByOne => {
                "a result that depends on where a row stands in its call, on how many rows there are, or on the rows \
                 beside it"
            }
            Self::Threads => {
                "something that an instance remembers (a static, a cell in `self`, the next hash map's seed): which \
                 instance gets which rows is chance where threads call at once"
            }
            Self::Merges => "a `merge` that is not associative: what it makes of a and b must do for both",
            Self::GroupsAlone => "groups that mix: a buffer that is used for the next group as the last one left it",
            Self::KeysReversed => {
                "something that passes from one key of a call to the next, or the order of a hash map among keys"
            }
            Self::KeysAlone => {
                "a result that depends on the other keys of its call: something that passes between keys"
            }
            Self::RowsOfAKey => {
                "something that is done once a call where once a row, or at a timer, is meant; or a hash map in the state, \
                 whose order is another one once it was read again"
            }
            Self::Failing => {
                "something that a call leaves behind and the next one reads, or rows that fail only beside others"
            }
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fresh => "again, on fresh instances",
            Self::Used => "on an instance that was used",
            Self::Cuts => "cut at random places",
            Self::OneByOne => "row by row",
            Self::Threads => "on four threads at once",
            Self::Merges => "states merged in another nesting",
            Self::GroupsAlone => "each group by itself",
            Self::KeysReversed => "keys in the opposite order",
            Self::KeysAlone => "each key in a call of its own",
            Self::RowsOfAKey => "a key's rows in several calls",
            Self::Failing => "what fails, by itself again",
        })
    }
}

/// What is compared one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Rows.
    Rows,
    /// Groups of an aggregate.
    Groups,
    /// Keys of a keyed operator, of each epoch.
    Keys,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rows => "rows",
            Self::Groups => "groups",
            Self::Keys => "keys",
        })
    }
}
