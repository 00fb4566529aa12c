//! Bitmaps: one bit a row, least significant bit first, as Arrow lays them out.
//!
//! Built 32 bits a turn wherever possible, since each turn of a loop costs about a nanosecond in the sandbox (the
//! host's check for interruption). Bits past the last row are always 0, so that two bitmaps with the same bits are
//! equal and counting needs no mask.

/// One bit a row. What a filter returns, and which rows of a column are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    bytes: Vec<u8>,
    len: usize,
}

impl Bitmap {
    /// `len` bits, all alike.
    pub fn filled(len: usize, bit: bool) -> Self {
        let mut bitmap = Self { bytes: vec![if bit { 0xff } else { 0 }; len.div_ceil(8)], len };
        bitmap.clear_tail();
        bitmap
    }

    /// `len` bits, all 0; set those wanted with [`Bitmap::set`].
    pub fn zeros(len: usize) -> Self {
        Self::filled(len, false)
    }

    /// `len` bits, all 1.
    pub fn ones(len: usize) -> Self {
        Self::filled(len, true)
    }

    /// Bit `i` is `bit(i)`; called for rows in order.
    pub fn from_fn(len: usize, mut bit: impl FnMut(usize) -> bool) -> Self {
        let mut builder = BitmapBuilder::with_capacity(len);
        let mut start = 0;
        while start + 32 <= len {
            let mut word = 0u32;
            for k in 0..32 {
                word |= u32::from(bit(start + k)) << k;
            }
            builder.push_word(word);
            start += 32;
        }
        for i in start..len {
            builder.push(bit(i));
        }
        builder.finish()
    }

    /// From packed bytes, as a column holds them.
    ///
    /// # Panics
    /// If there are fewer than `len` bits.
    pub fn from_bytes(mut bytes: Vec<u8>, len: usize) -> Self {
        assert!(bytes.len() >= len.div_ceil(8), "{} bytes are too few for a bitmap of {len} rows", bytes.len());
        bytes.truncate(len.div_ceil(8));
        let mut bitmap = Self { bytes, len };
        bitmap.clear_tail();
        bitmap
    }

    /// How many bits.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bits at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bit `i`.
    ///
    /// # Panics
    /// If `i` is not below [`Bitmap::len`].
    pub fn get(&self, i: usize) -> bool {
        assert!(i < self.len, "bit {i} of {}", self.len);
        self.bytes[i / 8] >> (i % 8) & 1 == 1
    }

    /// Sets bit `i` to 1.
    ///
    /// # Panics
    /// If `i` is not below [`Bitmap::len`].
    pub fn set(&mut self, i: usize) {
        assert!(i < self.len, "bit {i} of {}", self.len);
        self.bytes[i / 8] |= 1 << (i % 8);
    }

    /// How many bits are 1.
    pub fn count_ones(&self) -> usize {
        let (words, rest) = self.bytes.as_chunks::<8>();
        let full: u32 = words.iter().map(|word| u64::from_le_bytes(*word).count_ones()).sum();
        (full + rest.iter().map(|byte| byte.count_ones()).sum::<u32>()) as usize
    }

    /// The bits in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.len).map(|i| self.get(i))
    }

    /// The bits that are 1 in both.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn and(&self, other: &Bitmap) -> Bitmap {
        self.combine(other, |a, b| a & b)
    }

    /// The bits that are 1 in either.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn or(&self, other: &Bitmap) -> Bitmap {
        self.combine(other, |a, b| a | b)
    }

    /// 1 where this one is 0. Mind that a filter's rows with nulls, 0 before, are 1 after.
    pub fn not(&self) -> Bitmap {
        let mut bitmap = Self { bytes: self.bytes.iter().map(|byte| !byte).collect(), len: self.len };
        bitmap.clear_tail();
        bitmap
    }

    /// The packed bits, least significant first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The packed bits, least significant first.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn combine(&self, other: &Bitmap, f: impl Fn(u8, u8) -> u8) -> Bitmap {
        assert_eq!(self.len, other.len, "bitmaps of different lengths");
        Self { bytes: self.bytes.iter().zip(&other.bytes).map(|(a, b)| f(*a, *b)).collect(), len: self.len }
    }

    fn clear_tail(&mut self) {
        let used = self.len % 8;
        if used > 0
            && let Some(last) = self.bytes.last_mut()
        {
            *last &= (1 << used) - 1;
        }
    }
}

