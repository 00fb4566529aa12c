//! `millstream plugin build DIR` and `millstream plugin inspect FILE`

use std::fmt::Write;
use std::path::{Path, PathBuf};

use millstream_engine::{Error, ErrorKind, Result};
use millstream_plugin::{CONTRACT_VERSION, Description, Language, Limits, OperatorInfo, PluginError};

use super::{print, runtime};
use crate::args::{BuildArgs, InspectArgs};
use crate::text;

/// Builds a project folder and writes its component.
pub(crate) fn build(args: &BuildArgs) -> Result<()> {
    Language::of(&args.folder).map_err(|error| match error {
        PluginError::Build { message, hint, .. } => {
            Error::invalid(format!("{} cannot be built: {message}", args.folder.display())).with_help(hint)
        }
        other => other.into(),
    })?;
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
    let operators: Vec<String> =
        plugin.operators(&Limits::default())?.iter().map(|one| format!("{} `{}`", one.kind, one.name)).collect();
    print(&format!("{}: {}, {}\n", output.display(), operators.join(", "), text::bytes(bytes.len() as u64)))
}

/// The folder's name with `.wasm`, in the current folder.
fn default_output(folder: &Path) -> Result<PathBuf> {
    let absolute = folder.canonicalize().map_err(|error| {
        Error::invalid(format!("cannot find the project folder {}", folder.display())).caused_by(error)
    })?;
    let name =
        absolute.file_name().ok_or_else(|| Error::invalid("the project folder has no name").with_help("use -o"))?;
    // Not `with_extension`: the folder of `split-1.2` is not called `split-1`.
    let mut name = name.to_owned();
    name.push(".wasm");
    Ok(PathBuf::from(name))
}

/// Shows what a component says of itself, without running a job.
pub(crate) fn inspect(args: &InspectArgs) -> Result<()> {
    if !args.path.exists() {
        return Err(Error::invalid(format!("{} does not exist", args.path.display()))
            .with_help("name a .wasm file, or the folder of a plugin's project"));
    }
    let plugin = runtime(|line| eprintln!("{line}"))?.load(&args.path)?;
    let operators = plugin.operators(&Limits::default())?;
    print(&describe(&args.path, plugin.describe(), operators))
}

/// The width of the labels on the left.
const LABEL: usize = 10;

fn describe(path: &Path, about: &Description, operators: &[OperatorInfo]) -> String {
    let mut out = String::new();
    let mut line = |label: &str, value: &str| {
        let text = format!("{label:<LABEL$}{value}");
        writeln!(out, "{}", text.trim_end()).expect("a String takes all text");
    };
    line("plugin", &path.display().to_string());
    line("size", &text::bytes(about.size as u64));
    line("digest", &about.digest);
    let contract = about.exports.iter().find_map(|export| export.strip_prefix("millstream:operator/")?.split_once('@'));
    let built_for = contract.map_or("unknown", |(_, version)| version);
    line("contract", &format!("millstream:operator@{built_for} (this host knows up to {CONTRACT_VERSION})"));
    for operator in operators {
        line(operator.kind.name(), &format!("{}  {}", operator.name, operator.summary));
        for column in &operator.columns {
            let does = if column.made { "makes" } else { "takes" };
            line("", &format!("  {does} {}  {}  {}", column.name, column.type_text, column.summary));
        }
        for (at, schema) in operator.config_schema.iter().flat_map(|schema| schema.lines()).enumerate() {
            line("", &format!("  {} {schema}", if at == 0 { "with " } else { "     " }));
        }
    }
    for (at, export) in about.exports.iter().enumerate() {
        line(if at == 0 { "exports" } else { "" }, export);
    }
    if about.imports.is_empty() {
        line("imports", "nothing");
    }
    for (at, import) in about.imports.iter().enumerate() {
        let may = if import.granted { granted(&import.name) } else { "denied: a call of it ends the plugin's call" };
        line(if at == 0 { "imports" } else { "" }, &format!("{}  {may}", import.name));
    }
    out
}

/// What it is given of an import that every plugin may have.
fn granted(import: &str) -> &'static str {
    let (interface, _) = import.split_once('@').unwrap_or((import, ""));
    match interface {
        "wasi:cli/environment" | "wasi:cli/stdin" => "granted, and empty",
        "wasi:cli/stdout" | "wasi:cli/stderr" => "granted: shown with an error",
        "wasi:cli/exit" => "granted: it ends the plugin's call",
        _ if interface.starts_with("wasi:clocks/") => "granted: it counts calls",
        _ if interface.starts_with("wasi:random/") => "granted: always the same",
        _ => "granted",
    }
}

#[cfg(test)]
mod tests {
    use millstream_plugin::{ColumnInfo, Import, PluginKind};

    use super::*;

    #[test]
    fn a_description_says_what_is_denied() {
        let about = Description {
            kinds: vec![PluginKind::FlatMap],
            digest: "abc".into(),
            size: 78 << 10,
            exports: vec!["millstream:operator/flat-map@0.2.0".into()],
            imports: vec![
                Import { name: "wasi:cli/stderr@0.2.6".into(), granted: true },
                Import { name: "wasi:sockets/tcp@0.2.6".into(), granted: false },
            ],
        };
        let operators = [OperatorInfo {
            name: "split".into(),
            kind: PluginKind::FlatMap,
            summary: "A row for each word.".into(),
            config_schema: Some("{\n  \"type\": \"object\"\n}".into()),
            columns: vec![
                ColumnInfo { name: "value".into(), made: false, type_text: "text".into(), summary: "a line".into() },
                ColumnInfo { name: "word".into(), made: true, type_text: "text".into(), summary: "".into() },
            ],
        }];
        let text = describe(Path::new("split.wasm"), &about, &operators);
        let expected = format!(
            "plugin    split.wasm\nsize      78.0 KiB\ndigest    abc\n\
             contract  millstream:operator@0.2.0 (this host knows up to {CONTRACT_VERSION})\n\
             flat-map  split  A row for each word.\n\
             \x20           takes value  text  a line\n\
             \x20           makes word  text\n\
             \x20           with  {{\n\
             \x20                   \"type\": \"object\"\n\
             \x20                 }}\n\
             exports   millstream:operator/flat-map@0.2.0\n\
             imports   wasi:cli/stderr@0.2.6  granted: shown with an error\n          \
             wasi:sockets/tcp@0.2.6  denied: a call of it ends the plugin's call\n"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_component_is_named_after_its_whole_folder() {
        let folder = std::env::temp_dir().join(format!("split-{}-1.2", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let name = default_output(&folder).unwrap();
        std::fs::remove_dir(&folder).unwrap();
        assert!(name.display().to_string().ends_with("-1.2.wasm"), "{}", name.display());
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = inspect(&InspectArgs { path: "/no/such/plugin.wasm".into() }).unwrap_err();
        assert!(error.message().contains("/no/such/plugin.wasm"), "{error}");
    }
}
