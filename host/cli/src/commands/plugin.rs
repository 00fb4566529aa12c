//! `millstream plugin build DIR` and `millstream plugin inspect FILE`

use std::fmt::Write;
use std::path::{Path, PathBuf};

use millstream_engine::{Error, ErrorKind, Result};
use millstream_plugin::{CONTRACT_VERSION, Description};

use super::{print, runtime};
use crate::args::{BuildArgs, InspectArgs};
use crate::text;

/// Builds a project folder and writes its component.
pub(crate) fn build(args: &BuildArgs) -> Result<()> {
    let runtime = runtime(|line| eprintln!("{line}"))?;
    // Loading it says whether it is an operator at all: better now than on the machine it is given to.
    let plugin = runtime.load_project(&args.folder)?;
    let bytes = runtime.build_project(&args.folder)?;
    let output = match &args.output {
        Some(output) => output.clone(),
        None => default_output(&args.folder)?,
    };
    std::fs::write(&output, &bytes).map_err(|error| {
        Error::new(ErrorKind::Unavailable, format!("cannot write {}", output.display())).caused_by(error)
    })?;
    print(&format!("{}: {} plugin, {}\n", output.display(), plugin.kind(), text::bytes(bytes.len() as u64)))
}

/// The folder's name with `.wasm`, in the current folder.
fn default_output(folder: &Path) -> Result<PathBuf> {
    let absolute = folder.canonicalize().map_err(|error| {
        Error::invalid(format!("cannot find the project folder {}", folder.display())).caused_by(error)
    })?;
    let name =
        absolute.file_name().ok_or_else(|| Error::invalid("the project folder has no name").with_help("use -o"))?;
    Ok(PathBuf::from(name).with_extension("wasm"))
}

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
