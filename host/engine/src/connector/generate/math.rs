//! Logarithm, exponential and weighted choice out of basic arithmetic only: the C library's functions differ in the
//! last digit from one system to the next, and made-up rows must be the same everywhere.

use std::f64::consts::{LN_2, SQRT_2};

/// The natural logarithm of a positive, normal number, to about 12 digits: by the series of the inverse hyperbolic
/// tangent.
pub(super) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) as i64 - 1023) as f64;
    let mut mantissa = f64::from_bits(bits & ((1 << 52) - 1) | (1023 << 52));
    if mantissa > SQRT_2 {
        mantissa *= 0.5;
        exponent += 1.0;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let series =
        1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0)))));
    exponent * LN_2 + 2.0 * s * series
}

/// The exponential of a number between -700 and 700: by its series around the nearest power of two.
pub(super) fn exp(x: f64) -> f64 {
    let power = (x / LN_2).round();
    let rest = x - power * LN_2;
    let mut term = 1.0;
    let mut sum = 1.0;
    for i in 1..15 {
        term *= rest / f64::from(i);
        sum += term;
    }
    sum * f64::from_bits(((power as i64 + 1023) as u64) << 52)
}

/// Chooses among weighted items with two random words and one look into a table (Vose's alias method, 1991).
#[derive(Debug)]
pub(super) struct Choice {
    /// Per item: below this the item itself, else the other one.
    table: Vec<(u32, u32)>,
}

impl Choice {
    /// `weights` are positive, of any sum; there are fewer than 2^32.
    pub fn new(weights: &[f64]) -> Self {
        let count = weights.len() as f64;
        let sum: f64 = weights.iter().sum();
        let mut share: Vec<f64> = weights.iter().map(|w| w / sum * count).collect();
        let mut table: Vec<(u32, u32)> = (0..weights.len() as u32).map(|i| (u32::MAX, i)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..weights.len()).partition(|i| share[*i] < 1.0);
        while let (Some(less), Some(more)) = (small.pop(), large.last().copied()) {
            table[less] = ((share[less] * 4_294_967_296.0) as u32, more as u32);
            share[more] -= 1.0 - share[less];
            if share[more] < 1.0 {
                large.pop();
                small.push(more);
            }
        }
        Self { table }
    }

    /// An item's index, from two independent random words.
    #[inline]
    pub fn pick(&self, place: u32, coin: u32) -> u32 {
        let item = below(place, self.table.len() as u32);
        let (own, other) = self.table[item as usize];
        if coin < own { item } else { other }
    }
}

/// A number below `count` from a random word (Lemire's multiplication; the bias is at most `count` / 2^32).
#[inline]
pub(super) fn below(word: u32, count: u32) -> u32 {
    ((u64::from(word) * u64::from(count)) >> 32) as u32
}
