//! The Millstream engine: sources, epochs, event time, windows, state, checkpoints, operators and sinks.
//!
//! The engine runs a *job*: a graph of sources, operators (SQL or Wasm plugins) and sinks, in epochs
//! (micro-batches), each of which ends with one durable record. It knows no command line.
//!
//! # Layers
//! A module uses only modules of layers above it in this table (lower layers first); siblings do not use
//! each other. A test holds the `use` edges against this table.
//!
//! | layer | modules | what it is for |
//! |---|---|---|
//! | 0 | `error`, `fault`, `clock`, `name`, `panics`, `share` | what everything shares |
//! | 1 | `storage`, `job`, `record`, `executor` | files; the job file; what an epoch leaves in the log; who computes |
//! | 2 | `time`, `state`, `format` | pure event-time arithmetic; keyed rows in memory; bytes to batches and back |
//! | 3 | `checkpoint`, `connector` | the log of epochs; where rows come from and go to |
//! | 4 | `operator` | what happens to batches |
//! | 5 | `relation` | operators put together to trees |
//! | 6 | `sql` | SQL text to such trees |
//! | 7 | `plan` | job file to a checked graph |
//! | 8 | `run` | the epoch loop |

pub mod checkpoint;
pub mod clock;
pub mod connector;
pub mod error;
pub mod executor;
pub mod fault;
pub mod format;
pub mod job;
pub mod name;
pub mod operator;
pub mod panics;
pub mod plan;
pub mod record;
pub mod relation;
pub mod run;
pub mod share;
pub mod sql;
pub mod state;
pub mod storage;
pub mod time;

pub use error::{Error, ErrorKind, Result};
