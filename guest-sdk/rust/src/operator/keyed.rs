//! Keyed operators: state and timers per key.
//!
//! The host keeps values and maps per key, calls with a key's rows as they come, and again when a timer of the key is due.
//! What a call changes is stored with the epoch or not at all. Of maps a call has the entries that it has asked for
//! before.

mod binding;
mod kept;
mod key;
mod map_state;
mod out;
mod rows;
mod state;
mod stored;
mod timers;
mod wanted;

pub use binding::KeyedOutput;
pub use kept::{KeyedState, StateField, StateFields, StateVisitor};
pub use key::Key;
pub use map_state::MapState;
pub use out::{Out, OutputRow, Values};
pub use rows::Rows;
pub(crate) use state::Fate;
pub use state::State;
pub use stored::StoredValues;
pub(crate) use timers::Change;
pub use timers::{Clock, Timer, Timers};
pub(crate) use wanted::ALL;
pub use wanted::Wanted;

use super::{About, Failure};
use crate::{config::Config, contract::types::Problem, fields::Fields, schema::Schema};

/// What a call is handed of what a keyed operator keeps: a [`State<T>`](State) where [`Keyed::State`] is one value, and a
/// struct with `#[derive(KeyedState)]` as it is.
pub type StateOf<K> = <<K as Keyed>::State as KeyedState>::Handle;

