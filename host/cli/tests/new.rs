//! A plugin from nothing: begun, tested, broken, looked at, and tested again.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod running;

use std::fs;
use std::process::Output;

use running::Folder;

/// What a command says, on both outputs, and its exit code.
fn said(folder: &Folder, args: &[&str]) -> (String, Option<i32>) {
    let Output { status, stdout, stderr } = folder.program(args).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (text, status.code())
}

fn says(folder: &Folder, args: &[&str], code: i32, words: &[&str]) -> String {
    let (text, ended) = said(folder, args);
    assert!(ended == Some(code) && words.iter().all(|word| text.contains(word)), "{args:?}: {ended:?}\n{text}");
    text
}

#[test]
fn a_keyed_plugin_is_begun_tested_broken_and_mended() {
    let folder = Folder::new("new", "");
    let new = ["plugin", "new", "gone", "--kind", "keyed"];
    says(&folder, &new, 0, &["gone: a keyed operator in Rust, src/lib.rs", "millstream plugin test"]);
    says(&folder, &new, 2, &["gone is there already"]);
    says(&folder, &["plugin", "new", "2fast", "--kind", "map"], 2, &["`2fast` is no name for a plugin"]);
    let repository = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    for (made, from) in [
        ("wit/millstream.wit", "wit/millstream.wit"),
        ("sdk/millstream-guest/src/log.rs", "guest-sdk/rust/src/log.rs"),
        ("sdk/millstream-guest/bindings/keyed.rs.in", "guest-sdk/rust/bindings/keyed.rs.in"),
    ] {
        let made = fs::read_to_string(folder.0.join("gone").join(made)).unwrap();
        assert_eq!(made, fs::read_to_string(repository.join(from)).unwrap(), "{from}");
    }

    let test = ["plugin", "test", "gone"];
    says(&folder, &test, 0, &["ok       example: 4 rows in, 1 out", "ok       laws", "1 case; 3 trials"]);
    // The state is looked at since there is a file for it.
    let state = folder.0.join("gone/cases/example/state.jsonl");
    let kept = fs::read_to_string(&state).unwrap();
    assert!(kept.contains(r#""user":"bob""#) && kept.contains(r#""rows":1"#), "{kept}");
    fs::write(&state, kept.replace(r#""rows":1"#, r#""rows":2"#)).unwrap();
    says(&folder, &test, 1, &["FAILED   example", "state.jsonl: 1 expected and not there (-), 1 not expected (+)"]);
    fs::write(&state, kept).unwrap();

    // Broken: it counts one row more of each key.
    let source = folder.0.join("gone/src/lib.rs");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("rows.len() as u64", "rows.len() as u64 + 1")).unwrap();
    let broken =
        says(&folder, &test, 1, &["FAILED   example  a key that has not come", "output.jsonl", "1 case, 1 FAILED"]);
    assert!(broken.contains(r#"- {"at":"#) && broken.contains(r#""rows":3"#), "{broken}");
    says(
        &folder,
        &["plugin", "test", "gone", "--bless", "--no-laws"],
        0,
        &["written  example: output.jsonl, state.jsonl"],
    );
    says(&folder, &["plugin", "test", "gone", "--bless", "--no-laws"], 0, &["as it is example"]);
    says(&folder, &["plugin", "test", "gone", "--case", "sample"], 2, &["no case `sample`", "example"]);

    // A law: what a call has seen is kept in a static, and so on an instance.
    let counting = "static SEEN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);\n";
    let more = "SEEN.fetch_add(1, std::sync::atomic::Ordering::Relaxed)";
    fs::write(
        &source,
        format!("{}{counting}", text.replace("rows.len() as u64", &format!("rows.len() as u64 + {more}"))),
    )
    .unwrap();
    says(&folder, &test, 1, &["BROKEN", "the rows of `example`"]);
    // A mistake in the source is told with its place.
    fs::write(&source, text.replace("state.remove();", "state.removed();")).unwrap();
    says(&folder, &test, 1, &["src/lib.rs:", "removed"]);
    fs::write(&source, text).unwrap();

    // Mistakes in the case.
    let case = folder.0.join("gone/cases/example/case.toml");
    let as_it_was = fs::read_to_string(&case).unwrap();
    for (from, to, words) in [
        ("[operator]", "[operators]", &["case.toml", "unknown field `operators`"][..]),
        ("key_by = [\"user\"]", "key_by = [\"usr\"]", &["FAILED   example", "usr"]),
        ("event_time = \"at\"\n", "", &["there is no watermark to be moved"]),
        ("at = \"timestamp\"", "at = \"time\"", &["FAILED   example", "time"]),
    ] {
        fs::write(&case, as_it_was.replace(from, to)).unwrap();
        let (text, code) = said(&folder, &["plugin", "test", "gone", "--no-laws"]);
        assert!(code != Some(0) && words.iter().all(|word| text.contains(word)), "{to}: {code:?}\n{text}");
    }
}

#[test]
fn the_cases_of_a_plugin_that_is_here_hold() {
    let folder = Folder::new("cases", "");
    let sessionise = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/sessionise");
    says(&folder, &["plugin", "test", sessionise], 0, &["ok       late-clicks: 7 rows in, 3 out", "1 case; 3 trials"]);
    says(&folder, &["plugin", "test", "nowhere"], 2, &["nowhere does not exist"]);
    says(&folder, &["plugin", "test", "in", "--cases", "in"], 1, &["there is no plugin in it"]);
    says(&folder, &["plugin", "test", sessionise, "--cases", "in"], 2, &["there is no case in in", "case.toml"]);
}
