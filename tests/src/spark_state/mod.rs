//! Keyed state beside Spark's: functions that a real Spark called, called by the engine's keyed operator, natively and as a
//! component, must come to the same. They stand in `guests/keyed-state`, which keeps Spark's single time-out by Spark's
//! rules.
//!
//! * `golden`: the cases that a real Spark answered, where they are at hand; the model gives them too
//! * `seeds`: many more cases, from seeds, beside the model
//! * `model`: Spark's rules as a slow program
//! * `drive`: an operator taken through epochs
//! * `native`: the functions of the guest as functions of the engine's own

mod drive;
mod golden;
mod model;
mod native;
mod seeds;
