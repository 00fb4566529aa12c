//! The glue between the Rust SDK and the contract is made ahead of time and kept in `guest-sdk/rust/bindings`: made while a plugin is
//! built, it took most of the time of its first build.

use std::path::PathBuf;

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::{Opts, WithOption};

use crate::support::here;

/// The kinds, each a world of its own.
const EXPORTED: [&str; 7] = ["catalog", "filter", "map", "flat-map", "aggregate", "keyed", "migration"];

/// The version of the contract in `wit`.
const VERSION: &str = "0.2.0";

/// What the generator makes of a world.
fn made(world: &str, does: &str, with: &[(&str, WithOption)]) -> String {
    let name = |name: &str| format!("millstream:operator/{name}@{VERSION}");
    let item = match does {
        "import" => format!("import {};", name(world)),
        _ => format!("export {};", name(&escaped(world))),
    };
    let text = format!("package millstream:sdk-{world}; world {} {{ {item} }}", escaped(world));
    let mut resolve = Resolve::default();
    resolve.push_path(here().join("../wit")).unwrap();
    let package = resolve.push_str("world", &text).unwrap();
    let chosen = resolve.select_world(&[package], None).unwrap();
    let options = Opts {
        pub_export_macro: does == "export",
        export_macro_name: (does == "export").then(|| "export".to_owned()),
        with: with.iter().map(|(interface, option)| (name(interface), option.clone())).collect(),
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, chosen, &mut files).unwrap();
    let (_, text) = files.iter().next().unwrap();
    String::from_utf8(text.to_vec()).unwrap()
}

/// A name that is a keyword of the contract's language.
fn escaped(name: &str) -> String {
    if ["map", "migration"].contains(&name) { format!("%{name}") } else { name.to_owned() }
}

#[test]
fn the_glue_of_the_sdk_is_that_of_the_contract() {
    let shared = ["columns", "types"];
    let with = shared.map(|module| (module, WithOption::Path(format!("crate::contract::{module}"))));
    let mut all: Vec<(String, String)> = Vec::new();
    for kind in EXPORTED {
        let with = if kind == "catalog" { &[][..] } else { &with };
        all.push((kind.to_owned(), made(kind, "export", with)));
    }
    all.push(("log".to_owned(), made("log", "import", &[("log", WithOption::Generate)])));
    for (kind, made) in all {
        let file: PathBuf = here().join(format!("../guest-sdk/rust/bindings/{kind}.rs.in"));
        let made = format!("// Made of wit by MILLSTREAM_BLESS=1 cargo test --workspace --locked bindings\n{made}");
        if std::env::var_os("MILLSTREAM_BLESS").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &made).unwrap();
        }
        let there = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            there == made,
            "{} is not what the contract says: make it again, with MILLSTREAM_BLESS=1",
            file.display()
        );
    }
}
