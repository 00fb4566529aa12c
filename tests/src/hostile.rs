//! Plugins that misbehave. One poisoned row is a dead letter; a plugin that fails on every row stops the job at the
//! last committed epoch, and the error says which plugin, where, when and why; the process lives.

use std::time::{Duration, Instant};

use millstream_engine::run::check;
use millstream_engine::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::plugins::{NODE, at, job, lines, places, sql, values};
use crate::scratch::Scratch;
use crate::support::runtime;

#[test]
fn one_poisoned_row_is_a_dead_letter_and_the_rest_goes_on() {
    // Where it is not the time that is to run out, there is enough of it for a busy machine.
    for (plugin, keys, says) in [
        ("panics", "limits = { time = \"10s\" }", "poisoned by \"w142 poison\""),
        ("loops", "limits = { time = \"100ms\" }", "longer than"),
        ("recurses", "limits = { time = \"10s\" }", "stack"),
        ("eats-memory", "limits = { memory = \"16MiB\", time = \"10s\" }", "memory"),
    ] {
        for operator in [NODE.to_owned(), sql("SELECT p(value) AS copy FROM lines")] {
            let scratch = lines(|n| n == 142);
            let ran = scratch
                .run(&job(&format!("hostile/{plugin}"), keys, &operator))
                .unwrap_or_else(|e| panic!("{plugin}: {e:?}"));
            let want: Vec<Value> = (0..200).filter(|n| *n != 142).map(|n| json!(format!("w{n}"))).collect();
            assert_eq!(values(&ran, "copy"), want, "{plugin}");
            assert_eq!(places(&scratch), at(&[142]), "{plugin}");
            let letter = scratch.lines("job.dead-letters.jsonl")[0].clone();
            let reason = letter["reason"].as_str().unwrap();
            println!("{plugin}: {reason}");
            assert!(reason.contains(says), "{plugin}: {reason}");
            assert!(letter["row"].as_str().unwrap().contains("w142 poison"), "{plugin}: {letter}");
        }
    }
}

/// What stops the job: the second epoch, by operator `x` with plugin `p`.
fn stops(scratch: &Scratch, job: &str, name: &str) -> Error {
    // Building it is not what takes its time here.
    check(scratch.job(job).unwrap(), Some(&runtime())).map(|_| ()).unwrap();
    let began = Instant::now();
    let error = scratch.run(job).err().unwrap_or_else(|| panic!("{name}: the job went on"));
    assert!(began.elapsed() < Duration::from_secs(10), "{name} took {:?}", began.elapsed());
    println!("{name}: {:?} {error}", error.kind());
    assert_eq!(error.kind(), ErrorKind::Plugin, "{name}: {error}");
    for word in ["epoch 1", "`x`", "`p`"] {
        assert!(error.message().contains(word), "{name}: {error} says nothing of {word}");
    }
    error
}

#[test]
fn a_plugin_that_fails_on_every_row_stops_the_job_at_the_last_committed_epoch() {
    for (plugin, keys, says) in [
        ("panics", "", "poisoned by \"w1"),
        ("loops", "limits = { time = \"50ms\" }", "longer than"),
        ("eats-memory", "limits = { memory = \"4MiB\" }", "memory"),
    ] {
        let scratch = lines(|n| n >= 100);
        let name = format!("hostile/{plugin}");
        let files =
            format!("{NODE}[sink.files]\ninput = \"x\"\nconnector = \"file\"\npath = \"out\"\nformat = \"json\"\n");
        let error = stops(&scratch, &job(&name, keys, &files), plugin);
        assert!(error.message().contains(says), "{plugin}: {error}");
        assert_eq!(scratch.published("out").len(), 1, "{plugin}: the first epoch's rows, and no others");
        assert!(places(&scratch).is_empty(), "{plugin}: what is not committed leaves no dead letters");
        // In its place, a plugin that does well: the job goes on where it was.
        let ran = scratch.run(&job("hostile/rejects-some", "", &files)).unwrap();
        assert_eq!((ran.summary.resumed_from, ran.summary.rows_in, ran.summary.rejected), (Some(0), 100, 100));
    }
}

#[test]
fn output_that_breaks_the_contract_stops_the_job_naming_what_is_wrong() {
    // The second file has the lines for which the plugin is at work: its output is wrong whatever these are.
    for (how, says) in [
        ("offsets-go-down", "goes down"),
        ("offsets-too-large", "offset"),
        ("offsets-negative", "offset"),
        ("offsets-start-late", "offset"),
        ("offsets-too-few", "offsets"),
        ("offsets-none", "offsets"),
        ("invalid-utf8", "UTF-8"),
        ("split-character", "UTF-8"),
        ("too-few-rows", "rows"),
        ("too-many-rows", "rows"),
        ("validity-too-short", "validity"),
        ("null-in-not-null", "null"),
        ("wrong-type", "`bind` promised"),
        ("no-column", "column"),
        ("extra-column", "column"),
        ("reject-beyond-batch", "reject"),
        ("fails", "fails, as it was told to"),
    ] {
        let scratch = lines(|_| false);
        let operators = format!(
            "[operator.second]\nsql = \"SELECT value FROM lines WHERE length(value) > 3\"\n\
             [operator.x]\ninput = \"second\"\nplugin = \"p\"\nwith = {{ how = \"{how}\" }}\n"
        );
        let error = stops(&scratch, &job("hostile/bad-output", "", &operators), how);
        assert!(error.message().contains(says), "{how}: {error}");
    }
}