impl FromIterator<bool> for Bitmap {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        let mut builder = BitmapBuilder::default();
        for bit in bits {
            builder.push(bit);
        }
        builder.finish()
    }
}

/// Builds a [`Bitmap`] bit by bit, or 32 bits at a time.
#[derive(Clone, Debug, Default)]
pub struct BitmapBuilder {
    bytes: Vec<u8>,
    /// The bits not yet in `bytes`, fewer than 32.
    word: u32,
    pending: u32,
}

impl BitmapBuilder {
    /// With room for `len` bits.
    pub fn with_capacity(len: usize) -> Self {
        Self { bytes: Vec::with_capacity(len.div_ceil(32) * 4), word: 0, pending: 0 }
    }

    /// How many bits so far.
    pub fn len(&self) -> usize {
        self.bytes.len() * 8 + self.pending as usize
    }

    /// Whether there are none yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more bit.
    pub fn push(&mut self, bit: bool) {
        self.word |= u32::from(bit) << self.pending;
        self.pending += 1;
        if self.pending == 32 {
            self.bytes.extend_from_slice(&self.word.to_le_bytes());
            (self.word, self.pending) = (0, 0);
        }
    }

    /// 32 more bits, the lowest first.
    pub fn push_word(&mut self, word: u32) {
        let both = u64::from(word) << self.pending | u64::from(self.word);
        self.bytes.extend_from_slice(&(both as u32).to_le_bytes());
        self.word = (both >> 32) as u32;
    }

    /// `n` more bits, all alike.
    pub fn push_n(&mut self, n: usize, bit: bool) {
        let mut left = n;
        while left >= 32 {
            self.push_word(if bit { u32::MAX } else { 0 });
            left -= 32;
        }
        for _ in 0..left {
            self.push(bit);
        }
    }

    /// Goes back to the first `len` bits.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len() {
            return;
        }
        let words = len / 32;
        if words * 4 < self.bytes.len() {
            let bytes = &self.bytes[words * 4..words * 4 + 4];
            self.word = u32::from_le_bytes(bytes.try_into().expect("four bytes were taken"));
            self.bytes.truncate(words * 4);
        }
        self.pending = (len % 32) as u32;
        self.word &= (1 << self.pending) - 1;
    }

    /// The bitmap.
    pub fn finish(mut self) -> Bitmap {
        let len = self.len();
        self.bytes.extend_from_slice(&self.word.to_le_bytes());
        self.bytes.truncate(len.div_ceil(8));
        Bitmap { bytes: self.bytes, len }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_what_was_pushed_in_every_mixture_of_bits_words_and_runs() {
        let mut builder = BitmapBuilder::default();
        let mut model = Vec::new();
        for turn in 0..200u32 {
            match turn % 5 {
                0 => {
                    let word = turn.wrapping_mul(0x9e37_79b9);
                    builder.push_word(word);
                    model.extend((0..32).map(|k| word >> k & 1 == 1));
                }
                1 => {
                    builder.push_n(turn as usize % 70, turn % 2 == 0);
                    model.extend(vec![turn % 2 == 0; turn as usize % 70]);
                }
                2 => {
                    let len = model.len().saturating_sub(turn as usize % 50);
                    builder.truncate(len);
                    model.truncate(len);
                }
                _ => {
                    builder.push(turn % 3 == 0);
                    model.push(turn % 3 == 0);
                }
            }
            assert_eq!(builder.len(), model.len());
            let bitmap = builder.clone().finish();
            assert_eq!(bitmap.iter().collect::<Vec<_>>(), model);
            assert_eq!(bitmap, Bitmap::from_fn(model.len(), |i| model[i]));
            assert_eq!(bitmap.count_ones(), model.iter().filter(|bit| **bit).count());
            assert_eq!(bitmap.not().not(), bitmap);
        }
    }

    #[test]
    fn bits_past_the_end_are_zero() {
        assert_eq!(Bitmap::ones(11).as_bytes(), [0xff, 0b111]);
        assert_eq!(Bitmap::zeros(3).not().as_bytes(), [0b111]);
        assert_eq!(Bitmap::from_bytes(vec![0xff, 0xff], 9).as_bytes(), [0xff, 1]);
    }
}
