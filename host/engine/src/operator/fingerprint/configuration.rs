//! What of a plugin's configuration decides what its states mean.

use serde_json::{Map, Value, json};

const ALL: &str = "config";
const FIXED: &str = "config_fixed";

/// A configuration, as a fingerprint tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    all: String,
    /// Without the entries that states do not depend on, where there are such.
    fixed: Option<String>,
}

impl Configuration {
    /// The JSON object `config`, of which states do not depend on the entries `adjustable`.
    pub fn of(config: &str, adjustable: &[String]) -> Self {
        let fixed = (!adjustable.is_empty()).then(|| serde_json::from_str::<Map<String, Value>>(config).ok()).flatten();
        let fixed = fixed.map(|mut entries| {
            entries.retain(|key, _| !adjustable.contains(key));
            digest(&in_order(&Value::Object(entries)))
        });
        Self { all: config_digest(config), fixed }
    }

    /// The parts of a function that it is.
    pub fn told(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let fixed = self.fixed.as_deref().map(|fixed| (FIXED, fixed.into()));
        std::iter::once((ALL, self.all.as_str().into())).chain(fixed)
    }
}

/// The functions `was`, with the configurations of `is` where states mean the same with both.
pub(super) fn adjusted(was: &[Value], is: &[Value]) -> Vec<Value> {
    let fits = |was: &Map<String, Value>, is: &Map<String, Value>| {
        let told = |of: &Map<String, Value>| [of.get(ALL).cloned(), of.get(FIXED).cloned()];
        told(was).iter().flatten().any(|digest| told(is).iter().flatten().any(|other| other == digest))
    };
    let adjusted = was.iter().enumerate().map(|(i, was)| match (was, is.get(i)) {
        (Value::Object(was), Some(Value::Object(is))) if fits(was, is) => {
            let mut adjusted = was.clone();
            for part in [ALL, FIXED] {
                match is.get(part) {
                    Some(now) => adjusted.insert(part.to_owned(), now.clone()),
                    None => adjusted.remove(part),
                };
            }
            Value::Object(adjusted)
        }
        (was, _) => was.clone(),
    });
    adjusted.collect()
}

/// `of` without what it says of its configuration.
pub(super) fn forget(of: &mut Map<String, Value>) {
    of.retain(|part, _| ![ALL, FIXED].contains(&part.as_str()));
}

/// A digest of a plugin's configuration, which is a JSON object: the order of its keys is nothing to it.
pub fn config_digest(config: &str) -> String {
    let canonical = match serde_json::from_str::<Value>(config) {
        Ok(value) => in_order(&value),
        Err(_) => config.to_owned(),
    };
    digest(&canonical)
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

fn in_order(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_unstable_by_key(|e| e.0);
            let entries = entries.into_iter().map(|(key, value)| format!("{}:{}", json!(key), in_order(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(in_order).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_the_same_in_any_order_of_its_keys() {
        let digest = config_digest(r#"{"column": "bytes", "limits": {"a": 1, "b": [1, 2]}}"#);
        assert_eq!(config_digest(r#"{"limits":{"b":[1,2],"a":1},"column":"bytes"}"#), digest);
        assert_ne!(config_digest(r#"{"limits":{"b":[2,1],"a":1},"column":"bytes"}"#), digest);
        assert_ne!(config_digest(r#"{"limits":{"b":[1,2],"a":1},"column":"url"}"#), digest);
    }

    #[test]
    fn entries_that_states_do_not_depend_on_may_be_others() {
        let of = |config: &str, adjustable: &[&str]| {
            let adjustable: Vec<String> = adjustable.iter().map(|key| (*key).to_owned()).collect();
            let told: Vec<_> = Configuration::of(config, &adjustable).told().collect();
            let told = told.into_iter().chain([("plugin", "p".into())]);
            Value::Object(told.map(|(part, value)| (part.to_owned(), value)).collect())
        };
        let fits = |was: Value, is: Value| adjusted(std::slice::from_ref(&was), std::slice::from_ref(&is)) == [is];
        let (ten, twenty) = (r#"{"gap": 5, "limit": 10}"#, r#"{"gap": 5, "limit": 20}"#);
        assert!(fits(of(ten, &["limit"]), of(twenty, &["limit"])));
        assert!(fits(of(ten, &["limit"]), of(r#"{"gap": 5}"#, &["limit"])), "its default counts then");
        assert!(fits(of(r#"{"gap": 5}"#, &[]), of(twenty, &["limit"])), "that was not there before");
        assert!(fits(of(ten, &[]), of(ten, &["limit"])) && fits(of(ten, &["limit"]), of(ten, &[])));
        assert!(!fits(of(ten, &[]), of(twenty, &["limit"])), "the version before has not said so");
        assert!(!fits(of(ten, &["limit"]), of(twenty, &[])), "this one does not say so any more");
        assert!(!fits(of(ten, &["limit"]), of(r#"{"gap": 6, "limit": 10}"#, &["limit"])));
        assert!(!fits(of(ten, &[]), of(twenty, &[])));
    }
}
