//! Keyed operators: what becomes of a key follows from its rows, its state and the clocks. So states, timers and what comes
//! out are the same on any instances, in whatever order keys come, beside whatever other keys, and in however many calls a
//! key's rows and timers come.
//!
//! A trial is a small job: a few epochs with rows, each with a watermark that follows their event times, and some more as
//! timers become due. After each all that is kept of the keys that it touched is compared. Times to live do not run out.

mod job;
mod kept;
mod step;
mod work;

use std::thread;

use arrow::datatypes::FieldRef;

use self::job::{Cut, Epochs, Input, Ran};
use super::found::{first_that_differs, found, of_thread};
use super::isolate::FAILURE;
use super::report::{Comparison, Failure, Report};
use super::way::{Unit, Way};
use super::{Bind, FRESH, PATIENT, THREADS, Trial};
use crate::bound::{Bound, BoundKeyed};
use crate::error::{PluginError, Result};
use crate::limits::CallOptions;

/// How often a key's rows are cut into calls.
const TIMES: usize = 3;

/// Tries `bound`, which `bind` binds anew.
pub(super) fn verify(
    bound: BoundKeyed,
    bind: Bind<'_>,
    keys: &[FieldRef],
    trial: &Trial<'_>,
    report: &mut Report,
) -> Result<()> {
    let input = Input::new(trial, keys)?;
    let epochs = Epochs::new(&input, bound.binding());
    let names: Vec<String> = bound.output().iter().map(|field| format!("column `{}`", field.name())).collect();
    let run = |bound: &BoundKeyed, cut: Cut, options: CallOptions| epochs.run(bound, &input, cut, options);
    let whole = Cut::default();

    let plain = match run(&bound, whole, FRESH) {
        Ok(plain) => plain,
        Err(error) if error.is_call_failure() || matches!(error, PluginError::State { .. }) => {
            let message = super::show::line(&error.to_string());
            report.failures.push(Failure { subject: "a call".to_owned(), message, ends_the_trial: true });
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    drop(bound);
    report.refused = plain.refused;
    for (subject, answer) in plain.subjects.iter().zip(&plain.answers.answers) {
        let failed = answer.facts.iter().filter(|fact| fact.0 == FAILURE);
        report.failures.extend(failed.map(|(_, message)| Failure {
            subject: input.subject(*subject),
            message: super::show::line(message),
            ends_the_trial: false,
        }));
    }

    let keyed = || match bind()? {
        Bound::Keyed(bound) => Ok(bound),
        _ => Err(PluginError::Unsupported("an operator that is a keyed one no longer".to_owned())),
    };
    let compare = |ran: Ran| Ok(plain.answers.compare(&ran.answers, &names, false));
    let mut record = |way: Way, times: usize, came| {
        let subject = |at: usize| plain.subjects.get(at).map_or("a key".to_owned(), |of| input.subject(*of));
        let outcome = found(came)?.outcome(subject);
        report.comparisons.push(Comparison { way, times, compared: plain.subjects.len(), unit: Unit::Keys, outcome });
        Ok::<_, PluginError>(())
    };

    record(Way::Fresh, 1, keyed().and_then(|bound| compare(run(&bound, whole, FRESH)?)))?;
    let used = || {
        let bound = keyed()?;
        run(&bound, Cut { is_reversed: true, ..whole }, PATIENT)?;
        run(&bound, whole, PATIENT)?;
        compare(run(&bound, whole, PATIENT)?)
    };
    record(Way::Used, 1, used())?;
    let reversed = || compare(run(&keyed()?, Cut { is_reversed: true, ..whole }, FRESH)?);
    record(Way::KeysReversed, 1, reversed())?;
    let alone = || compare(run(&keyed()?, Cut { keys: 1, ..whole }, FRESH)?);
    record(Way::KeysAlone, 1, alone())?;
    let rows_of_a_key = || {
        let bound = keyed()?;
        let cut = |rows| compare(run(&bound, Cut { keys: 1, rows, ..whole }, FRESH)?);
        first_that_differs((1..=TIMES).map(|rows| cut(rows * rows)))
    };
    record(Way::RowsOfAKey, TIMES, rows_of_a_key())?;
    let on_threads = || {
        let bound = keyed()?;
        let one = || compare(run(&bound, whole, PATIENT)?);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(one)).collect();
            first_that_differs(threads.into_iter().map(|thread| of_thread(thread.join())))
        })
    };
    record(Way::Threads, THREADS, on_threads())
}
