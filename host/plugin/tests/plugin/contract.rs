//! Components of other versions of the contract.

use millstream_plugin::{Bound, InputField, Limits, PluginError, PluginKind, Request, Runtime};

use super::{cache_dir, numbers, options};

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

#[test]
fn a_component_that_exports_more_than_is_known_loads_without_it() {
    // A kind of operators that is not known: they are left out of the catalog, and the others work.
    let plugin = super::runtime().load_bytes(&patched("several", "flat-map", "flat-mop")).unwrap();
    let names: Vec<String> = plugin.operators(&Limits::default()).unwrap().iter().map(|one| one.name.clone()).collect();
    assert_eq!(names, ["above", "times", "sum", "count"]);
    let batch = numbers([1, 2, 3]);
    let input = InputField::of_schema(&batch.schema());
    let bind = |operator| {
        let request =
            Request { operator: Some(operator), config: r#"{"above": 1}"#, input: &input, ..Request::default() };
        plugin.bind(&request, &Limits::default())
    };
    let Ok(Bound::Filter(above)) = bind("above") else { panic!("it is a filter") };
    assert_eq!(above.call(&batch).unwrap().keep.count_set_bits(), 2);
    let error = bind("below").unwrap_err().to_string();
    assert!(error.contains("holds no operator `below`"), "{error}");

    // An interface beside the kinds, of a later minor version.
    let bytes = patched("aggregate", "operator/migration@0.2.0", "operator/migratiox@0.2.9");
    let plugin = super::runtime().load_bytes(&bytes).unwrap();
    assert!(plugin.describe().exports.iter().any(|export| export == "millstream:operator/migratiox@0.2.9"));
    assert_eq!(plugin.operators(&Limits::default()).unwrap()[0].kind, PluginKind::Aggregate);
}

#[test]
fn a_component_that_imports_more_than_is_known_fails_where_it_calls_it_naming_it() {
    let bytes = patched("map", "operator/text@0.2.0", "operator/tixt@0.2.9");
    let plugin = super::runtime().load_bytes(&bytes).unwrap();
    let import = plugin.describe().imports.iter().find(|import| import.name.contains("tixt")).unwrap();
    assert!(!import.granted, "{import:?}");
    let input = InputField::of_schema(&numbers([]).schema());
    let call = |mode: &str| {
        let config = format!("{{\"do\": \"{mode}\"}}");
        let request = Request { config: &config, input: &input, ..Request::default() };
        let Ok(Bound::Map(map)) = plugin.bind(&request, &Limits::default()) else { panic!("it is a map") };
        map.call(&numbers([1]))
    };
    call("log").unwrap();
    let error = call("text").unwrap_err().to_string();
    assert!(error.contains("the plugin called `millstream:operator/tixt@0.2.9"), "{error}");
    assert!(error.contains("which it was not granted"), "{error}");
}
