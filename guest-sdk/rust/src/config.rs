//! A plugin's configuration: the job's `with` table, which arrives as JSON.
//!
//! Read it whole into a type of your own ([`Config::parse`]) or key by key ([`Config::text`] and its like). Either
//! way a key that the plugin doesn't know is a problem and not silently without effect, and problems name their key,
//! so that the job's check can point at the line.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    fmt,
};

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor, value::StrDeserializer,
};
use serde_json::{Map, Value};

use crate::contract::types::Problem;

/// The `with` table of the job, empty if there is none.
#[derive(Debug, Default)]
pub struct Config {
    table: Map<String, Value>,
    known: RefCell<BTreeSet<String>>,
    /// A type that takes any keys has taken them.
    takes_all: Cell<bool>,
}

impl Config {
    /// From a JSON object.
    ///
    /// # Errors
    /// If the text isn't one.
    pub fn from_json(json: &str) -> Result<Self, Problem> {
        let table = serde_json::from_str(json)
            .map_err(|error| Problem::new(format!("the configuration is not a JSON object: {error}")))?;
        Ok(Self { table, ..Self::default() })
    }

    /// The whole table as a type of your own (`#[derive(Deserialize)]`). Optional keys are `Option` fields or have
    /// `#[serde(default)]`. Keys that the type has no field for are refused, `deny_unknown_fields` or not.
    ///
    /// # Errors
    /// If a key is missing, unknown or of the wrong type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let key = Cell::new(None);
        T::deserialize(WholeTable { config: self, key: &key })
            .map_err(|error| Problem { key: key.take(), message: sentence(error) })
    }

    /// The value of `key` as any type that serde can read; `None` if the key isn't there.
    ///
    /// # Errors
    /// If the value is of another type.
    pub fn optional<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Problem> {
        self.known.borrow_mut().insert(key.into());
        match self.table.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value).map(Some).map_err(|error| Problem::with_key(key, sentence(error))),
        }
    }

    /// The value of `key`, or `default` if the key isn't there.
    ///
    /// # Errors
    /// If the value is of another type.
    pub fn get_or<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T, Problem> {
        Ok(self.optional(key)?.unwrap_or(default))
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// If it isn't there or is of another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<T, Problem> {
        self.optional(key)?
            .ok_or_else(|| Problem::with_key(key, format!("is missing: the plugin needs `{key}` in its `with` table")))
    }

    /// The text of `key`.
    ///
    /// # Errors
    /// If it isn't there or isn't text.
    pub fn text(&self, key: &str) -> Result<String, Problem> {
        self.get(key)
    }

    /// The text of `key`, or `default` if the key isn't there.
    ///
    /// # Errors
    /// If the value isn't text.
    pub fn text_or(&self, key: &str, default: &str) -> Result<String, Problem> {
        Ok(self.optional(key)?.unwrap_or_else(|| default.into()))
    }

    /// The text of `key`; `None` if the key isn't there.
    ///
    /// # Errors
    /// If the value isn't text.
    pub fn optional_text(&self, key: &str) -> Result<Option<String>, Problem> {
        self.optional(key)
    }

    /// A key that nobody asked for would have no effect, and nobody would know.
    pub(crate) fn refuse_unknown_keys(&self) -> Result<(), Problem> {
        let known = self.known.borrow();
        match self.table.keys().find(|key| !known.contains(*key)) {
            Some(key) if !self.takes_all.get() => {
                let all: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
                let hint = if all.is_empty() {
                    "it takes no configuration".into()
                } else {
                    format!("it knows {}", all.join(", "))
                };
                Err(Problem::with_key(key, format!("there is no such key; {hint}")))
            }
            _ => Ok(()),
        }
    }
}

fn sentence(error: serde_json::Error) -> String {
    error.to_string()
}

/// Reads the table into a struct, remembering the fields it knows and the key being read.
struct WholeTable<'c> {
    config: &'c Config,
    key: &'c Cell<Option<String>>,
}

impl<'de> Deserializer<'de> for WholeTable<'_> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.config.takes_all.set(true);
        self.visit(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.config.known.borrow_mut().extend(fields.iter().map(|field| field.to_string()));
        self.visit(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl WholeTable<'_> {
    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, serde_json::Error> {
        visitor.visit_map(Entries { entries: self.config.table.iter(), value: None, key: self.key })
    }
}

struct Entries<'c> {
    entries: serde_json::map::Iter<'c>,
    value: Option<&'c Value>,
    key: &'c Cell<Option<String>>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some((key, value)) = self.entries.next() else {
            self.key.set(None);
            return Ok(None);
        };
        self.value = Some(value);
        self.key.set(Some(key.clone()));
        let key: StrDeserializer<'_, Self::Error> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        let value = self.value.take().expect("serde asks for a value after its key");
        seed.deserialize(value.clone())
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Value::Object(self.table.clone()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Mine {
        text: String,
        #[serde(default)]
        limit: Option<u32>,
    }

    fn parse(json: &str) -> Result<Mine, Problem> {
        let config = Config::from_json(json)?;
        let mine = config.parse()?;
        config.refuse_unknown_keys()?;
        Ok(mine)
    }

    #[test]
    fn a_struct_is_read_and_problems_name_their_key() {
        assert_eq!(parse(r#"{"text": "a", "limit": 3}"#), Ok(Mine { text: "a".into(), limit: Some(3) }));
        assert_eq!(parse(r#"{"text": "a"}"#), Ok(Mine { text: "a".into(), limit: None }));
        let wrong = parse(r#"{"text": "a", "limit": "many"}"#).unwrap_err();
        assert_eq!(wrong.key.as_deref(), Some("limit"));
        assert!(wrong.message.contains("expected u32"), "{wrong}");
        let missing = parse("{}").unwrap_err();
        assert!(missing.key.is_none() && missing.message.contains("`text`"), "{missing}");
        let unknown = parse(r#"{"text": "a", "limits": 3}"#).unwrap_err();
        assert_eq!(unknown.to_string(), "`limits`: there is no such key; it knows `limit`, `text`");
        assert!(parse("[]").is_err());
    }

    #[test]
    fn keys_are_read_one_by_one() {
        let config = Config::from_json(r#"{"separator": ",", "n": 3, "seperator": ";"}"#).unwrap();
        assert_eq!(config.text_or("separator", " ").unwrap(), ",");
        assert_eq!(config.get::<u8>("n").unwrap(), 3);
        assert_eq!(config.optional_text("column").unwrap(), None);
        assert_eq!(config.text("column").unwrap_err().key.as_deref(), Some("column"));
        assert_eq!(config.refuse_unknown_keys().unwrap_err().key.as_deref(), Some("seperator"));
    }

    #[test]
    fn a_map_takes_any_keys() {
        let config = Config::from_json(r#"{"a": 1, "b": 2}"#).unwrap();
        assert_eq!(config.parse::<std::collections::BTreeMap<String, i32>>().unwrap().len(), 2);
        config.refuse_unknown_keys().unwrap();
    }
}
