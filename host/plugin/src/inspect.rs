//! Finds out what some bytes are: a component at all, and which of the contract's operators.

use std::fmt;

use crate::error::{PluginError, Result};

/// The contract's package, with the slash before an interface's name.
const PACKAGE: &str = "millstream:operator/";

/// Which of the contract's operators a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PluginKind {
    /// Keeps or drops rows.
    Filter,
    /// Computes new columns.
    Map,
    /// Makes any number of rows of each.
    FlatMap,
    /// Aggregates groups of rows.
    Aggregate,
    /// Keeps state per key. Such a plugin can be loaded and inspected, but not yet called.
    Keyed,
}

impl PluginKind {
    const ALL: [Self; 5] = [Self::Filter, Self::Map, Self::FlatMap, Self::Aggregate, Self::Keyed];

    /// The contract's name of its interface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Map => "map",
            Self::FlatMap => "flat-map",
            Self::Aggregate => "aggregate",
            Self::Keyed => "keyed",
        }
    }
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Refuses what is no component, saying what it is instead.
pub(crate) fn check_format(origin: &str, bytes: &[u8]) -> Result<()> {
    const BUILD: &str =
        "build the plugin with `cargo build --release --target wasm32-wasip2`, or name its project folder";
    let (found, hint) = match bytes {
        [] => ("it is empty".to_owned(), BUILD),
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => (
            "it is a core module".to_owned(),
            "build the plugin for wasm32-wasip2, or turn the module into a component with `wasm-tools component new`",
        ),
        [0, b'a', b's', b'm', version @ ..] => (
            format!(
                "it is WebAssembly of a format that this version does not know ({:02x?})",
                &version[..version.len().min(4)]
            ),
            BUILD,
        ),
        _ if bytes.trim_ascii_start().starts_with(b"(component")
            || bytes.trim_ascii_start().starts_with(b"(module") =>
        {
            ("it is WebAssembly in text form".to_owned(), "assemble it with `wasm-tools parse`")
        }
        _ if std::str::from_utf8(&bytes[..bytes.len().min(64)]).is_ok() => ("it is text".to_owned(), BUILD),
        _ => (format!("it begins with the bytes {:02x?}", &bytes[..bytes.len().min(4)]), BUILD),
    };
    Err(PluginError::NotAComponent { origin: origin.to_owned(), found, hint: hint.to_owned() })
}

/// Which operator a component is, by the names of what it exports. Exports of other packages are its own affair.
pub(crate) fn kind<'a>(origin: &str, exports: impl Iterator<Item = &'a str> + Clone) -> Result<PluginKind> {
    let mut kinds = Vec::new();
    for export in exports.clone() {
        let Some((interface, version)) = export.strip_prefix(PACKAGE).and_then(|rest| rest.split_once('@')) else {
            continue;
        };
        let (ours, theirs) = (numbers(crate::CONTRACT_VERSION), numbers(version));
        // Versions 0.1.x share their types; within them a higher last number only adds interfaces.
        if theirs[..2] > ours[..2] {
            return Err(PluginError::NewerContract { origin: origin.to_owned(), export: export.to_owned() });
        }
        if theirs[..2] < ours[..2] {
            continue;
        }
        kinds.extend(PluginKind::ALL.into_iter().filter(|kind| kind.name() == interface));
    }
    let missing = |message: String| {
        let hint = format!(
            "an operator exports one of {} of `millstream:operator@{}`",
            PluginKind::ALL.map(|kind| format!("`{kind}`")).join(", "),
            crate::CONTRACT_VERSION
        );
        Err(PluginError::MissingExport { origin: origin.to_owned(), message, hint })
    };
    match kinds[..] {
        [kind] => Ok(kind),
        [] => {
            let names: Vec<String> = exports.map(|name| format!("`{name}`")).collect();
            missing(if names.is_empty() {
                "it exports nothing".to_owned()
            } else {
                format!("it exports {}", names.join(", "))
            })
        }
        _ => missing(format!(
            "it exports {} at once",
            kinds.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(" and ")
        )),
    }
}

/// The three numbers of a version; what is no number counts as 0.
fn numbers(version: &str) -> [u64; 3] {
    let mut numbers = [0; 3];
    let core = version.split(['-', '+']).next().unwrap_or_default();
    for (number, part) in numbers.iter_mut().zip(core.split('.')) {
        *number = part.parse().unwrap_or(0);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_a_component(bytes: &[u8]) -> String {
        check_format("x.wasm", bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_component_is_named() {
        assert!(not_a_component(b"").contains("it is empty"));
        assert!(not_a_component(b"\0asm\x01\0\0\0").contains("core module"));
        assert!(not_a_component(b"\0asm\x0e\0\x01\0").contains("a format that this version does not know"));
        assert!(not_a_component(b"\0asm").contains("a format that"));
        assert!(not_a_component(b"\n(component)").contains("text form"));
        assert!(not_a_component(b"name = \"x\"").contains("it is text"));
        assert!(not_a_component(b"\x7fELF\xff\xff").contains("[7f, 45, 4c, 46]"));
        assert!(check_format("x", b"\0asm\x0d\0\x01\0").is_ok());
    }

    #[test]
    fn the_kind_is_the_one_exported() {
        let kind = |names: &[&'static str]| super::kind("x.wasm", names.iter().copied()).map_err(|e| e.to_string());
        assert_eq!(kind(&["init", "millstream:operator/flat-map@0.1.0", "exports"]), Ok(PluginKind::FlatMap));
        assert_eq!(kind(&["millstream:operator/map@0.1.7"]), Ok(PluginKind::Map));
        let newer = kind(&["millstream:operator/filter@0.2.0"]).unwrap_err();
        assert!(newer.contains("`millstream:operator/filter@0.2.0`") && newer.contains("newer Millstream"), "{newer}");
        let none = kind(&["wasi:cli/run@0.2.0"]).unwrap_err();
        assert!(none.contains("it exports `wasi:cli/run@0.2.0`; an operator exports one of `filter`"), "{none}");
        assert!(kind(&["millstream:operator/map@0.1.0", "millstream:operator/filter@0.1.0"]).is_err());
    }
}
