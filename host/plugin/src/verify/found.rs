//! What came of one comparison: differences, or an error where the plain way has none.

use std::thread;

use super::answers::{Apart, Compared};
use super::isolate::{is_stop, told};
use super::report::{Difference, Outcome};
use super::show;
use crate::error::{PluginError, Result};

/// What a comparison found.
pub(super) enum Found {
    /// All calls went through.
    Compared(Compared),
    /// One failed, where none does in the plain way.
    Failed(PluginError),
}

/// What came of a comparison: an error of the plugin's is a difference.
pub(super) fn found(came: Result<Compared>) -> Result<Found> {
    match came {
        Ok(compared) => Ok(Found::Compared(compared)),
        // Among them that `bind` gave another answer than before.
        Err(error) if error.is_call_failure() || is_stop(&error) => Ok(Found::Failed(error)),
        Err(PluginError::NotStarted(error)) => Ok(Found::Failed(*error)),
        Err(error) => Err(error),
    }
}

/// The first comparison that shows a difference; else the first that shows rounding, or the last.
pub(super) fn first_that_differs(all: impl Iterator<Item = Result<Compared>>) -> Result<Compared> {
    let mut kept = Compared::default();
    for one in all {
        let one = one?;
        if one.differ > 0 {
            return Ok(one);
        }
        kept.rounded = kept.rounded.or(one.rounded);
    }
    Ok(kept)
}

impl Found {
    /// As the report tells it; `subject` names a row, group or key.
    pub(super) fn outcome(self, subject: impl Fn(usize) -> String) -> Outcome {
        let of = |apart: Apart| Difference {
            subject: subject(apart.at),
            what: apart.what,
            plain: apart.plain,
            other: apart.other,
        };
        match self {
            Self::Compared(Compared { first: Some(first), differ, .. }) => {
                Outcome::Differs { count: differ, first: of(first) }
            }
            Self::Compared(Compared { rounded: Some(rounded), .. }) => Outcome::Rounding(of(rounded)),
            Self::Compared(_) => Outcome::Same,
            Self::Failed(error) => Outcome::Differs {
                count: 1,
                first: Difference {
                    subject: "a call".to_owned(),
                    what: "whether it goes through".to_owned(),
                    plain: "it does".to_owned(),
                    other: show::line(&told(&error)),
                },
            },
        }
    }
}

/// What a thread of a comparison came to.
pub(super) fn of_thread(came: thread::Result<Result<Compared>>) -> Result<Compared> {
    came.unwrap_or_else(|_| Err(PluginError::Engine("a thread of the trial died".to_owned())))
}
