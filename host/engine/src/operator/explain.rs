//! What a stateful operator does over time, in words: when rows come out, what is kept and until when, what is late.
//! Each operator says it of its own parts; which watermark it is that counts, and where late rows go, is known to the
//! plan.

/// A stateful operator in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// When which rows come out.
    pub emits: String,
    /// What it keeps between two epochs.
    pub keeps: Vec<StateEntry>,
    /// Which rows are late, where a watermark makes rows late.
    pub late: Option<String>,
}

/// One kind of entry in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateEntry {
    /// What it is: `one row`.
    pub what: &'static str,
    /// How it goes on before the keys: `per`.
    pub by: &'static str,
    /// The columns by which it is kept; names may be the planner's. None = one entry in all.
    pub keys: Vec<String>,
    /// How long it is kept.
    pub until: Until,
}

/// How long something is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// Until the watermark … (`has reached ts`).
    Watermark(String),
    /// For ever, and why.
    Never(&'static str),
    /// Until something else happens, as a sentence goes on: `it fires`.
    Other(&'static str),
}

/// Why state that only `unbounded_state = true` allows is kept for ever.
pub(super) const UNBOUNDED: &str = "unbounded_state = true";
