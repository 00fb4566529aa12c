//! End-to-end tests of Millstream, in one binary: golden jobs, jobs beside a real Spark's answers, plugins that
//! misbehave, crashes.
//!
//! | module | what it holds |
//! |---|---|
//! | `bindings` | that the SDK's glue is that of the contract |
//! | `connectors` | a connector that the engine does not know, and the page written from the tables |
//! | `costs` | what an epoch costs, in proportion to what is new |
//! | `crash` | processes killed at every fault point, and started again |
//! | `determinism` | random inputs beside the model; one result whatever the threads and the split |
//! | `edits` | what may change between two runs, and what is refused |
//! | `end_of_time` | timers at the end of an input that ends for good |
//! | `event_time` | sessions, chains of windows and deduplication where a golden job cannot say it |
//! | `extremes` | NaN, negative zero, infinities and the ends of integers in every operator, beside a model |
//! | `generated` | jobs over made-up rows: Nexmark's streams find each other, and frauds are found |
//! | `golden` | `golden/*`: a job, its input, and what must come out; adding a case is adding a folder |
//! | `hostile` | plugins that misbehave |
//! | `joins` | joins of streams where a golden job cannot say it |
//! | `keyed` | keyed plugins in jobs |
//! | `keyed_plugins` | the keyed plugins that come with the engine, in the jobs of their pages |
//! | `keyed_sql` | keyed plugins called in SQL, beside nodes of their own |
//! | `layers` | that the engine's modules use lower layers only, and files one another in no circle, and that none is long |
//! | `model` | what windows mean, as a slow program |
//! | `operators_of_one` | plugins that hold several operators, what they log, errors that name their row |
//! | `over` | window functions of queries that are asked once, beside answers worked out by hand and a slow model |
//! | `owner` | one owner per checkpoint and per sink folder: processes that stall, wake up, and come second |
//! | `plugins` | plugins in jobs, as nodes and inside SQL |
//! | `processing_time` | the trigger's grid, idle inputs, rows from the future, on a clock of the test's own |
//! | `refused` | jobs that cannot be run, and what their users are told |
//! | `restart` | a job that stops and goes on gives what it gives undisturbed |
//! | `scratch` | a folder of a test's own, with a job, its input and what comes out |
//! | `session_sets` | DISTINCT in sessions that grow together, beside a model |
//! | `several` | several streams as one, and rows made of rows |
//! | `simulation` | the engine on a simulated clock, disk and input, from a seed, beside the model |
//! | `spark` | `spark/*`: jobs whose input and expected rows a real Spark gave, where these are at hand |
//! | `spark_state` | keyed state beside a real Spark's, natively and as a component |
//! | `sql` | what queries give where a golden job cannot say it |
//! | `sql_docs` | that every example of `docs/sql.md` gives what stands there |
//! | `static_joins` | joins with tables that stand still, change, and break |
//! | `states` | that state never mixes, whatever is edited between two runs |
//! | `stepped` | the engine stepped from outside, and what a job is told while it runs or waits |
//! | `sums` | results that do not fit their column, and aggregates of no rows |
//! | `support` | running a job and reading its rows |
//! | `unmerged` | a plugin that cannot merge the states of one group, wherever states are merged |

#[cfg(test)]
mod bindings;
#[cfg(test)]
mod connectors;
#[cfg(test)]
mod costs;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod edits;
#[cfg(test)]
mod end_of_time;
#[cfg(test)]
mod event_time;
#[cfg(test)]
mod extremes;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod joins;
#[cfg(test)]
mod keyed;
#[cfg(test)]
mod keyed_plugins;
#[cfg(test)]
mod keyed_sql;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod model;
#[cfg(test)]
mod operators_of_one;
#[cfg(test)]
mod over;
#[cfg(test)]
mod owner;
#[cfg(test)]
mod plugins;
#[cfg(test)]
mod processing_time;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod scratch;
#[cfg(test)]
mod session_sets;
#[cfg(test)]
mod several;
#[cfg(test)]
mod shadow;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod spark;
#[cfg(test)]
mod spark_state;
#[cfg(test)]
mod sql;
#[cfg(test)]
mod sql_docs;
#[cfg(test)]
mod stateful;
#[cfg(test)]
mod states;
#[cfg(test)]
mod static_joins;
#[cfg(test)]
mod stepped;
#[cfg(test)]
mod sums;
#[cfg(test)]
mod support;
#[cfg(test)]
mod unmerged;
