//! Which declared columns no row had, and which key looks like one of them: for a word at the end of a run. A key is
//! looked at where the scan meets it for the first time in a chunk, and only while a column is missing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use arrow::datatypes::Schema;

use crate::format::Unseen;

/// Watches all chunks that one decoder decodes. What it finds does not depend on their order.
pub(super) struct Watch {
    columns: Vec<Watched>,
    any_rows: AtomicBool,
}

struct Watched {
    name: String,
    seen: AtomicBool,
    /// The least key that differs from the name in upper and lower case only.
    near: Mutex<Option<String>>,
}

/// What one chunk has.
#[derive(Default)]
pub(super) struct Sightings<'a> {
    declared: &'a [Watched],
    /// The columns that no chunk has had yet.
    missing: Vec<usize>,
    near: Vec<(usize, String)>,
}

impl Watch {
    pub fn new(declared: &Schema) -> Self {
        let watched =
            |name: &String| Watched { name: name.clone(), seen: AtomicBool::new(false), near: Mutex::new(None) };
        Self {
            columns: declared.fields().iter().map(|field| watched(field.name())).collect(),
            any_rows: AtomicBool::new(false),
        }
    }

    /// Before a chunk is scanned.
    pub fn begin(&self) -> Sightings<'_> {
        let missing = (0..self.columns.len()).filter(|i| !self.columns[*i].seen.load(Ordering::Relaxed)).collect();
        Sightings { declared: &self.columns, missing, near: Vec::new() }
    }

    /// After it.
    pub fn end(&self, sightings: Sightings<'_>, rows: usize) {
        if rows > 0 {
            self.any_rows.store(true, Ordering::Relaxed);
        }
        for (column, key) in sightings.near {
            let mut near = self.columns[column].near.lock().unwrap_or_else(PoisonError::into_inner);
            if near.as_ref().is_none_or(|near| *near > key) {
                *near = Some(key);
            }
        }
    }

    /// The columns that no row had; none if there was no row.
    pub fn unseen(&self) -> Vec<Unseen> {
        if !self.any_rows.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let missing = self.columns.iter().filter(|column| !column.seen.load(Ordering::Relaxed));
        missing
            .map(|column| Unseen {
                column: column.name.clone(),
                near: column.near.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            })
            .collect()
    }
}

impl Sightings<'_> {
    /// A key that a row has.
    pub fn key(&mut self, key: &str) {
        if self.missing.is_empty() {
            return;
        }
        if let Some(at) = self.missing.iter().position(|i| self.declared[*i].name == key) {
            self.declared[self.missing.swap_remove(at)].seen.store(true, Ordering::Relaxed);
        } else if !self.declared.iter().any(|column| column.name == key) {
            let like = |name: &str| {
                name.eq_ignore_ascii_case(key) || (!key.is_ascii() && name.to_lowercase() == key.to_lowercase())
            };
            let near = self.missing.iter().filter(|i| like(&self.declared[**i].name));
            for column in near.copied().collect::<Vec<_>>() {
                if !self.near.iter().any(|(i, known)| *i == column && known == key) {
                    self.near.push((column, key.to_owned()));
                }
            }
        }
    }
}
