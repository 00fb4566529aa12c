//! Threads for work that mostly waits, for a disk as a rule: they hold no slot, and are made as they are needed.
//!
//! Tasks are begun in the order in which they came. A task for which no thread is idle gets a new one, up to [`MOST`];
//! a thread that has had nothing to do for a while ends. So a process whose jobs rest has none.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::panics;
use crate::{Error, ErrorKind, Result};

/// Threads at the same time. Enough that disks have something to put together; so few that thousands of jobs are no
/// thousands of threads.
const MOST: usize = 32;

/// A thread that has nothing to do for so long ends.
const IDLE: Duration = Duration::from_secs(5);

type Task = Box<dyn FnOnce() + Send>;

/// Threads for tasks that wait; clones share them.
#[derive(Clone)]
pub(crate) struct WaitingThreads(Arc<Shared>);

struct Shared {
    most: usize,
    tasks: Mutex<Tasks>,
    came: Condvar,
}

#[derive(Default)]
struct Tasks {
    waiting: VecDeque<Task>,
    threads: usize,
    idle: usize,
}

impl WaitingThreads {
    /// Those that all jobs of this process share.
    pub fn of_process() -> Self {
        static SHARED: OnceLock<WaitingThreads> = OnceLock::new();
        SHARED.get_or_init(|| Self::new(MOST)).clone()
    }

    fn new(most: usize) -> Self {
        Self(Arc::new(Shared { most, tasks: Mutex::default(), came: Condvar::new() }))
    }

    /// Runs `task` on one of the threads, after those that came before it.
    ///
    /// # Errors
    /// There is no thread, and none can be had: then it is not run.
    pub fn run(&self, task: impl FnOnce() + Send + 'static) -> Result<()> {
        let mut tasks = self.0.tasks();
        tasks.waiting.push_back(Box::new(task));
        if tasks.idle >= tasks.waiting.len() || tasks.threads == self.0.most {
            drop(tasks);
            self.0.came.notify_one();
            return Ok(());
        }
        let shared = self.0.clone();
        let thread = std::thread::Builder::new().name("millstream-commit".to_owned());
        match thread.spawn(move || shared.work()) {
            Ok(_) => tasks.threads += 1,
            // Those that there are come to it.
            Err(_) if tasks.threads > 0 => {}
            Err(e) => {
                tasks.waiting.pop_back();
                return Err(Error::new(ErrorKind::Unavailable, format!("a thread could not be started: {e}")));
            }
        }
        Ok(())
    }
}

impl Shared {
    fn work(&self) {
        let mut tasks = self.tasks();
        loop {
            if let Some(task) = tasks.waiting.pop_front() {
                drop(tasks);
                // Who gave it to us tells of its own panics; this thread has others to work for.
                drop(panics::catch(task));
                tasks = self.tasks();
                continue;
            }
            tasks.idle += 1;
            let waited = self.came.wait_timeout_while(tasks, IDLE, |tasks| tasks.waiting.is_empty());
            tasks = waited.unwrap_or_else(PoisonError::into_inner).0;
            tasks.idle -= 1;
            if tasks.waiting.is_empty() {
                tasks.threads -= 1;
                return;
            }
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn tasks_are_begun_in_order_on_as_many_threads_as_there_may_be() {
        let threads = WaitingThreads::new(2);
        let (send, receive) = channel();
        let (open, gate) = channel::<()>();
        threads.run(move || gate.recv().unwrap()).unwrap();
        for i in 0..50 {
            let send = send.clone();
            threads.run(move || send.send(i).unwrap()).unwrap();
        }
        // One of the two waits: the other does it all.
        let done: Vec<i32> = (0..50).map(|_| receive.recv_timeout(Duration::from_secs(20)).unwrap()).collect();
        assert_eq!(done, (0..50).collect::<Vec<_>>());
        assert_eq!(threads.0.tasks().threads, 2);
        threads.run(|| panic!("a task that panics")).unwrap();
        open.send(()).unwrap();
        threads.run(move || send.send(50).unwrap()).unwrap();
        assert_eq!(receive.recv_timeout(Duration::from_secs(20)), Ok(50), "its thread goes on");
    }
}
