//! How much an epoch admits.

/// How much an epoch admits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Limit {
    /// What is sensible for the source, so that a backlog of any size is worked off in epochs; under
    /// [`super::Trigger::Once`], all there is.
    #[default]
    Sensible,
    /// So much.
    At(u64),
    /// All there is.
    Unlimited,
}
