//! What sides say when they begin.

use std::collections::BTreeSet;
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

    /// Hands it on.
    pub fn tell(&self, note: &dyn Fn(&str)) -> Result<()> {
        let told = self.take()?;
        // Both sides say the same of what they share.
        told.iter().collect::<BTreeSet<_>>().into_iter().for_each(|line| note(line));
        Ok(())
    }
}
