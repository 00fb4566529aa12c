//! Where cards pay: merchants, each of a category with prices of its own.

use crate::connector::generate::draws::Draws;
use crate::connector::generate::math::{Choice, exp};

/// A kind of merchants.
pub(super) struct Category {
    /// Its word.
    pub name: &'static str,
    /// Of a hundred payments, how many are made there.
    share: f64,
    /// The payment in the middle, against what the card usually pays.
    scale: f64,
}

/// All there are.
pub(super) const CATEGORIES: [Category; 8] = [
    Category { name: "grocery", share: 30.0, scale: 1.0 },
    Category { name: "restaurant", share: 22.0, scale: 0.9 },
    Category { name: "fuel", share: 13.0, scale: 1.5 },
    Category { name: "transport", share: 12.0, scale: 0.3 },
    Category { name: "fashion", share: 9.0, scale: 2.0 },
    Category { name: "online", share: 8.0, scale: 0.6 },
    Category { name: "electronics", share: 4.0, scale: 4.0 },
    Category { name: "travel", share: 2.0, scale: 5.0 },
];

/// Merchants of a category.
const MERCHANTS: u64 = 250;

/// How much payments of a category differ, as a deviation of the amount's logarithm.
const SPREAD: f64 = 0.4;

/// All merchants.
#[derive(Debug)]
pub(super) struct Merchants {
    choice: Choice,
}

impl Merchants {
    /// The same for each seed.
    pub fn new() -> Self {
        Self { choice: Choice::new(&CATEGORIES.map(|category| category.share)) }
    }

    /// An index of [`CATEGORIES`].
    pub fn category(&self, draws: &mut Draws) -> usize {
        self.choice.pick(draws.half(), draws.half()) as usize
    }

    /// The number of a merchant in its category.
    pub fn number(&self, draws: &mut Draws) -> u32 {
        draws.below(MERCHANTS) as u32
    }

    /// An honest payment there, against what the card usually pays.
    pub fn scale(&self, category: usize, draws: &mut Draws) -> f64 {
        CATEGORIES[category].scale * exp(SPREAD * draws.normal())
    }
}
