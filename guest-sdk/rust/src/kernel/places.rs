//! Where certain bytes stand among 64, as the bits of a word: one turn of a loop for 64 places.

/// Places that are looked at a turn.
pub(super) const TURN: usize = 64;

/// The places where `xs` has `x` and `ys` has `y`.
#[cfg(target_feature = "simd128")]
pub(super) fn both(xs: &[u8; TURN], x: u8, ys: &[u8; TURN], y: u8) -> u64 {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, u64x2, v128, v128_and};
    let vector = |bytes: &[u8; TURN], k: usize| -> v128 {
        let (words, _) = bytes.as_chunks::<8>();
        u64x2(u64::from_le_bytes(words[k * 2]), u64::from_le_bytes(words[k * 2 + 1]))
    };
    let (x, y) = (u8x16_splat(x), u8x16_splat(y));
    let places = |k| u8x16_bitmask(v128_and(u8x16_eq(vector(xs, k), x), u8x16_eq(vector(ys, k), y)));
    u64::from(places(0)) | u64::from(places(1)) << 16 | u64::from(places(2)) << 32 | u64::from(places(3)) << 48
}

/// The places where `xs` has `x` and `ys` has `y`.
#[cfg(not(target_feature = "simd128"))]
pub(super) fn both(xs: &[u8; TURN], x: u8, ys: &[u8; TURN], y: u8) -> u64 {
    let places = xs.iter().zip(ys).enumerate();
    places.fold(0, |all, (k, (a, b))| all | u64::from((*a == x) & (*b == y)) << k)
}

/// Numbers that are compared at once by [`not_above`].
pub(super) const NEAR: usize = 8;

/// How many of ascending numbers are not above `limit`.
#[cfg(target_feature = "simd128")]
#[inline(always)]
pub(super) fn not_above(ascending: &[i32; NEAR], limit: i32) -> usize {
    use core::arch::wasm32::{i32x4, i32x4_bitmask, i32x4_gt, i32x4_splat};
    let [a, b, c, d, e, f, g, h] = *ascending;
    let above = |four| u32::from(i32x4_bitmask(i32x4_gt(four, i32x4_splat(limit))));
    let above = above(i32x4(a, b, c, d)) | above(i32x4(e, f, g, h)) << 4;
    (above | 1 << NEAR).trailing_zeros() as usize
}

/// How many of ascending numbers are not above `limit`.
#[cfg(not(target_feature = "simd128"))]
pub(super) fn not_above(ascending: &[i32; NEAR], limit: i32) -> usize {
    ascending.iter().filter(|number| **number <= limit).count()
}

/// Finds one byte again and again, from the front to the back of a buffer whose hits are close together: a new search
/// from each hit on would cost more than the way to the next one.
pub(super) struct Cursor<'a> {
    data: &'a [u8],
    byte: u8,
    /// Where the 64 places that are known begin.
    at: usize,
    places: u64,
}

impl<'a> Cursor<'a> {
    /// For searches from `from` on.
    pub(super) fn new(data: &'a [u8], byte: u8, from: usize) -> Self {
        let mut cursor = Self { data, byte, at: from, places: 0 };
        cursor.look(from);
        cursor
    }

    /// The first place of the byte from `from` on; `usize::MAX` if there is none. `from` never goes down.
    pub(super) fn next(&mut self, from: usize) -> usize {
        if from >= self.at + TURN {
            self.look(from);
        }
        loop {
            let places = self.places & u64::MAX << from.saturating_sub(self.at);
            if places != 0 {
                return self.at + places.trailing_zeros() as usize;
            }
            if self.at + TURN >= self.data.len() {
                return usize::MAX;
            }
            self.look(self.at + TURN);
        }
    }

    fn look(&mut self, at: usize) {
        let rest = self.data.get(at..).unwrap_or_default();
        self.at = at;
        self.places = match rest.first_chunk() {
            Some(block) => both(block, self.byte, block, self.byte),
            None => {
                let mut block = [!self.byte; TURN];
                block[..rest.len()].copy_from_slice(rest);
                both(&block, self.byte, &block, self.byte)
            }
        };
    }
}
