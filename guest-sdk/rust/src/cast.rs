//! Numbers of one type as numbers of another, as the host casts the columns that it hands over. Here for constants,
//! which come as they were told, and for tests, which have no host. One loop for all types: it is small and need not be
//! quick.

use crate::{buffer::Buffer, column::Column, data_type::DataType};

/// A number of any type.
#[derive(Clone, Copy, Debug)]
enum Number {
    Integer(i128),
    Float(f64),
    /// In units of the last place, of which there are so many.
    Decimal(i128, i8),
}

/// A column of numbers as numbers of another type.
///
/// # Errors
/// The first row whose value does not fit, and why.
pub(crate) fn numbers(column: &Column, to: &DataType) -> Result<Column, (usize, String)> {
    let width = width(to);
    let mut bytes = vec![0; column.len() * width];
    for (row, to_bytes) in bytes.chunks_exact_mut(width).enumerate() {
        if column.validity.as_ref().is_none_or(|bits| bits[row / 8] >> (row % 8) & 1 == 1) {
            write(number(column, row), to, to_bytes)
                .ok_or_else(|| (row, format!("{} does not fit {to}", shown(number(column, row)))))?;
        }
    }
    let mut cast = Column::of(to.clone(), column.len(), [Buffer::from(bytes)]);
    cast.validity = column.validity.clone();
    Ok(cast)
}

fn shown(number: Number) -> String {
    match number {
        Number::Integer(value) | Number::Decimal(value, 0) => value.to_string(),
        Number::Float(value) => value.to_string(),
        Number::Decimal(value, scale) => format!("{value}e{}", -scale),
    }
}

/// Bytes a number.
fn width(data_type: &DataType) -> usize {
    match data_type {
        DataType::Int8 | DataType::Uint8 => 1,
        DataType::Int16 | DataType::Uint16 => 2,
        DataType::Int32 | DataType::Uint32 | DataType::Float32 => 4,
        DataType::Decimal(..) => 16,
        _ => 8,
    }
}

fn number(column: &Column, row: usize) -> Number {
    let width = width(&column.data_type);
    let bytes = &column.buffers[0][row * width..(row + 1) * width];
    let signed = !matches!(column.data_type, DataType::Uint8 | DataType::Uint16 | DataType::Uint32 | DataType::Uint64);
    let negative = signed && bytes[width - 1] >= 0x80;
    let mut all = if negative { [0xff; 16] } else { [0; 16] };
    all[..width].copy_from_slice(bytes);
    match column.data_type {
        DataType::Float32 => Number::Float(f32::from_bits(i128::from_le_bytes(all) as u32).into()),
        DataType::Float64 => Number::Float(f64::from_bits(i128::from_le_bytes(all) as u64)),
        DataType::Decimal(_, scale) => Number::Decimal(i128::from_le_bytes(all), scale),
        _ => Number::Integer(i128::from_le_bytes(all)),
    }
}

/// `None` where it does not fit.
fn write(number: Number, to: &DataType, bytes: &mut [u8]) -> Option<()> {
    match to {
        DataType::Float32 => bytes.copy_from_slice(&(float(number) as f32).to_le_bytes()),
        DataType::Float64 => bytes.copy_from_slice(&float(number).to_le_bytes()),
        to => {
            let integer = match number {
                Number::Integer(value) => value,
                // Beyond all integer types anyway.
                Number::Float(value) if value.fract() == 0.0 && value.abs() < 1e30 => value as i128,
                Number::Float(_) => return None,
                Number::Decimal(value, scale) => {
                    let unit = 10i128.checked_pow(scale.unsigned_abs().into())?;
                    if scale < 0 { value.checked_mul(unit)? } else { (value % unit == 0).then_some(value / unit)? }
                }
            };
            let bits = bytes.len() as u32 * 8;
            let range = match to {
                DataType::Uint8 | DataType::Uint16 | DataType::Uint32 | DataType::Uint64 => 0..1i128 << bits,
                _ => -1i128 << (bits - 1)..1i128 << (bits - 1),
            };
            if !range.contains(&integer) {
                return None;
            }
            bytes.copy_from_slice(&integer.to_le_bytes()[..bytes.len()]);
        }
    }
    Some(())
}

fn float(number: Number) -> f64 {
    match number {
        Number::Integer(value) => value as f64,
        Number::Float(value) => value,
        Number::Decimal(value, scale) => value as f64 / 10f64.powi(scale.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::{Float64, Int8, Kind, Uint64};

    #[test]
    fn numbers_keep_their_value_or_are_refused() {
        let column = Column::int64(vec![-128, 127, 0]);
        let small = numbers(&column, &DataType::Int8).unwrap();
        assert_eq!(Int8::view(&small).unwrap().values(), [-128, 127, 0]);
        assert_eq!(numbers(&column, &DataType::Uint64).unwrap_err(), (0, "-128 does not fit uint64".into()));
        let large = numbers(&Column::float64(vec![1e19, 0.0]), &DataType::Uint64).unwrap();
        assert_eq!(Uint64::view(&large).unwrap().values(), [10_000_000_000_000_000_000, 0]);
        assert_eq!(numbers(&Column::float64(vec![2.0, 0.5]), &DataType::Int32).unwrap_err().0, 1);
        let mut decimals = crate::builder::DecimalBuilder::default();
        [1250, -300].into_iter().for_each(|value| decimals.push(value));
        let mut decimals = crate::builder::ColumnBuilder::finish(decimals);
        decimals.data_type = DataType::Decimal(10, 2);
        let floats = numbers(&decimals, &DataType::Float64).unwrap();
        assert_eq!(Float64::view(&floats).unwrap().values(), [12.5, -3.0]);
        assert_eq!(numbers(&decimals, &DataType::Int64).unwrap_err(), (0, "1250e-2 does not fit int64".into()));
    }
}
