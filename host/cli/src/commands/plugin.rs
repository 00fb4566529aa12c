//! `millstream plugin inspect FILE`

use std::fmt::Write;
use std::path::Path;

use millstream_engine::Result;
use millstream_plugin::{CONTRACT_VERSION, Description};

use super::{print, runtime};
use crate::args::InspectArgs;
use crate::text;

/// Shows what can be known of a component without running it.
pub(crate) fn inspect(args: &InspectArgs) -> Result<()> {
    let plugin = runtime(|line| eprintln!("{line}"))?.load(&args.path)?;
    print(&describe(&args.path, plugin.describe()))
}

fn describe(path: &Path, about: &Description) -> String {
    let mut out = String::new();
    let mut line = |label: &str, value: &str| {
        writeln!(out, "{label:<10}{value}").expect("a String takes all text");
    };
    line("plugin", &path.display().to_string());
    line("kind", about.kind.name());
    line("size", &text::bytes(about.size as u64));
    line("digest", &about.digest);
    let contract = about.exports.iter().find_map(|export| export.strip_prefix("millstream:operator/")?.split_once('@'));
    let built_for = contract.map_or("unknown", |(_, version)| version);
    line("contract", &format!("millstream:operator@{built_for} (this host knows up to {CONTRACT_VERSION})"));
    for (at, export) in about.exports.iter().enumerate() {
        line(if at == 0 { "exports" } else { "" }, export);
    }
    if about.imports.is_empty() {
        line("imports", "nothing");
    }
    for (at, import) in about.imports.iter().enumerate() {
        let may = if import.granted { "granted" } else { "denied: a call of it ends the plugin's call" };
        line(if at == 0 { "imports" } else { "" }, &format!("{}  {may}", import.name));
    }
    out
}

#[cfg(test)]
mod tests {
    use millstream_plugin::{Import, PluginKind};

    use super::*;

    #[test]
    fn a_description_says_what_is_denied() {
        let about = Description {
            kind: PluginKind::FlatMap,
            digest: "abc".into(),
            size: 78 << 10,
            exports: vec!["millstream:operator/flat-map@0.1.0".into()],
            imports: vec![
                Import { name: "wasi:cli/stderr@0.2.6".into(), granted: true },
                Import { name: "wasi:sockets/tcp@0.2.6".into(), granted: false },
            ],
        };
        let text = describe(Path::new("split.wasm"), &about);
        let expected = format!(
            "plugin    split.wasm\nkind      flat-map\nsize      78.0 KiB\ndigest    abc\n\
             contract  millstream:operator@0.1.0 (this host knows up to {CONTRACT_VERSION})\n\
             exports   millstream:operator/flat-map@0.1.0\n\
             imports   wasi:cli/stderr@0.2.6  granted\n          \
             wasi:sockets/tcp@0.2.6  denied: a call of it ends the plugin's call\n"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = inspect(&InspectArgs { path: "/no/such/plugin.wasm".into() }).unwrap_err();
        assert!(error.message().contains("/no/such/plugin.wasm"), "{error}");
    }
}
