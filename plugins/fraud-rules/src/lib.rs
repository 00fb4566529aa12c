//! Keyed operator: payments that come too quickly one after the other, or are too large for what their card usually pays.
//!
//! What is usual is the mean of the amounts. All else is in `shared`, since the next version has it too.

use fraud_rules_shared::{FraudRules, Mean};

#[cfg(test)]
mod tests;

/// The mean of the amounts themselves.
pub struct Arithmetic;

impl Mean for Arithmetic {
    const STATE_VERSION: u32 = 1;

    fn number(amount: f64) -> f64 {
        amount
    }

    fn amount(mean: f64) -> f64 {
        mean
    }
}

millstream_guest::keyed!(FraudRules<Arithmetic>);
