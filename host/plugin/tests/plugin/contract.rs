//! Components of other versions of the contract.

use millstream_plugin::{PluginError, Runtime};

use super::{cache_dir, options};

/// The component of a guest, with `from` replaced by `to`, which is as long, wherever it stands in it.
fn patched(kind: &str, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let runtime = Runtime::new(options(&cache_dir())).unwrap();
    let mut bytes = runtime.build_project(&super::guest_dir(kind)).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|&at| bytes[at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "`{from}` stands in the component");
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to.as_bytes()));
    bytes
}

#[test]
fn other_versions_are_refused_in_words() {
    let load = |version: &str| {
        let bytes = patched("filter", "@0.2.0", version);
        super::runtime().load_bytes(&bytes).unwrap_err()
    };
    let older = load("@0.1.0");
    assert!(matches!(older, PluginError::OlderContract { .. }), "{older}");
    assert!(older.to_string().contains("a contract that was a draft; this host speaks `millstream:operator@0.2.0`"));
    let newer = load("@0.3.0");
    assert!(matches!(newer, PluginError::NewerContract { .. }), "{newer}");
    assert!(newer.to_string().contains("use a newer Millstream"), "{newer}");
}
