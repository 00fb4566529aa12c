//! A sum beside a count, added to in one step where there are vector instructions.

#[cfg(target_feature = "simd128")]
use core::arch::wasm32::{i64x2, i64x2_add, i64x2_extract_lane, v128};

/// The sum of some values, wrapping around, and how many they are.
#[derive(Clone, Copy)]
pub(super) struct SumAndCount(
    #[cfg(target_feature = "simd128")] v128,
    #[cfg(not(target_feature = "simd128"))] [i64; 2],
);

impl SumAndCount {
    /// Of no value.
    pub fn none() -> Self {
        #[cfg(target_feature = "simd128")]
        return Self(i64x2(0, 0));
        #[cfg(not(target_feature = "simd128"))]
        Self([0, 0])
    }

    /// One value more.
    #[inline]
    pub fn add(&mut self, value: i64) {
        #[cfg(target_feature = "simd128")]
        {
            self.0 = i64x2_add(self.0, i64x2(value, 1));
        }
        #[cfg(not(target_feature = "simd128"))]
        {
            self.0 = [self.0[0].wrapping_add(value), self.0[1] + 1];
        }
    }

    /// The sum and the count.
    #[inline]
    pub fn get(self) -> (i64, i64) {
        #[cfg(target_feature = "simd128")]
        return (i64x2_extract_lane::<0>(self.0), i64x2_extract_lane::<1>(self.0));
        #[cfg(not(target_feature = "simd128"))]
        (self.0[0], self.0[1])
    }
}