/// An operator that keeps state per key and sets timers.
///
/// ```
/// use millstream_guest::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// /// Tells of each user who has been away for a minute how many rows there had been.
/// struct Gone {
///     at: Input<Timestamp>,
/// }
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Seen {
///     rows: u64,
///     last: i64,
/// }
///
/// impl Keyed for Gone {
///     type State = Seen;
///     type Output = (u64, Micros);
///
///     fn bind(_config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
///         let fields = Fields::new().uint64("rows").timestamp("since");
///         Ok((Self { at: input.column("at")?.timestamp()? }, KeyedOutput::of(fields).event_time("since")))
///     }
///
///     fn on_rows(
///         &self,
///         _key: &Key,
///         rows: &Rows,
///         state: &mut State<Seen>,
///         _out: &mut Out<Self::Output>,
///         timers: &mut Timers,
///     ) -> Result<(), Failure> {
///         let seen = state.get_or_default();
///         seen.rows += rows.len() as u64;
///         seen.last = rows.get(self.at).iter().flatten().max().unwrap_or(0).max(seen.last);
///         timers.set(0, seen.last + 60_000_000);
///         Ok(())
///     }
///
///     fn on_timer(
///         &self,
///         _key: &Key,
///         timer: &Timer,
///         state: &mut State<Seen>,
///         out: &mut Out<Self::Output>,
///         _timers: &mut Timers,
///     ) -> Result<(), Failure> {
///         if let Some(seen) = state.get() {
///             out.push((seen.rows, Micros(timer.at)));
///         }
///         state.remove();
///         Ok(())
///     }
/// }
///
/// millstream_guest::keyed!(Gone);
///
/// # use millstream_guest::testing::{self, Table};
/// # fn main() {
/// let clicks = Table::new().utf8("user", ["ann", "bob", "ann"]).timestamp("at", [0, 5_000_000, 9_000_000]);
/// let mut job = testing::keyed::<Gone>("{}", &["user"], &clicks).unwrap();
/// assert_eq!(job.rows(&clicks).unwrap().table.rows(), 0);
/// let came = job.watermark(66_000_000).unwrap();
/// let expected = Table::new().utf8("user", ["bob"]).uint64("rows", [1]).timestamp("since", [65_000_000]);
/// assert_eq!(came.table, expected);
/// # }
/// ```
pub trait Keyed: Sized + 'static {
    /// What is kept of a key: any type that serde knows. It is stored as [`Encoded`](super::Encoded) is, whole, each time
    /// that it changes: state that grows with the rows makes a job slower and slower. Or several values and maps, whose
    /// entries are stored singly: a struct with `#[derive(KeyedState)]`.
    type State: KeyedState;

    /// An output row: a plain value, a tuple, or a struct with `#[derive(Row)]`; [`Values`] where the columns follow from
    /// the configuration. The columns of the key are not in it: they come by themselves.
    type Output: OutputRow;

    /// The state's version. Raise it when states that were stored before can no longer be read, or mean something else, and
    /// write [`Keyed::migrate`].
    const STATE_VERSION: u32 = 1;

    /// Reads the configuration, asks for the columns that are needed, and says what comes out. `key` are the columns that
    /// make the key. Called once per instance, before any row, and when the job is checked; it must give the same answer
    /// every time.
    ///
    /// # Errors
    /// If the configuration, the input's columns or those of the key won't do.
    fn bind(config: &Config, input: &Schema, key: &Fields) -> Result<(Self, KeyedOutput), Problem>;

    /// Names the entries of maps that [`Keyed::on_rows`] will look at, with the same key and rows. `state` has the values as
    /// they will be then; of the maps nothing can be read yet. Asks for nothing, unless you write it; not called where
    /// there are no maps.
    ///
    /// # Errors
    /// If the rows cannot be dealt with: as [`Keyed::on_rows`].
    fn needs(&self, key: &Key<'_>, rows: &Rows<'_>, state: &StateOf<Self>, wanted: &mut Wanted) -> Result<(), Failure> {
        let _ = (key, rows, state, wanted);
        Ok(())
    }

    /// The same for [`Keyed::on_timer`]. Where several timers of a key are due, each is asked about before the first is dealt
    /// with.
    ///
    /// # Errors
    /// If the timer cannot be dealt with: as [`Keyed::on_timer`].
    fn needs_for_timer(
        &self,
        key: &Key<'_>,
        timer: &Timer,
        state: &StateOf<Self>,
        wanted: &mut Wanted,
    ) -> Result<(), Failure> {
        let _ = (key, timer, state, wanted);
        Ok(())
    }

    /// A key's rows of this epoch. Where they are many, they come in several calls.
    ///
    /// # Errors
    /// If they cannot be dealt with. All of the key's rows of the epoch are dead letters then, and its state and timers
    /// stay as they were; other keys go on. A single row is better rejected: [`Out::reject`].
    fn on_rows(
        &self,
        key: &Key<'_>,
        rows: &Rows<'_>,
        state: &mut StateOf<Self>,
        out: &mut Out<Self::Output>,
        timers: &mut Timers,
    ) -> Result<(), Failure>;

    /// A timer is due: after the epoch's rows, in order of time, then key. It fires once, and is gone unless it is set anew.
    /// Nothing happens, unless you write it.
    ///
    /// # Errors
    /// If it cannot be dealt with: the key's due timers are dead letters then, and its state stays as it was.
    fn on_timer(
        &self,
        key: &Key<'_>,
        timer: &Timer,
        state: &mut StateOf<Self>,
        out: &mut Out<Self::Output>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        let _ = (key, timer, state, out, timers);
        Ok(())
    }

    /// A state that an older version of the plugin stored to one of this version: [`Encoded::from_bytes`] reads what it
    /// was. Of several values `stored` is the [`StoredValues`], by their names, and the struct with what is to be stored
    /// comes back (`State::of(value)`); maps stay as they are. Refused unless you write it; needed once
    /// [`Keyed::STATE_VERSION`] has been raised.
    ///
    /// [`Encoded::from_bytes`]: super::Encoded::from_bytes
    ///
    /// # Errors
    /// If the older version's states cannot be carried over.
    fn migrate(
        &self,
        from_version: u32,
        stored: <Self::State as KeyedState>::Stored<'_>,
    ) -> Result<Self::State, Failure> {
        let _ = stored;
        Err(format!("states of version {from_version} cannot be carried over: the plugin has no `migrate`").into())
    }

    /// What it says about itself to whoever looks into the component.
    fn about() -> About {
        About::new()
    }
}
