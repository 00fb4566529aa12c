//! What sides say when they begin.

use std::sync::Mutex;

use crate::Result;
use crate::panics::locked;
use crate::run::report::Observer;

/// Keeps what it is told.
#[derive(Default)]
pub(super) struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn message(&self, message: &str) {
        if let Ok(mut told) = locked(&self.0) {
            told.push(message.to_owned());
        }
    }
}

impl Told {
    /// What it was told since the last time.
    pub fn take(&self) -> Result<Vec<String>> {
        Ok(std::mem::take(&mut *locked(&self.0)?))
    }

    /// Hands on what the changed job has said.
    pub fn tell(&self, note: &dyn Fn(&str)) -> Result<()> {
        self.take()?.iter().for_each(|line| note(&format!("the changed job: {line}")));
        Ok(())
    }
}
