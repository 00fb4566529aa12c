//! Numbers by chance that a seed repeats (SplitMix64, Steele, Lea and Flood 2014).

use std::ops::Range;

/// A stream of random numbers.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..bound`; 0 where there is none.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub(super) fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Whether, once in `of` times.
    pub(super) fn once_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// `0..rows`, cut at `cuts` places or fewer; parts may be of any length but none.
    pub(super) fn parts(&mut self, rows: usize, cuts: usize) -> Vec<Range<usize>> {
        let mut places: Vec<usize> = (0..cuts).map(|_| self.below(rows + 1)).collect();
        places.extend([0, rows]);
        places.sort_unstable();
        places.dedup();
        places.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_rows_in_order() {
        let mut random = Random::new(7);
        for rows in [0, 1, 2, 100] {
            let parts = random.parts(rows, 5);
            let all: Vec<usize> = parts.iter().cloned().flatten().collect();
            assert_eq!(all, (0..rows).collect::<Vec<_>>());
            assert!(parts.iter().all(|part| !part.is_empty()));
        }
    }
}
