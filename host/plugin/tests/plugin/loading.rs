//! Loading: what is built, what is cached, and what is said of files that are no plugins.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use millstream_plugin::{Limits, PluginError, PluginKind, Runtime, RuntimeOptions};

use super::{bind_with, cache_dir, guest_dir, numbers, options, plugin, runtime};

#[test]
fn a_plugin_can_be_described_without_running_it() {
    let plugin = plugin("map");
    let description = plugin.describe();
    assert_eq!(description.kinds, [PluginKind::Map]);
    assert_eq!(description.exports, ["millstream:operator/catalog@0.2.0", "millstream:operator/map@0.2.0"]);
    let import = |part: &str| description.imports.iter().find(|import| import.name.contains(part)).unwrap();
    assert!(import("wasi:cli/stderr").granted);
    assert!(import("millstream:operator/log").granted);
    assert!(!import("wasi:filesystem/types").granted);
    assert_eq!(plugin.digest().len(), 64);
}

#[test]
fn bytes_and_files_load_alike() {
    let folder = tempfile::tempdir().unwrap();
    let built = fs::read_dir(cache_dir().join("built")).unwrap_or_else(|_| {
        plugin("filter");
        fs::read_dir(cache_dir().join("built")).unwrap()
    });
    let wasm = built.map(|e| e.unwrap().path()).find(|path| path.extension().is_some_and(|e| e == "wasm")).unwrap();
    let bytes = fs::read(&wasm).unwrap();
    let of_file = runtime().load(&wasm).unwrap();
    let of_bytes = runtime().load_bytes(&bytes).unwrap();
    assert_eq!(of_file.describe(), of_bytes.describe());

    // Compiled code that is damaged is made again; also where somebody else could have put it there.
    let alone = || Runtime::new(options(folder.path())).unwrap();
    alone().load_bytes(&bytes).unwrap();
    let compiled: Vec<_> = fs::read_dir(folder.path().join("compiled")).unwrap().map(|e| e.unwrap().path()).collect();
    let good = fs::read(&compiled[0]).unwrap();
    for damage in [&good[..good.len() / 2], b"", &[0; 100]] {
        fs::write(&compiled[0], damage).unwrap();
        alone().load_bytes(&bytes).unwrap();
        assert_eq!(fs::read(&compiled[0]).unwrap().len(), good.len());
    }
}

#[test]
fn what_is_no_plugin_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.wasm");
    let load = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        runtime().load(&path).unwrap_err()
    };
    assert!(matches!(load(b"hello"), PluginError::NotAComponent { .. }));
    assert!(matches!(load(b"\0asm\x01\0\0\0"), PluginError::NotAComponent { .. }));
    let empty_component = load(b"\0asm\x0d\0\x01\0");
    assert!(matches!(empty_component, PluginError::MissingExport { .. }), "{empty_component}");
    assert!(empty_component.to_string().contains("x.wasm is a component, but no operator: it exports nothing"));
    let truncated = load(b"\0asm\x0d\0\x01\0\x07\x50");
    assert!(matches!(truncated, PluginError::NotAComponent { .. }), "{truncated}");
    assert!(matches!(runtime().load(Path::new("/no/such/file")).unwrap_err(), PluginError::Io { .. }));

    let empty = tempfile::tempdir().unwrap();
    let error = runtime().load(empty.path()).unwrap_err().to_string();
    assert!(error.contains("there is no plugin in it"), "{error}");
}

/// Copies the guest `filter` into a project of its own, with a constant that can be changed.
fn project(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(guest_dir("filter").join("Cargo.toml")).unwrap();
    let workspace = fs::read_to_string(guest_dir("").join("Cargo.toml")).unwrap();
    let dependency = workspace.lines().find(|line| line.starts_with("wit-bindgen")).unwrap();
    let manifest = manifest.replace("wit-bindgen = { workspace = true }", dependency).replace("guest-", "copied-");
    fs::create_dir(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), format!("{manifest}\n[workspace]\n")).unwrap();
    fs::copy(guest_dir("").join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::copy(root.join("../../rust-toolchain.toml"), folder.join("rust-toolchain.toml")).unwrap();
    let wit = root.join("../../wit").canonicalize().unwrap();
    let source = fs::read_to_string(guest_dir("filter").join("src/lib.rs")).unwrap();
    fs::write(folder.join("src/lib.rs"), source.replace("../../../../../wit", wit.to_str().unwrap())).unwrap();
}

