//! Stored states of an older version to those of this one, of aggregates and of keyed operators alike.

use arrow::array::ArrayRef;
use arrow::datatypes::Fields;

use crate::contract::Failure;
use crate::error::Result;
use crate::fields::{Told, with_params};
use crate::guests::Kind;
use crate::lift::{self, Promised};
use crate::limits::CallOptions;
use crate::lower::Lowered;
use crate::pool::{Slot, Subjects};

/// States that another version stored.
pub(super) struct Stored<'a> {
    /// Which.
    pub version: u32,
    /// Their columns.
    pub fields: &'a Fields,
    pub states: &'a Lowered,
}

/// Has the plugin, whose states are of `version`, make `promised` of them, row by row.
pub(super) fn migrate<K: Kind>(
    slot: &Slot<K>,
    from: Stored<'_>,
    version: u32,
    promised: &Promised,
    options: CallOptions,
) -> Result<Vec<ArrayRef>> {
    let told: Vec<Told> = from.fields.iter().map(|field| Told::new(field)).collect();
    let none = || Failure {
        message: format!(
            "it has no `migration`, and cannot go on with states of version {}; its own are of version {version}",
            from.version
        ),
        about: None,
    };
    slot.call(
        options,
        Subjects::states(from.states.rows() as u32),
        |guests, store, slot| match &guests.migration {
            Some(migration) => with_params(told.iter(), |fields| {
                from.states
                    .with_batch(|states| migration.call_migrate(store, slot, from.version, &fields.concat(), states))
            }),
            None => Ok(Err(none())),
        },
        |given| lift::columns(promised, given, from.states.rows(), None),
    )
}
