//! Jobs that cannot be run, and what their users are told: that it is theirs to mend, what is wrong in words they know,
//! at which bytes of the job file, and how to mend it.

mod alone;
mod clauses;
mod joins;
mod keyed;
mod mistakes;
mod names;
mod plugins;
mod table_functions;
mod windows;

use millstream_engine::ErrorKind;
use millstream_engine::run::check;

use crate::scratch::Scratch;
use crate::support::{here, runtime};

const EVENTS: &str = r#"
name = "refused"

[source.events]
path = "input"
format = "json"
schema = { id = "int64", url = "utf8", ts = "timestamp", other = "timestamp", bytes = "int64" }
event_time = "ts"
watermark = "1 minute"
"#;

struct Case {
    name: &'static str,
    /// What follows [`EVENTS`].
    job: String,
    /// What the message says among other things.
    says: &'static str,
    /// The bytes that it points at.
    at: &'static str,
    /// What the help says among other things.
    help: &'static str,
}

/// An operator of this SQL, with further keys, and a sink.
fn query(name: &'static str, sql: &str, keys: &str, says: &'static str, at: &'static str, help: &'static str) -> Case {
    let job =
        format!("[operator.x]\nsql = \"\"\"{sql}\"\"\"\n{keys}\n[sink.out]\ninput = \"x\"\nconnector = \"memory\"\n");
    Case { name, job, says, at, help }
}

fn job(name: &'static str, job: &str, says: &'static str, at: &'static str, help: &'static str) -> Case {
    let job = job.replace("PLUGINS", here().join("../plugins").to_str().unwrap());
    Case { name, job, says, at, help }
}

fn refuse(cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for case in cases {
        let scratch = Scratch::new();
        std::fs::create_dir(scratch.path().join("input")).unwrap();
        scratch.write("users.json", "{\"id\":1,\"name\":\"a\"}\n");
        scratch.write("not-a-component.wasm", b"\0asm\x01\0\0\0");
        let text = if case.job.starts_with("name") { case.job } else { format!("{EVENTS}{}", case.job) };
        let refused = scratch.job(&text).and_then(|job| check(job, Some(&runtime())).map(|_| ()));
        let name = case.name;
        let Err(error) = refused else {
            wrong.push(format!("{name}: was not refused"));
            continue;
        };
        let at = error.location().map_or("(nowhere)".to_owned(), |l| l.text[l.span.clone()].to_owned());
        let help = error.help().unwrap_or("(no help)");
        let told = format!("{name}\n   {:?}: {}\n   at: {at}\n   help: {help}", error.kind(), error.message());
        println!("{told}");
        let theirs = ["DataFusion", "Arrow", "Utf8", "Int64", "planning", "Volatile", "Expr", "plan "];
        let leaked = theirs.iter().any(|word| error.message().contains(word));
        let right = error.kind() == ErrorKind::Invalid
            && error.message().contains(case.says)
            && !error.message().contains('\n')
            && at == case.at
            && help.contains(case.help)
            && !leaked;
        if !right {
            wrong.push(format!("{told}\n   expected: …{}… at: {} help: …{}…", case.says, case.at, case.help));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
