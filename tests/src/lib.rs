//! End-to-end tests of Millstream, in one binary: golden jobs, jobs beside a real Spark's answers, plugins that
//! misbehave, crashes.
//!
//! | module | what it holds |
//! |---|---|
//! | `crash` | processes killed at every fault point, and started again |
//! | `golden` | `golden/*`: a job, its input, and what must come out; adding a case is adding a folder |
//! | `spark` | `spark/*`: jobs whose input and expected rows a real Spark gave, where these are at hand |
//! | `support` | running a job and reading its rows |

#[cfg(test)]
mod crash;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod spark;
#[cfg(test)]
mod support;
