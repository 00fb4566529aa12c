//! Bytes to values. They come out of a checkpoint: whatever they are, there is an answer in words, no panic, and no more
//! memory asked for than there are bytes.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor},
    forward_to_deserialize_any,
};

use super::{END, Error, FALSE, FLOAT32, FLOAT64, NULL, OPEN, TRUE, major};

/// So deep may values be nested.
const DEPTH: usize = 128;

/// The value that the bytes are, all of them.
///
/// # Errors
/// If they are no such value.
pub(crate) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    let mut reader = Reader { bytes, depth: 0 };
    let value = T::deserialize(&mut reader)?;
    match reader.bytes.len() {
        0 => Ok(value),
        left => Err(Error(format!("{left} bytes are left over"))),
    }
}

struct Reader<'de> {
    bytes: &'de [u8],
    depth: usize,
}

fn ends_early() -> Error {
    Error("the bytes end too early".into())
}

impl<'de> Reader<'de> {
    fn peek(&self) -> Result<u8, Error> {
        self.bytes.first().copied().ok_or_else(ends_early)
    }

    fn take(&mut self, len: u64) -> Result<&'de [u8], Error> {
        let len = usize::try_from(len).map_err(|_| ends_early())?;
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or_else(ends_early)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or_else(ends_early)?;
        self.bytes = rest;
        Ok(*taken)
    }

    /// An item's kind, and the number that stands with it; `None` for a length that is not known.
    fn head(&mut self) -> Result<(u8, Option<u64>), Error> {
        let [first] = self.array()?;
        let number = match first & 0x1f {
            small @ 0..24 => small.into(),
            24 => self.array::<1>()?[0].into(),
            25 => u16::from_be_bytes(self.array()?).into(),
            26 => u32::from_be_bytes(self.array()?).into(),
            27 => u64::from_be_bytes(self.array()?),
            OPEN => return Ok((first >> 5, None)),
            _ => return Err(Error(format!("no value begins with {first:#04x}"))),
        };
        Ok((first >> 5, Some(number)))
    }

    fn text(&mut self, len: u64) -> Result<&'de str, Error> {
        std::str::from_utf8(self.take(len)?).map_err(|_| Error("a text is not valid UTF-8".into()))
    }

    /// What is inside of something else.
    fn within<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == DEPTH {
            return Err(Error(format!("the value is nested deeper than {DEPTH}")));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// An array or a map: the visitor must have taken all of it.
    fn several<T>(
        &mut self,
        left: Option<u64>,
        visit: impl FnOnce(&mut Several<'_, 'de>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.within(|reader| {
            let mut several = Several { reader, left };
            let value = visit(&mut several)?;
            if several.more()? {
                return Err(Error("there are more items than the type takes".into()));
            }
            if several.left.is_none() {
                several.reader.take(1)?;
            }
            Ok(value)
        })
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek()? {
            first @ (FALSE | TRUE | NULL | FLOAT32 | FLOAT64) => {
                self.take(1)?;
                return match first {
                    NULL => visitor.visit_unit(),
                    FLOAT32 => visitor.visit_f32(f32::from_be_bytes(self.array()?)),
                    FLOAT64 => visitor.visit_f64(f64::from_be_bytes(self.array()?)),
                    bool => visitor.visit_bool(bool == TRUE),
                };
            }
            first if first >> 5 == major::OTHER => return Err(Error(format!("no value begins with {first:#04x}"))),
            _ => {}
        }
        match self.head()? {
            (major::UNSIGNED, Some(number)) => visitor.visit_u64(number),
            (major::NEGATIVE, Some(number)) => match i64::try_from(number) {
                Ok(number) => visitor.visit_i64(!number),
                Err(_) => visitor.visit_i128(!i128::from(number)),
            },
            (major::BYTES, Some(len)) => visitor.visit_borrowed_bytes(self.take(len)?),
            (major::TEXT, Some(len)) => visitor.visit_borrowed_str(self.text(len)?),
            (major::ARRAY, len) => self.several(len, |items| visitor.visit_seq(items)),
            (major::MAP, len) => self.several(len, |entries| visitor.visit_map(entries)),
            (major, _) => Err(Error(format!("no value is of kind {major} here"))),
        }
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.wide()? {
            Some(bytes) => visitor.visit_i128(i128::from_be_bytes(bytes)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.wide()? {
            Some(bytes) => visitor.visit_u128(u128::from_be_bytes(bytes)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek()? {
            NULL => {
                self.take(1)?;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.head()? {
            (major::TEXT, Some(len)) => {
                let name = self.text(len)?;
                visitor.visit_enum(serde::de::value::BorrowedStrDeserializer::new(name))
            }
            (major::MAP, Some(1)) => self.within(|reader| visitor.visit_enum(Variant(reader))),
            _ => Err(Error::custom("a variant is a text, or a map of one entry")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct identifier ignored_any
    }
}

impl Reader<'_> {
    /// An integer of more than 64 bits, if the next item is one.
    fn wide(&mut self) -> Result<Option<[u8; 16]>, Error> {
        if self.peek()? != major::BYTES << 5 | 16 {
            return Ok(None);
        }
        self.take(1)?;
        self.array().map(Some)
    }
}

/// The items of an array, or keys and values of a map in turn.
struct Several<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: Option<u64>,
}

impl Several<'_, '_> {
    fn more(&self) -> Result<bool, Error> {
        match self.left {
            Some(left) => Ok(left > 0),
            None => Ok(self.reader.peek()? != END),
        }
    }

    /// Whether there is one more, which is then the next.
    fn next(&mut self) -> Result<bool, Error> {
        let more = self.more()?;
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(more)
    }

    /// An item takes a byte or more.
    fn at_most(&self) -> Option<usize> {
        Some(self.left?.min(self.reader.bytes.len() as u64) as usize)
    }
}

impl<'de> SeqAccess<'de> for &mut Several<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.next()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        self.at_most()
    }
}

impl<'de> MapAccess<'de> for &mut Several<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.next()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        self.at_most()
    }
}

/// A variant with something in it.
struct Variant<'r, 'de>(&'r mut Reader<'de>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name = seed.deserialize(&mut *self.0)?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }
}
