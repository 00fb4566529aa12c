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
    // Where it is not the time that is to run out, there is enough of it for a busy machine. Where it is, a row that is well
    // may wait for a processor longer than a short limit: then a longer one must tell the two apart.
    for (plugin, limits, says) in [
        ("panics", &["time = \"10s\""][..], "poisoned by \"w142 poison\""),
        ("loops", &["time = \"100ms\"", "time = \"500ms\"", "time = \"2s\""], "longer than"),
        ("recurses", &["time = \"10s\""], "stack"),
        ("eats-memory", &["memory = \"16MiB\", time = \"10s\""], "memory"),
    ] {
        for operator in [NODE.to_owned(), sql("SELECT p(value) AS copy FROM lines")] {
            let tried = limits.iter().map(|limits| {
                let scratch = lines(|n| n == 142);
                let keys = format!("limits = {{ {limits} }}");
                let ran = scratch.run(&job(&format!("hostile/{plugin}"), &keys, &operator));
                (scratch, ran)
            });
            let told_apart =
                |(scratch, ran): &(Scratch, Result<_, Error>)| ran.is_ok() && places(scratch) == at(&[142]);
            let mut last = None;
            for one in tried {
                let is_right = told_apart(&one);
                last = Some(one);
                if is_right {
                    break;
                }
            }
            let (scratch, ran) = last.unwrap();
            let ran = ran.unwrap_or_else(|e| panic!("{plugin}: {e:?}"));
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
        let help = error.help().unwrap_or_default();
        assert!(plugin != "panics" || help.contains("is taken for broken: mend it, and go on"), "{plugin}: {help}");
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
        ("offsets-half", "offsets"),
        ("buffer-missing", "1 buffers"),
        ("extra-buffer", "3 buffers"),
        ("wrong-type", "1 buffers, but a column of its format has 2"),
        ("no-column", "`bind` promised"),
        ("extra-column", "`bind` promised"),
        ("child-missing", "children counted"),
        ("extra-child", "children counted"),
        ("list-too-long", "rows of the child"),
        ("list-goes-down", "offset 0 is"),
        ("items-too-short", "bytes of values"),
        ("fixed-too-short", "are due"),
        ("field-too-short", "are due"),
        ("null-key", "null"),
        ("map-uneven", "are due"),
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

#[test]
fn states_of_an_aggregate_are_handed_over_in_parts_that_it_can_take() {
    // 66 MB of states in all, 4 MB in each of 16 partitions, in a plugin that has 64 MiB and makes a copy of each text.
    let scratch = Scratch::new();
    for (file, epoch) in [("a", 0), ("b", 1)] {
        let lines: String = (0..5500).map(|n| format!("k{n} e{epoch}\n")).collect();
        scratch.write(&format!("in/{file}.log"), lines);
    }
    let operators = "[operator.keyed]\nsql = \"SELECT split_part(value, ' ', 1) AS k, value FROM lines\"\n\
                     [operator.x]\ninput = \"keyed\"\nplugin = \"p\"\ngroup_by = [\"k\"]\nwith = { bytes = 12288 }\n\
                     output_mode = \"complete\"\n";
    let ran = scratch.run(&job("hostile/large-state", "limits = { time = \"10s\" }", operators)).unwrap();
    assert_eq!(ran.summary.epochs, 2);
    let mut rows: Vec<Value> = ran.rows("out");
    rows.sort_by_key(|row| row["k"].as_str().unwrap()[1..].parse::<usize>().unwrap());
    let want: Vec<Value> = (0..5500).map(|n| json!({"k": format!("k{n}"), "last": format!("k{n} e1")})).collect();
    assert!(rows == want, "{} rows, the first {:?}", rows.len(), rows.first());
}

/// Of each dead letter its epoch, its row and its reason.
fn groups_set_aside(scratch: &Scratch) -> Vec<(Value, Value, String)> {
    let letters = scratch.lines("job.dead-letters.jsonl");
    let told = |l: &Value| {
        let row = serde_json::from_str(l["row"].as_str().unwrap()).unwrap();
        (l["epoch"].clone(), row, l["reason"].as_str().unwrap().to_owned())
    };
    letters.iter().map(told).collect()
}

#[test]
fn a_group_that_a_plugin_cannot_finish_or_merge_is_a_dead_letter_with_its_keys_and_the_others_go_on() {
    let keyed = "[operator.keyed]\nsql = \"SELECT split_part(value, ' ', 1) AS k, value FROM lines\"\n";
    let node = "[operator.x]\ninput = \"keyed\"\nplugin = \"p\"\ngroup_by = [\"k\"]\nwith = { bytes = 64 }\n";
    let query = "[operator.x]\nsql = \"SELECT k, count(*) AS n, p(value) AS last FROM keyed GROUP BY k\"\n";
    let plugin = "hostile/large-state";
    for mode in ["complete", "update"] {
        // k3 is poisoned in the second epoch, and well again in the third.
        for (word, reason) in [
            ("poison", "cannot be finished"),
            ("refused", "\"k3 e1 refused\" is refused"),
            ("alone", "cannot be merged"),
        ] {
            for (operator, counts) in [(node.to_owned(), false), (query.to_owned(), true)] {
                let scratch = Scratch::new();
                for (epoch, file) in ["a", "b", "c"].into_iter().enumerate() {
                    let bad = |n| if n == 3 && epoch == 1 { format!(" {word}") } else { String::new() };
                    let lines: String = (0..200).map(|n| format!("k{n} e{epoch}{}\n", bad(n))).collect();
                    scratch.write(&format!("in/{file}.log"), lines);
                }
                let operators = format!("{keyed}{operator}output_mode = \"{mode}\"\n");
                let name = format!("{word}, {mode}, counts: {counts}");
                let ran = scratch
                    .run(&job(plugin, "limits = { time = \"10s\" }", &operators))
                    .unwrap_or_else(|e| panic!("{name}: {e:?}"));
                assert_eq!(ran.summary.epochs, 3, "{name}");
                let mut rows = ran.rows("out");
                rows.sort_by_key(|row| row["k"].as_str().unwrap()[1..].parse::<usize>().unwrap());
                let mut latest: Vec<Value> = Vec::new();
                for row in rows {
                    latest.retain(|r| r["k"] != row["k"]);
                    latest.push(row);
                }
                let row = |n: usize| {
                    // What could not be merged counts nowhere.
                    let times = if n == 3 && word == "alone" { 2 } else { 3 };
                    let last = format!("k{n} e2");
                    if counts {
                        json!({"k": format!("k{n}"), "n": times, "last": last})
                    } else {
                        json!({"k": format!("k{n}"), "last": last})
                    }
                };
                assert_eq!(latest, (0..200).map(row).collect::<Vec<_>>(), "{name}");
                let letters = groups_set_aside(&scratch);
                assert_eq!(letters.len(), 1, "{name}: {letters:?}");
                assert_eq!((&letters[0].0, &letters[0].1), (&json!(1), &json!({"k": "k3"})), "{name}");
                assert!(letters[0].2.contains(reason), "{name}: {}", letters[0].2);
            }
        }
    }
}

#[test]
fn a_value_that_a_map_refuses_inside_an_expression_is_told_with_its_reason() {
    let scratch = lines(|n| [7, 150].contains(&n));
    // What stands in the place of a refused value is no number either.
    let query = "SELECT CAST(substr(p(value), 2) AS BIGINT) AS n FROM lines";
    let ran = scratch.run(&job("hostile/rejects-some", "", &sql(query))).unwrap();
    assert_eq!(values(&ran, "n"), (0..200).filter(|n| ![7, 150].contains(n)).map(|n| json!(n)).collect::<Vec<_>>());
    assert_eq!(places(&scratch), at(&[7, 150]));
    for letter in scratch.lines("job.dead-letters.jsonl") {
        assert_eq!(letter["reason"], "contains \"poison\"");
    }
}

#[test]
fn what_one_chunk_may_make_is_bounded_and_only_a_row_that_makes_too_much_is_set_aside() {
    // Row 7 is repeated for each of 10,000 elements, 4 GB; what the others make, 240 MB, goes through in parts.
    let scratch = lines(|_| false);
    let query = "[operator.long]\nsql = \"SELECT value, repeat(value, 100000) AS long, \
                 range(0, CASE WHEN value = 'w7' THEN 20000 ELSE 3 END) AS i FROM lines\"\n\
                 [operator.each]\nsql = \"SELECT value, long, unnest(i) AS i FROM long\"\n\
                 [operator.x]\nsql = \"SELECT count(*) AS rows, sum(length(long)) AS bytes, max(i) AS i FROM each\"\n\
                 output_mode = \"complete\"\n";
    let ran = scratch.run(&job("hostile/rejects-some", "", query)).unwrap();
    let bytes: usize = (0..200).filter(|n| *n != 7).map(|n| 3 * 100_000 * format!("w{n}").len()).sum();
    assert_eq!(ran.rows("out").last().unwrap(), &json!({"rows": 3 * 199, "bytes": bytes, "i": 2}));
    assert_eq!(places(&scratch), at(&[7]));
    let letter = scratch.lines("job.dead-letters.jsonl")[0].clone();
    let reason = letter["reason"].as_str().unwrap();
    assert!(reason.contains("MiB, the limit for one row"), "{reason}");

    // The same by a flat-map, which carries the long column over for each word.
    let scratch = Scratch::new();
    let words = |n: usize| vec!["a"; n].join(" ");
    scratch.write("in/a.log", format!("{}\n{}\n{}\n", words(3), words(20_000), words(4)));
    let operators = "[operator.long]\nsql = \"SELECT value, repeat('x', 100000) AS long FROM lines\"\n\
                     [operator.words]\ninput = \"long\"\nplugin = \"p\"\n\
                     [operator.x]\nsql = \"SELECT count(*) AS rows, sum(length(long)) AS bytes FROM words\"\n\
                     output_mode = \"complete\"\n";
    let ran = scratch.run(&job("split-words", "", operators)).unwrap();
    assert_eq!(ran.rows("out"), [json!({"rows": 7, "bytes": 700_000})]);
    assert_eq!(places(&scratch), [("in/a.log".to_owned(), 2)]);
}

#[test]
fn reasons_are_cut_whoever_gave_them() {
    let scratch = Scratch::new();
    let long = "y".repeat(20_000);
    scratch.write("in/a.log", format!("{long} poison\n{long}\n"));
    // The panic's message, and the failed cast's, hold the row.
    scratch.run(&job("hostile/panics", "", NODE)).unwrap();
    let other = Scratch::new();
    other.write("in/a.log", format!("{long} poison\n{long}\n"));
    other.run(&job("hostile/panics", "", &sql("SELECT CAST(value AS BIGINT) AS n FROM lines"))).unwrap();
    for (scratch, letters) in [(scratch, 1), (other, 2)] {
        let found = scratch.lines("job.dead-letters.jsonl");
        assert_eq!(found.len(), letters);
        for letter in found {
            let reason = letter["reason"].as_str().unwrap();
            assert!(reason.len() <= 4096 && reason.len() > 4000 && reason.ends_with('…'), "{} bytes", reason.len());
        }
    }
}
