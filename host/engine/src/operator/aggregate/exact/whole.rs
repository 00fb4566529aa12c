//! What a sum really is: its type's value and its turns as one wide number, and what becomes of it.

use arrow::datatypes::i256;

/// A value that sums are made of.
pub(super) trait Whole: Copy {
    /// `self` and how often the sum went round, as one number; none where even 256 bits do not hold it.
    fn whole(self, turns: i64) -> Option<i256>;

    /// Back from what fits.
    fn of(whole: i256) -> Option<Self>;
}

impl Whole for i64 {
    fn whole(self, turns: i64) -> Option<i256> {
        Some(i256::from_i128((i128::from(turns) << 64) + i128::from(self)))
    }

    fn of(whole: i256) -> Option<Self> {
        whole.to_i128().and_then(|w| w.try_into().ok())
    }
}

impl Whole for u64 {
    fn whole(self, turns: i64) -> Option<i256> {
        Some(i256::from_i128((i128::from(turns) << 64) + i128::from(self)))
    }

    fn of(whole: i256) -> Option<Self> {
        whole.to_i128().and_then(|w| w.try_into().ok())
    }
}

impl Whole for i32 {
    fn whole(self, turns: i64) -> Option<i256> {
        Some(i256::from_i128((i128::from(turns) << 32) + i128::from(self)))
    }

    fn of(whole: i256) -> Option<Self> {
        whole.to_i128().and_then(|w| w.try_into().ok())
    }
}

impl Whole for i128 {
    fn whole(self, turns: i64) -> Option<i256> {
        Some(i256::from_parts(0, i128::from(turns)).wrapping_add(i256::from_i128(self)))
    }

    fn of(whole: i256) -> Option<Self> {
        whole.to_i128()
    }
}

impl Whole for i256 {
    fn whole(self, turns: i64) -> Option<i256> {
        (turns == 0).then_some(self)
    }

    fn of(whole: i256) -> Option<Self> {
        Some(whole)
    }
}

/// `sum / count` as the nearest float64, or one beside it.
pub(super) fn float_mean(sum: i256, count: u64) -> f64 {
    let divide = |sum: i128| {
        let count_wide = i128::from(count);
        if sum.unsigned_abs() < 1 << 53 {
            return sum as f64 / count as f64;
        }
        (sum / count_wide) as f64 + (sum % count_wide) as f64 / count as f64
    };
    sum.to_i128().map_or(f64::NAN, divide)
}

/// `sum * factor / count`, halves away from zero, as Spark rounds; none where it does not fit 256 bits.
pub(super) fn decimal_mean(sum: i256, factor: i256, count: u64) -> Option<i256> {
    let scaled = sum.checked_mul(factor)?;
    if let Some(scaled) = scaled.to_i128() {
        let count = i128::from(count);
        let (mean, rest) = (scaled / count, (scaled % count).abs());
        return Some(i256::from_i128(if rest < count - rest { mean } else { mean + scaled.signum() }));
    }
    let count = i256::from_i128(i128::from(count));
    let (mean, rest) = (scaled.checked_div(count)?, scaled.checked_rem(count)?.wrapping_abs());
    Some(if rest < count.wrapping_sub(rest) { mean } else { mean.wrapping_add(scaled.signum()) })
}

/// `sum / count`, cut to a whole number.
pub(super) fn whole_mean(sum: i256, count: u64) -> Option<i256> {
    sum.checked_div(i256::from_i128(i128::from(count)))
}

/// 10 to the power of so much; none where it does not fit 256 bits.
pub(super) fn ten_to(power: u8) -> Option<i256> {
    i256::from_i128(10).checked_pow(u32::from(power))
}

/// `value / 10^scale` as a person writes it.
pub(super) fn in_digits(value: i256, scale: i8) -> String {
    let text = value.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    match usize::try_from(scale) {
        Ok(0) | Err(_) => text,
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, part) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{part}")
        }
    }
}
