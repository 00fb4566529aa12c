//! Keyed operator: the second version of `fraud-rules`. What is usual is the geometric mean of the amounts, so one large payment
//! does not make the next one usual.
//!
//! A card is stored in the same four numbers, of which one means something else: `sum` is of logarithms. It could be read as
//! it is, and would be wrong; so the state has another version, and `migrate`.

use fraud_rules_shared::{Card, FraudRules, Mean};
use millstream_guest::prelude::*;

#[cfg(test)]
mod tests;

/// The mean of the amounts' logarithms. What is less than a cent, and has none, counts as one.
pub struct Geometric;

impl Mean for Geometric {
    const STATE_VERSION: u32 = 2;

    fn number(amount: f64) -> f64 {
        amount.max(0.01).ln()
    }

    fn amount(mean: f64) -> f64 {
        mean.exp()
    }

    /// Version 1 knows the sum of the amounts and not each of them: as if all had been what is usual.
    fn migrate(from_version: u32, card: Card) -> Result<Card, Failure> {
        match from_version {
            1 if card.weight > 0.0 => Ok(Card { sum: card.weight * Self::number(card.sum / card.weight), ..card }),
            1 => Ok(Card { sum: 0.0, ..card }),
            other => Err(format!("cards of version {other} are unknown").into()),
        }
    }
}

millstream_guest::keyed!(FraudRules<Geometric>);
