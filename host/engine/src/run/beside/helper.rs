//! Who brings batches over: a thread of its own, one batch after the other, or who hands them out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use super::entries::Entries;
use crate::clock::Wake;
use crate::executor::Workers;
use crate::name::Name;
use crate::operator::fingerprint::Old;
use crate::panics;
use crate::plan::Plan;
use crate::state::Table;
use crate::{Error, ErrorKind, Result};

/// Old states of one operator.
pub(super) struct Batch {
    pub operator: Name,
    pub old: Old,
    pub entries: Entries,
}

/// Who brings over.
pub(super) enum Helper {
    /// Who hands out; what is done waits here.
    Here(VecDeque<Entries>),
    /// A thread, which ends when nothing can come any more.
    Thread { give: Sender<Batch>, done: Receiver<Result<Entries>> },
}

impl Helper {
    /// A thread that brings over what `plan` can use, in tables with so many partitions; each time it is done, it notifies
    /// `wake`.
    pub fn thread(plan: &Arc<Plan>, partitions: u32, wake: &Wake) -> Result<Self> {
        let (give, given) = channel::<Batch>();
        let (tell, done) = channel();
        let (plan, wake) = (plan.clone(), wake.clone());
        let work = move || {
            for Batch { operator, old, entries } in given {
                let workers = Workers::alone();
                let brought = panics::as_error(|| bring(&plan, &operator, &old, &entries, partitions, &workers));
                let goes_on = brought.is_ok() && tell.send(brought).is_ok();
                wake.notify();
                if !goes_on {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("millstream-swap".to_owned()).spawn(work);
        thread.map_err(|e| {
            Error::new(ErrorKind::Unavailable, format!("a thread could not be started: {e}")).caused_by(e)
        })?;
        Ok(Self::Thread { give, done })
    }

    pub fn is_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }

    /// Hands a batch over, which is done at once where nobody else does it.
    pub fn give(&mut self, batch: Batch, plan: &Plan, partitions: u32) -> Result<()> {
        match self {
            Self::Here(done) => {
                let Batch { operator, old, entries } = batch;
                done.push_back(bring(plan, &operator, &old, &entries, partitions, &Workers::alone())?);
                Ok(())
            }
            Self::Thread { give, .. } => give.send(batch).map_err(|_| gone()),
        }
    }

    /// The next batch that is done, in the order in which they were given.
    pub fn done(&mut self) -> Result<Option<Entries>> {
        match self {
            Self::Here(done) => Ok(done.pop_front()),
            Self::Thread { done, .. } => match done.try_recv() {
                Ok(brought) => brought.map(Some),
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => Err(gone()),
            },
        }
    }
}

fn gone() -> Error {
    Error::internal("whoever brings states over has vanished")
}

/// What `plan` can use of `old` states of its operator `operator`; keys whose states came to nothing are there without a
/// value.
pub(super) fn bring(
    plan: &Plan,
    operator: &Name,
    old: &Old,
    entries: &Entries,
    partitions: u32,
    workers: &Workers,
) -> Result<Entries> {
    let stateful = &plan.stateful[operator];
    let mut tables: Vec<Table> = stateful.tables.iter().map(|_| Table::new(partitions)).collect();
    let [states, ..] = &mut tables[..] else { return Err(Error::internal("an operator has no tables")) };
    for (bucket, hash, key, value) in entries.iter() {
        if let Some(value) = value {
            states.partition_mut(hash).put_hashed(bucket, hash, key, value);
        }
    }
    let mut tables: Vec<&mut Table> = tables.iter_mut().collect();
    stateful.operator.bring_over(old, &mut tables, workers)?;
    let mut brought = Entries::default();
    for (bucket, hash, key, _) in entries.iter() {
        brought.push(bucket, hash, key, tables[0].partition(hash).get_hashed(bucket, hash, key));
    }
    Ok(brought)
}
