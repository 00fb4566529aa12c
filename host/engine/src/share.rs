//! A share of all keys: which of them belong to it is told by their hashes, always the same ones.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Parts of all keys.
const ALL: u64 = 10_000;

/// A share of keys, to a hundredth of a per cent: some of them, and not all. A greater one has the keys of a smaller one.
/// Written as a number of per cent: `10%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share(u16);

impl Share {
    /// Whether the key with this hash ([`crate::state::hash_key`]) belongs to it.
    pub fn has(self, hash: u64) -> bool {
        hash % ALL < u64::from(self.0)
    }
}

impl TryFrom<String> for Share {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

impl FromStr for Share {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let of_hundred = text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        let Some(of_hundred) = of_hundred else {
            return Err(
                Error::invalid(format!("`{text}` is no share of keys")).with_help("write a number of per cent: 10%")
            );
        };
        match (of_hundred * 100.0).round() {
            hundredths if (1.0..ALL as f64).contains(&hundredths) => Ok(Self(hundredths as u16)),
            _ => Err(Error::invalid(format!("a share of keys lies between 0.01% and 99.99%, and not at {text}"))
                .with_help("write 10%; to use a version for all keys, swap to it")),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::hash_key;

    #[test]
    fn a_share_has_so_many_keys_and_always_the_same() {
        let of = |text: &str| text.parse::<Share>().unwrap();
        let hashes: Vec<u64> = (0..50_000u32).map(|key| hash_key(&key.to_le_bytes())).collect();
        let (tenth, half) = (of("10%"), of(" 50 %"));
        let count = |share: Share| hashes.iter().filter(|hash| share.has(**hash)).count();
        assert!((4_700..5_300).contains(&count(tenth)) && (24_500..25_500).contains(&count(half)));
        assert!(hashes.iter().all(|hash| !tenth.has(*hash) || half.has(*hash)));
        assert_eq!((tenth.to_string(), of("0.05%").to_string()), ("10%".to_owned(), "0.05%".to_owned()));
        for wrong in ["0%", "100%", "-3%", "1e9%", "nan%", "10", "ten%", ""] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
