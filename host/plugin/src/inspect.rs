//! Finds out what some bytes are: a component at all, and which of the contract's interfaces it exports.

use std::fmt;

use crate::error::{PluginError, Result};

/// The contract's package, with the slash before an interface's name.
const PACKAGE: &str = "millstream:operator/";

/// What an operator is: which of the contract's interfaces it is called by.
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
    /// Keeps state and timers per key.
    Keyed,
}

impl PluginKind {
    pub(crate) const ALL: [Self; 5] = [Self::Filter, Self::Map, Self::FlatMap, Self::Aggregate, Self::Keyed];

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

/// What a component exports of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exports {
    /// The kinds of operators that it may hold.
    pub kinds: Vec<PluginKind>,
    /// Whether it can bring stored states of other versions to its own.
    pub migration: bool,
}

/// What a component exports of the contract, by the names of its exports. Exports of other packages are its own affair.
pub(crate) fn exports<'a>(origin: &str, exports: impl Iterator<Item = &'a str> + Clone) -> Result<Exports> {
    let (mut kinds, mut migration, mut catalog, mut older) = (Vec::new(), false, false, None);
    for export in exports.clone() {
        let Some((interface, version)) = export.strip_prefix(PACKAGE).and_then(|rest| rest.split_once('@')) else {
            continue;
        };
        let (ours, theirs) = (numbers(crate::CONTRACT_VERSION), numbers(version));
        // Versions 0.2.x share their types; within them a higher last number only adds interfaces.
        if theirs[..2] > ours[..2] {
            return Err(PluginError::NewerContract { origin: origin.to_owned(), export: export.to_owned() });
        }
        if theirs[..2] < ours[..2] {
            older = older.or(Some(export));
            continue;
        }
        migration |= interface == "migration";
        catalog |= interface == "catalog";
        kinds.extend(PluginKind::ALL.into_iter().filter(|kind| kind.name() == interface));
    }
    let missing = |message: String| {
        let hint = format!(
            "a component of operators exports `catalog` and one or more of {} of `millstream:operator@{}`",
            PluginKind::ALL.map(|kind| format!("`{kind}`")).join(", "),
            crate::CONTRACT_VERSION
        );
        Err(PluginError::MissingExport { origin: origin.to_owned(), message, hint })
    };
    match (&kinds[..], catalog, older) {
        ([], false, Some(export)) => {
            Err(PluginError::OlderContract { origin: origin.to_owned(), export: export.to_owned() })
        }
        ([], false, None) => {
            let names: Vec<String> = exports.map(|name| format!("`{name}`")).collect();
            missing(if names.is_empty() {
                "it exports nothing".to_owned()
            } else {
                format!("it exports {}", names.join(", "))
            })
        }
        ([], true, _) => missing("it exports a catalog, but no kind of operator".to_owned()),
        (_, false, _) => missing("it exports no catalog".to_owned()),
        _ => Ok(Exports { kinds, migration }),
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
    fn kinds_are_those_exported() {
        const CATALOG: &str = "millstream:operator/catalog@0.2.0";
        let exports = |names: &[&'static str]| exports("x.wasm", names.iter().copied()).map_err(|e| e.to_string());
        let kinds = |names: &[&'static str]| exports(names).map(|exports| exports.kinds);
        let more = ["init", CATALOG, "millstream:operator/flat-map@0.2.0", "exports", "millstream:operator/soon@0.2.9"];
        assert_eq!(kinds(&more), Ok(vec![PluginKind::FlatMap]));
        assert_eq!(kinds(&[CATALOG, "millstream:operator/map@0.2.7"]), Ok(vec![PluginKind::Map]));
        let two = exports(&[CATALOG, "millstream:operator/map@0.2.0", "millstream:operator/filter@0.2.0"]).unwrap();
        assert_eq!(two.kinds, [PluginKind::Map, PluginKind::Filter]);
        assert!(
            !two.migration
                && exports(&[CATALOG, "millstream:operator/aggregate@0.2.0", "millstream:operator/migration@0.2.0"])
                    .unwrap()
                    .migration
        );

        let refused = |names: &[&'static str]| exports(names).unwrap_err();
        let newer = refused(&["millstream:operator/filter@0.3.0"]);
        assert!(newer.contains("`millstream:operator/filter@0.3.0`") && newer.contains("newer Millstream"), "{newer}");
        let older = refused(&["millstream:operator/filter@0.1.0"]);
        assert!(older.contains("`millstream:operator/filter@0.1.0`, a contract that was a draft"), "{older}");
        let none = refused(&["wasi:cli/run@0.2.0"]);
        assert!(none.contains("it exports `wasi:cli/run@0.2.0`; a component of operators exports"), "{none}");
        assert!(refused(&[]).contains("it exports nothing"));
        assert!(refused(&["millstream:operator/map@0.2.0"]).contains("no catalog"));
        assert!(refused(&[CATALOG]).contains("no kind of operator"));
    }
}
