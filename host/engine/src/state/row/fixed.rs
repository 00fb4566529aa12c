//! Values of a fixed width as the bytes that Arrow keeps them in: little end first, intervals field by field. So one
//! copy per width serves every type of that width.

use arrow::datatypes::DataType;

#[cfg(not(target_endian = "little"))]
compile_error!("rows are written in the machine's byte order, which has to be little-endian");

/// How values of one type become the one that stands for all equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Canonical {
    /// Equal values have equal bytes already.
    AsIs,
    /// IEEE 754: mantissa bits.
    Float(u32),
}

impl Canonical {
    /// What keys of this type need.
    pub fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Float16 => Self::Float(10),
            DataType::Float32 => Self::Float(23),
            DataType::Float64 => Self::Float(52),
            _ => Self::AsIs,
        }
    }
}

/// A float's bytes with one zero and one NaN (the quiet one with nothing else set).
#[inline]
pub(super) fn canonical_float<const W: usize>(bytes: [u8; W], mantissa: u32) -> [u8; W] {
    let mut wide = [0; 8];
    wide[..W].copy_from_slice(&bytes);
    let bits = u64::from_le_bytes(wide);
    let sign = 1u64 << (8 * W - 1);
    let infinity = (sign - 1) & !((1 << mantissa) - 1);
    let magnitude = bits & (sign - 1);
    let canonical = match magnitude {
        0 => 0,
        m if m > infinity => infinity | 1 << (mantissa - 1),
        _ => bits,
    };
    let mut out = [0; W];
    out.copy_from_slice(&canonical.to_le_bytes()[..W]);
    out
}
