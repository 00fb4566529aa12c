//! Random numbers of a row: as many as it takes, from its number on. By SplitMix64 (Steele, Lea and Flood, "Fast splittable
//! pseudorandom number generators", 2014), whose state is one word: to begin at any row costs as much as a number.

/// What the state goes on by.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// What tells the numbers of neighbouring rows apart: odd, and not [`STEP`], or a row would have those of the one before.
const STRIDE: u64 = 0xd134_2543_de82_ef95;

/// Random numbers of one purpose for each row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Randoms {
    key: u64,
}

impl Randoms {
    /// Those that `seed` gives for `purpose`; of another purpose they have nothing to do with these.
    pub fn new(seed: u64, purpose: &[u8; 8]) -> Self {
        Self { key: mix(seed ^ mix(u64::from_le_bytes(*purpose))) }
    }

    /// Those of row `number`.
    #[inline]
    pub fn of(self, number: u64) -> Draws {
        Draws { state: mix(self.key.wrapping_add(number.wrapping_mul(STRIDE))) }
    }
}

/// Random numbers, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    state: u64,
}

impl Draws {
    /// A random word.
    #[inline]
    pub fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// Half a word.
    #[inline]
    pub fn half(&mut self) -> u32 {
        (self.word() >> 32) as u32
    }

    /// A number below `count` (Lemire's multiplication; the bias is at most `count` / 2^64).
    #[inline]
    pub fn below(&mut self, count: u64) -> u64 {
        ((u128::from(self.word()) * u128::from(count)) >> 64) as u64
    }

    /// One of `items`, which are some.
    #[inline]
    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// A number from 0 to 1, which it does not reach.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.word() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// A number around 0 with deviation 1, between -3.5 and 3.5: four uniform ones added up are near enough to Gauss's.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.uniform()).sum();
        (sum - 2.0) * 1.732_050_807_568_877_2
    }

    /// Appends `count` small letters.
    #[inline]
    pub fn letters(&mut self, count: usize, to: &mut Vec<u8>) {
        let mut left = count;
        while left > 0 {
            let letters = self.word().to_le_bytes().map(|byte| b'a' + ((u16::from(byte) * 26) >> 8) as u8);
            let taken = left.min(letters.len());
            to.extend_from_slice(&letters[..taken]);
            left -= taken;
        }
    }
}

/// Each bit of the result depends on all bits; no two words have the same result.
#[inline]
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
