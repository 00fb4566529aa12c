//! Values to bytes.

use serde::ser::{self, Serialize, Serializer};

use super::{END, Error, FALSE, FLOAT32, FLOAT64, NULL, OPEN, TRUE, major};

/// Adds the value's bytes to `out`.
///
/// # Errors
/// If the type refuses to be written.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    value.serialize(&mut Writer { out })
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl Writer<'_> {
    fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// An item's kind, and a number or how long it is, in as few bytes as it needs.
    fn head(&mut self, major: u8, number: u64) {
        let first = major << 5;
        let bytes = number.to_be_bytes();
        match number {
            0..24 => self.byte(first | number as u8),
            24..0x100 => self.out.extend_from_slice(&[first | 24, bytes[7]]),
            0x100..0x1_0000 => self.out.extend_from_slice(&[first | 25, bytes[6], bytes[7]]),
            0x1_0000..0x1_0000_0000 => {
                self.out.extend_from_slice(&[first | 26, bytes[4], bytes[5], bytes[6], bytes[7]])
            }
            _ => {
                self.byte(first | 27);
                self.out.extend_from_slice(&bytes);
            }
        }
    }

    /// An array or a map of so many, if that is known.
    fn open(&mut self, major: u8, len: Option<usize>) {
        match len {
            Some(len) => self.head(major, len as u64),
            None => self.byte(major << 5 | OPEN),
        }
    }

    fn text(&mut self, text: &str) {
        self.head(major::TEXT, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A variant with something in it: a map of one entry.
    fn variant(&mut self, name: &str) {
        self.head(major::MAP, 1);
        self.text(name);
    }
}

/// The items of an array or the entries of a map.
struct Several<'w, 'o> {
    writer: &'w mut Writer<'o>,
    open: bool,
}

impl<'w, 'o> Several<'w, 'o> {
    fn of(writer: &'w mut Writer<'o>, major: u8, len: Option<usize>) -> Self {
        writer.open(major, len);
        Self { writer, open: len.is_none() }
    }

    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        item.serialize(&mut *self.writer)
    }

    fn close(self) {
        if self.open {
            self.writer.byte(END);
        }
    }
}

impl<'w, 'o> Serializer for &'w mut Writer<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Several<'w, 'o>;
    type SerializeTuple = Several<'w, 'o>;
    type SerializeTupleStruct = Several<'w, 'o>;
    type SerializeTupleVariant = Several<'w, 'o>;
    type SerializeMap = Several<'w, 'o>;
    type SerializeStruct = Several<'w, 'o>;
    type SerializeStructVariant = Several<'w, 'o>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.byte(if value { TRUE } else { FALSE });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        match value {
            0.. => self.head(major::UNSIGNED, value as u64),
            _ => self.head(major::NEGATIVE, !value as u64),
        }
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        match i64::try_from(value) {
            Ok(value) => self.serialize_i64(value),
            Err(_) => self.serialize_bytes(&value.to_be_bytes()),
        }
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.head(major::UNSIGNED, value);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        match u64::try_from(value) {
            Ok(value) => self.serialize_u64(value),
            Err(_) => self.serialize_bytes(&value.to_be_bytes()),
        }
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.byte(FLOAT32);
        self.out.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.byte(FLOAT64);
        self.out.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.head(major::BYTES, value.len() as u64);
        self.out.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.byte(NULL);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Several<'w, 'o>, Error> {
        Ok(Several::of(self, major::ARRAY, len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Several<'w, 'o>, Error> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Several<'w, 'o>, Error> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Several<'w, 'o>, Error> {
        self.variant(variant);
        self.serialize_seq(Some(len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Several<'w, 'o>, Error> {
        Ok(Several::of(self, major::MAP, len))
    }

    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Several<'w, 'o>, Error> {
        self.serialize_map(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Several<'w, 'o>, Error> {
        self.variant(variant);
        self.serialize_map(Some(len))
    }
}

macro_rules! items {
    ($($kind:ident::$method:ident)*) => {$(
        impl ser::$kind for Several<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
                self.item(item)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}

items! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

impl ser::SerializeMap for Several<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.item(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

macro_rules! fields {
    ($($kind:ident)*) => {$(
        impl ser::$kind for Several<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.item(key)?;
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }
