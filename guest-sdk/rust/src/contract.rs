//! The contract's types as plain Rust: what `wit/millstream.wit` calls `columns` and `types`.
//!
//! They are written out by hand, name for name and field for field, so that the same types serve natively (where no
//! bindings are generated) and in Wasm, where the generated glue is told to use these instead of its own: buffers cross
//! into your code without being converted. Operators see none of it but [`types::Problem`]: [`crate::Column`] is an array
//! with its type, and [`crate::Schema`] what is made of a request.

pub mod keyed;

/// Columns in Arrow's memory layout.
pub mod columns {
    /// A column's name and type, or a child's; children follow their parent.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Field {
        /// The name.
        pub name: String,
        /// The type, as Arrow's C data interface writes it.
        pub format: String,
        /// Whether there may be nulls.
        pub nullable: bool,
        /// How many of the fields that follow are its children.
        pub children: u32,
        /// Whether the values are indices into a dictionary, which is the one child.
        pub dictionary: bool,
        /// Names and values that mean something to whoever put them there.
        pub metadata: Vec<(String, String)>,
    }

    /// The values of one column or child; children follow their parent.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Array {
        /// How many.
        pub rows: u32,
        /// Bitmap, least significant bit first, 1 = present; `None` = no nulls.
        pub validity: Option<Vec<u8>>,
        /// The format's buffers.
        pub buffers: Vec<Vec<u8>>,
    }

    /// Columns of equal length.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Batch {
        /// How many rows.
        pub rows: u32,
        /// The arrays of the columns and of their children.
        pub arrays: Vec<Array>,
    }
}

/// What `bind` is given and what operators answer with.
pub mod types {
    use super::columns::{Array, Field};

    /// An input column as `bind` sees it.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct InputField {
        /// The column and its children.
        pub fields: Vec<Field>,
        /// One row, where the value is the same for all rows (a literal in SQL).
        pub constant: Option<Vec<Array>>,
        /// Whether it can be read.
        pub readable: bool,
    }

    /// Where an operator is used.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Site {
        /// The name of the job's node.
        pub node: String,
        /// The SQL of the call, where it is one.
        pub sql: Option<String>,
        /// Interfaces that the host offers to import, with their versions.
        pub abilities: Vec<String>,
    }

    /// What an operator is bound to.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Request {
        /// Its name in the catalog.
        pub operator: String,
        /// The configuration, a JSON object.
        pub config: String,
        /// All columns of the input.
        pub input: Vec<InputField>,
        /// Where it is used.
        pub site: Site,
    }

    /// Why a configuration or an input schema was refused.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Problem {
        /// The key of the configuration that is at fault, where one is.
        pub key: Option<String>,
        /// What is wrong and what would be right.
        pub message: String,
    }

    /// An input column to be handed over.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Read {
        /// Its index in the request's input.
        pub column: u32,
        /// As what; empty = as it was told.
        pub shape: Vec<Field>,
    }

    /// What the host may do with an operator.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Hints {
        /// Rows with a null in any column that is read need not be handed over.
        pub skip_nulls: bool,
        /// No call with more rows than this.
        pub rows_per_call: Option<u32>,
        /// Equal arguments give equal results.
        pub deterministic: bool,
    }

    /// What an operator reads and returns.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Binding {
        /// The columns that are handed over, in order.
        pub reads: Vec<Read>,
        /// The columns that calls return, with their children.
        pub output: Vec<Field>,
        /// What the host may do.
        pub hints: Hints,
    }

    /// Why a call failed.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Failure {
        /// What went wrong.
        pub message: String,
        /// What it is about, if that is known.
        pub about: Option<Subject>,
    }

    /// What a failed call is about.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Subject {
        /// An input row.
        Row(u32),
        /// A key of a keyed call, by its index.
        Key(u32),
        /// A stored state that cannot be read: a keyed call's key, or a row of an aggregate's states.
        State(u32),
    }

    /// Input rows that the operator refuses, with reasons.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Rejects {
        /// Unsigned 32-bit indices, ascending, each at most once.
        pub rows: Vec<u8>,
        /// Where each reason starts, and where the last one ends; empty where there are no rows.
        pub offsets: Vec<u8>,
        /// The reasons one after the other.
        pub reasons: Vec<u8>,
    }

    impl Default for Hints {
        fn default() -> Self {
            Self { skip_nulls: false, rows_per_call: None, deterministic: true }
        }
    }

    impl Problem {
        /// A problem with the input, or with the configuration as a whole.
        pub fn new(message: impl Into<String>) -> Self {
            Self { key: None, message: message.into() }
        }

        /// A problem with one key of the configuration.
        pub fn with_key(key: impl Into<String>, message: impl Into<String>) -> Self {
            Self { key: Some(key.into()), message: message.into() }
        }
    }

    impl std::fmt::Display for Problem {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match &self.key {
                Some(key) => write!(f, "`{key}`: {}", self.message),
                None => f.write_str(&self.message),
            }
        }
    }

    impl std::error::Error for Problem {}
}
