//! What must stay the same for stored state to be usable: a *fingerprint*, in words of our own, which stands in every
//! epoch's record. `docs/decisions/0007-what-is-stored-is-named.md` has its form.
//!
//! What always holds: two operators with equal fingerprints can use each other's state, and what cannot change the
//! meaning of a state is not in it. It is told by what a job says (columns, functions, configurations), never by how a
//! library writes an expression down or numbers its columns: that may change with the library's next version.
//!
//! Who says what: each stateful operator puts its parts together; expressions are told where they are planned
//! ([`super::Expressions::told`]); types and literal values here ([`values`]). What becomes of state that does not fit is
//! decided in `run`.

mod configuration;
mod fit;
mod sides;
mod values;

use serde_json::{Map, Value, json};

pub use configuration::{Configuration, config_digest};
pub use fit::{Fit, Misfit, Old, OldStates};
pub use sides::SIDES;
pub use values::{fields_told, literal_told, type_told};

/// The version of the form: a text of another one is not compared.
const VERSION: u64 = 1;

/// What decides whether stored state can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(Map<String, Value>);

impl Fingerprint {
    /// Of an operator of this kind, so far without parts.
    pub fn of(kind: &str) -> Self {
        let mut parts = Map::new();
        parts.insert("v".to_owned(), VERSION.into());
        parts.insert("of".to_owned(), kind.into());
        Self(parts)
    }

    /// With one part more.
    #[must_use]
    pub fn with(mut self, part: &str, value: impl Into<Value>) -> Self {
        self.0.insert(part.to_owned(), value.into());
        self
    }

    /// As it stands in a record.
    pub fn told(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// How versions before decision 0007 told what must stay the same: in the words of a library. Such a text is made
/// once more to open a checkpoint that one of them has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// The text.
    pub text: String,
    /// Whether equal texts mean that the state can be used: they leave out the output mode and what a plugin was told.
    pub is_enough: bool,
}

/// A column of a node's rows.
pub fn column_told(name: &str) -> Value {
    json!({ "col": name })
}