#[test]
fn a_project_is_built_again_when_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path());
    let notices = Arc::new(Mutex::new(Vec::new()));
    let heard = notices.clone();
    let notify = Arc::new(move |line: &str| heard.lock().unwrap().push(line.to_owned()));
    let runtime = Runtime::new(RuntimeOptions { notify, ..options(&cache_dir()) }).unwrap();
    let builds = || notices.lock().unwrap().iter().filter(|line| line.starts_with("building")).count();

    // Its lock file names the other guests too: cargo brings it up to date, as it does for who builds by hand.
    let first = runtime.load(folder.path()).unwrap();
    assert_eq!(first.describe().kinds, [PluginKind::Filter]);
    runtime.load(folder.path()).unwrap();
    let before = builds();
    assert_eq!(runtime.load(folder.path()).unwrap().digest(), first.digest());
    assert_eq!(builds(), before, "nothing changed");

    let source = folder.path().join("src/lib.rs");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("!value[0] & 1", "value[0] & 1")).unwrap();
    let second = runtime.load(folder.path()).unwrap();
    assert_ne!(second.digest(), first.digest());
    assert_eq!(builds(), before + 1);
    bind_with(&second, "{}", &numbers([]), &Limits::default()).unwrap();

    fs::write(&source, "fn broken( {").unwrap();
    let error = runtime.load(folder.path()).unwrap_err().to_string();
    assert!(error.starts_with("building the plugin in ") && error.contains("src/lib.rs:1:"), "{error}");
    assert_eq!(error.matches("this file contains an unclosed delimiter").count(), 1, "{error}");

    fs::write(folder.path().join("src/lib.rs"), "").unwrap();
    let error = runtime.load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("no operator"), "{error}");
    let manifest = fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), manifest.replace("cdylib", "rlib")).unwrap();
    let error = runtime.load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("crate-type = [\"cdylib\"]"), "{error}");
}

#[test]
fn crates_of_one_name_in_two_folders_are_two_plugins() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    project(one.path());
    project(other.path());
    let source = other.path().join("src/lib.rs");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("!value[0] & 1", "value[0] & 1")).unwrap();
    // Older than the other one's build, as a checkout of last year is.
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(1_000_000);
    fs::File::options().write(true).open(&source).unwrap().set_modified(long_ago).unwrap();
    let first = runtime().load(one.path()).unwrap();
    let second = runtime().load(other.path()).unwrap();
    assert_ne!(first.digest(), second.digest());
}

/// Loads the project that a variable names; run in a process of its own by the test below.
#[test]
#[ignore = "a part of `missing_tools_are_named`"]
fn load_with_other_tools() {
    let folder = std::env::var("MILLSTREAM_TEST_PROJECT").unwrap();
    let cache = tempfile::tempdir().unwrap();
    println!("{}", Runtime::new(options(cache.path())).unwrap().load(Path::new(&folder)).unwrap_err());
}

#[cfg(unix)]
#[test]
fn missing_tools_are_named() {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    let tools = tempfile::tempdir().unwrap();
    let load = || {
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", "loading::load_with_other_tools", "--ignored", "--nocapture"]);
        test.env("PATH", tools.path()).env("MILLSTREAM_TEST_PROJECT", guest_dir("map"));
        let output = test.output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let tool = |name: &str, script: &str| {
        let path = tools.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };

    let nothing = load();
    assert!(nothing.contains("`rustc` was not found\ninstall Rust from https://rustup.rs"), "{nothing}");
    tool("rustc", "echo /no/such/folder");
    let no_rustup = load();
    assert!(no_rustup.contains("`rustup` was not found\nthe Rust target wasm32-wasip2 is missing"), "{no_rustup}");
    tool("rustup", "echo \"no network for $*\" >&2; exit 1");
    let no_network = load();
    assert!(no_network.contains("failed: no network for target add wasm32-wasip2\n"), "{no_network}");
    assert_eq!(no_network.matches("adding the Rust target wasm32-wasip2 (rustup target add").count(), 1);
    tool("rustup", "exit 0");
    let no_cargo = load();
    assert!(no_cargo.contains("building the plugin in") && no_cargo.contains("`cargo` was not found"), "{no_cargo}");
    let report = "echo \"flags: $RUSTFLAGS; folder: ${CARGO_TARGET_DIR:-none}\" >&2; exit 101";
    let others =
        "if [ $1 = locate-project ]; then echo $PWD/Cargo.toml; exit; elif [ $1 = generate-lockfile ]; then exit; fi";
    tool("cargo", &format!("{others}\n{report}"));
    let failing = load();
    assert!(failing.contains("failed: flags: -C target-feature=+simd128; folder: none\n"), "{failing}");
}
