//! Plugins in every language that is built from its folder: begun, tested with the same cases, broken, read, mended.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod running;

use std::fs;
use std::process::Command;

use running::Folder;

/// A language, what it needs on this machine, and a mistake of each sort: of the file, from, to, and what is said of it.
struct Language {
    name: &'static str,
    needs: &'static str,
    file: &'static str,
    syntax: (&'static str, &'static str, &'static [&'static str]),
    raised: (&'static str, &'static str, &'static str),
}

const LANGUAGES: [Language; 3] = [
    Language {
        name: "python",
        needs: "python3",
        file: "plugin.py",
        syntax: ("state.remove()", "state.remove(", &["plugin.py:31: SyntaxError: '(' was never closed"]),
        raised: (
            "seen = state.get() or {\"rows\": 0, \"last\": 0}",
            "seen = state.get()[\"none\"]",
            "TypeError: 'NoneType' object is not subscriptable (plugin.py, line 21, in on_rows)",
        ),
    },
    Language {
        name: "javascript",
        needs: "node",
        file: "plugin.js",
        syntax: ("state.remove();", "state.remove(;", &["plugin.js:31:22: Unexpected \";\""]),
        raised: ("state.get() ?? { rows: 0n, last: 0n }", "state.get().none", "(plugin.js:19:"),
    },
    Language {
        name: "typescript",
        needs: "node",
        file: "plugin.ts",
        syntax: ("seen.rows += 1n", "seen.rows += 1", &["plugin.ts:", "TS2365: Operator '+=' cannot be applied"]),
        raised: ("state.get() ?? { rows: 0n, last: 0n }", "state.get()!.none", ""),
    },
];

/// What a command says, on both outputs.
fn says(folder: &Folder, args: &[&str], code: i32, words: &[&str]) -> String {
    let output = folder.program(args).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // A report is broken into lines where it is.
    let flat = text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    let is_said = words.iter().all(|word| flat.contains(word));
    assert!(output.status.code() == Some(code) && is_said, "{args:?}: {:?}\n{text}", output.status);
    flat
}

fn is_here(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_plugin_of_each_language_is_begun_tested_broken_and_mended() {
    for Language { name, needs, file, syntax, raised } in LANGUAGES {
        if !is_here(needs) {
            println!("NOT TESTED: {name}, since this machine has no `{needs}`");
            continue;
        }
        let folder = Folder::new(&format!("in-{name}"), "");
        says(&folder, &["plugin", "new", "gone", "--language", name, "--kind", "keyed"], 0, &["a keyed operator in"]);
        // The cases are those of all languages, and so is what comes, and what is stored.
        let test = ["plugin", "test", "gone"];
        says(&folder, &test, 0, &["ok example: 4 rows in, 1 out", "ok laws", "1 case; 3 trials"]);
        assert!(!says(&folder, &test, 0, &["1 case; 3 trials"]).contains("building"), "{name}: it is built once");

        let source = folder.0.join("gone").join(file);
        let text = fs::read_to_string(&source).unwrap();
        let put = |from: &str, to: &str| {
            assert!(text.contains(from), "{name}: {from}");
            fs::write(&source, text.replace(from, to)).unwrap();
        };
        put(syntax.0, syntax.1);
        says(&folder, &["plugin", "build", "gone"], 1, syntax.2);
        if !raised.2.is_empty() {
            put(raised.0, raised.1);
            let told =
                says(&folder, &["plugin", "test", "gone", "--no-laws"], 1, &["rejected.jsonl: 0 expected", raised.2]);
            assert!(told.contains("the plugin failed: "), "{told}");
        }
        fs::write(&source, &text).unwrap();
        says(&folder, &test, 0, &["1 case; 3 trials"]);

        // A job names the folder.
        let job = "name = \"away\"\ntrigger = \"available-now\"\nfinal_watermark = true\n[source.clicks]\npath = \"in\"\nformat = \"json\"\n\
                   schema = { user = \"utf8\", at = \"timestamp\" }\nevent_time = \"at\"\nwatermark = \"0s\"\n[plugin.gone]\npath = \"gone\"\n\
                   [operator.away]\ninput = \"clicks\"\nplugin = \"gone\"\nkey_by = [\"user\"]\n[sink.console]\ninput = \"away\"\n";
        fs::write(folder.0.join("job.toml"), job).unwrap();
        let clicks = fs::read_to_string(folder.0.join("gone/cases/example/input.jsonl")).unwrap();
        let clicks: String =
            clicks.lines().filter(|line| !line.contains('$')).map(|line| format!("{line}\n")).collect();
        fs::write(folder.0.join("in/clicks.json"), clicks).unwrap();
        says(&folder, &["run", "job.toml"], 0, &["ann | 2026-03-01 12:01:30 | 2", "bob | 2026-03-01 12:02:11 | 2"]);

        // A project is of one language.
        fs::write(folder.0.join("gone/Cargo.toml"), "").unwrap();
        says(&folder, &["plugin", "build", "gone"], 2, &["is a project of several languages"]);
    }
}
