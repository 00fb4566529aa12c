//! Who holds a card: where, and how much it usually pays.

use crate::connector::generate::draws::{Draws, Randoms};
use crate::connector::generate::math::exp;

/// Where cards are held and used: a city, and its country by ISO 3166.
pub(super) const CITIES: [(&str, &str); 24] = [
    ("Amsterdam", "NL"),
    ("Athens", "GR"),
    ("Barcelona", "ES"),
    ("Berlin", "DE"),
    ("Brussels", "BE"),
    ("Bucharest", "RO"),
    ("Copenhagen", "DK"),
    ("Dublin", "IE"),
    ("Hamburg", "DE"),
    ("Helsinki", "FI"),
    ("Lisbon", "PT"),
    ("London", "GB"),
    ("Lyon", "FR"),
    ("Madrid", "ES"),
    ("Milan", "IT"),
    ("Munich", "DE"),
    ("Oslo", "NO"),
    ("Paris", "FR"),
    ("Prague", "CZ"),
    ("Rome", "IT"),
    ("Stockholm", "SE"),
    ("Vienna", "AT"),
    ("Warsaw", "PL"),
    ("Zurich", "CH"),
];

/// What cards pay in the middle, cents.
const USUAL: f64 = 4000.0;

/// How much cards differ in that, as a deviation of its logarithm.
const SPREAD: f64 = 0.5;

/// The holders of all cards.
#[derive(Debug)]
pub(super) struct Holders {
    homes: Randoms,
    habits: Randoms,
}

impl Holders {
    /// Those that `seed` gives.
    pub fn new(seed: u64) -> Self {
        Self { homes: Randoms::new(seed, b"c.home  "), habits: Randoms::new(seed, b"c.usual ") }
    }

    /// Where the holder lives: an index of [`CITIES`].
    pub fn home(&self, card: u32) -> usize {
        self.homes.of(card.into()).below(CITIES.len() as u64) as usize
    }

    /// Any other city.
    pub fn away(&self, card: u32, draws: &mut Draws) -> usize {
        (self.home(card) + 1 + draws.below(CITIES.len() as u64 - 1) as usize) % CITIES.len()
    }

    /// What the card pays in the middle, cents.
    pub fn usual(&self, card: u32) -> f64 {
        USUAL * exp(SPREAD * self.habits.of(card.into()).normal())
    }
}
