//! The life of a plugin, as `examples/fraud/README.md` has it: a second version is tried in the shadow of the job that runs, answers for
//! some cards, is swapped to, looked back at; a changed job begins from a savepoint. No alert is lost or doubled on the way, and every epoch is that of the
//! version that its record names.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use running::Folder;
use serde_json::Value;

/// The example's job with epochs that are shorter, and payments in the order of their times: so that the same alerts come
/// wherever the epochs end.
fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fraud/live.toml");
    let job = fs::read_to_string(path).unwrap();
    changed(
        &job,
        &[
            ("\"../../plugins/fraud-rules\"", "\"one.wasm\""),
            ("{ every = \"1s\" }", "{ every = \"200ms\" }"),
            ("rows_per_second = 2000", "rows_per_second = 5000"),
            ("rows_of = ", "mean_delay = \"0s\"\nrows_of = "),
        ],
    )
}

fn changed(job: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(job.to_owned(), |job, (before, after)| {
        assert!(job.contains(before), "no {before} in {job}");
        job.replace(before, after)
    })
}

fn output(folder: &Folder, args: &[&str]) -> Output {
    folder.program(args).output().unwrap()
}

/// What a command prints; it must succeed.
fn done(folder: &Folder, args: &[&str]) -> String {
    let output = output(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A command must fail, and say this.
fn fails(folder: &Folder, args: &[&str], words: &str) {
    let output = output(folder, args);
    let said = String::from_utf8_lossy(&output.stderr).replace('│', " ");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!output.status.success() && said.contains(words), "{args:?}: {said}");
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The records of a job's epochs.
fn records(folder: &Folder, job: &str) -> BTreeMap<u64, Value> {
    let records = objects(&done(folder, &["epochs", job, "--json"]));
    records.into_iter().map(|record| (record["epoch"].as_u64().unwrap(), record)).collect()
}

/// Waits for the record of an epoch.
fn until_committed(folder: &Folder, job: &str, epoch: u64) {
    let began = Instant::now();
    while records(folder, job).last_key_value().is_none_or(|(last, _)| *last < epoch) {
        assert!(began.elapsed() < Duration::from_secs(120), "epoch {epoch} takes too long");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// By epoch, the alerts that a job has published.
fn alerts(folder: &Folder, out: &str) -> BTreeMap<u64, Vec<Value>> {
    let parts = fs::read_dir(folder.0.join(out)).unwrap().map(|entry| entry.unwrap().path());
    let parts = parts.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let part = |path: std::path::PathBuf| {
        let name = path.display().to_string();
        let epoch = name.rsplit(['-', '.']).nth(1).unwrap().parse().unwrap();
        (epoch, objects(&fs::read_to_string(path).unwrap()))
    };
    parts.map(part).collect()
}

/// The payments that come too quickly: the same by both versions, if each knows what the one before has seen.
fn quick<'a>(alerts: impl IntoIterator<Item = &'a Value>) -> BTreeSet<&'a str> {
    let is_quick = |alert: &&Value| alert["recent"].as_f64().unwrap() > 5.0;
    alerts.into_iter().filter(is_quick).map(|alert| alert["id"].as_str().unwrap()).collect()
}

fn digest(folder: &Folder, component: &str) -> String {
    millstream_plugin::digest(&fs::read(folder.0.join(component)).unwrap())
}

#[test]
fn a_second_version_is_tried_swapped_to_and_looked_back_at() {
    let folder = Folder::new("fraud", &example());
    folder.build("plugins/fraud-rules", "one.wasm");
    folder.build("plugins/fraud-rules-2", "two.wasm");
    let digests = ["one.wasm", "two.wasm"].map(|component| digest(&folder, component));
    let mut run = folder.begin(&["run", "job.toml", "--progress", "log"]);
    run.until("epoch 2");

    // In the shadow: what was committed comes again, and the job keeps its version.
    let shadow = "shadow job.toml fraud_rules two.wasm --key files=id --epochs 3 --json --threads 1";
    let shadow: Vec<&str> = shadow.split(' ').collect();
    let shadowed = objects(&done(&folder, &shadow));
    assert_eq!(shadowed.len(), 3);
    for epoch in &shadowed {
        assert!(epoch["as_written"] == true && epoch["after"]["in"] == epoch["committed"]["in"], "{epoch}");
        // The geometric mean is more work.
        let [before, after] = ["fuel", "fuel_after"].map(|name| epoch[name].as_u64().unwrap());
        assert!(before > 0 && after > before, "{epoch}");
    }

    // A tenth of the cards is given to it for a few epochs, which its records say; then the first version has all again.
    let canary = ["swap", "payments", "fraud_rules", "two.wasm", "--canary", "10%"];
    let told = done(&folder, &canary);
    assert!(told.contains("answers for 10% of the keys since epoch"), "{told}");
    let tenth: u64 = told.split(&[' ', ','][..]).nth(11).unwrap().parse().unwrap_or_else(|_| panic!("{told}"));
    until_committed(&folder, "job.toml", tenth + 2);
    fails(&folder, &canary, "plugin `fraud_rules` has a canary");
    let top = done(&folder, &["top"]);
    assert!(top.contains("answers for 10% of the keys since epoch") && top.contains("clean epoch"), "{top}");
    let ended = done(&folder, &["swap", "payments", "fraud_rules", "--abort"]);
    assert!(ended.contains("its canary has ended"), "{ended}");
    fails(&folder, &["swap", "payments", "fraud_rules", "--abort"], "has no canary");
    fails(
        &folder,
        &["swap", "payments", "fraud_rules", "two.wasm", "--canary", "100%"],
        "a share of keys lies between",
    );
    run.until("the canary");
    let with_canary = records(&folder, "job.toml").remove(&(tenth + 1)).unwrap();
    assert_eq!(
        (&with_canary["canary"]["digest"], &with_canary["canary"]["share"]),
        (&digests[1].as_str().into(), &"10%".into())
    );
    done(&folder, &["replay", "job.toml", "--epoch", &tenth.to_string()]);

    let told = done(&folder, &["swap", "payments", "fraud_rules", "two.wasm"]);
    let since: u64 = told.split(&[' ', ':'][..]).nth(6).unwrap().parse().unwrap_or_else(|_| panic!("{told}"));
    run.until("`alerts`: its states of version 1 of plugin `fraud_rules` were brought over");
    run.until(&format!("plugin `fraud_rules` was swapped with epoch {since}"));
    until_committed(&folder, "job.toml", since + 2);
    // A version that cannot use the state is not tried with none.
    let stored = "it holds states of version 2 of plugin `fraud_rules`, whose version is 1";
    fails(&folder, &["shadow", "job.toml", "fraud_rules", "one.wasm", "--epochs", "1"], stored);
    let saved = done(&folder, &["savepoint", "job.toml", "saved"]);
    let saved: u64 = saved.split(&[' ', ','][..]).nth(5).unwrap().parse().unwrap_or_else(|_| panic!("{saved}"));
    until_committed(&folder, "job.toml", saved + 2);
    done(&folder, &["stop", "payments"]);
    assert!(run.child.wait().unwrap().success());

    // What every epoch was made with, and what came of it.
    let (records, alerts_by_epoch) = (records(&folder, "job.toml"), alerts(&folder, "live/out"));
    for (epoch, record) in &records {
        assert_eq!(record["plugins"]["fraud_rules"], digests[usize::from(*epoch >= since)], "{record}");
        let published = alerts_by_epoch.get(epoch).map_or(0, Vec::len);
        assert_eq!(record["counters"]["rows_out"]["files"].as_u64().unwrap_or(0), published as u64, "{record}");
    }
    let all: Vec<&Value> = alerts_by_epoch.values().flatten().collect();
    let ids: BTreeSet<&str> = all.iter().map(|alert| alert["id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), records.len() as u64), (all.len(), records.last_key_value().unwrap().0 + 1));

    // The first version alone, without a stop, finds the same payments too quick.
    let rows: u64 = records.values().map(|record| record["counters"]["rows_in"].as_u64().unwrap()).sum();
    let alone = changed(&example(), &[("rows_per_second = 5000", &format!("rows = {rows}")), ("live/", "alone/")]);
    fs::write(folder.0.join("alone.toml"), &alone).unwrap();
    done(&folder, &["run", "alone.toml", "--available-now"]);
    let undisturbed = alerts(&folder, "alone/out");
    let expected = quick(undisturbed.values().flatten());
    assert!(expected.len() > 5, "{expected:?}");
    assert_eq!(quick(all.iter().copied()), expected);

    // Computed again over the swap, each epoch gives what was written; what the other version would have given is told.
    let replay = |first: &Value, last: &Value, with: &[&str]| {
        let epochs = format!("{first}..{last}");
        let mut args = vec!["replay", "live/state", "--epoch", &epochs, "--json"];
        args.extend(with);
        let mut told = objects(&done(&folder, &args));
        let summary = told.pop().unwrap()["summary"].clone();
        assert!(summary["epochs"] == told.len() && summary["as_written"] == told.len(), "{summary}");
        told
    };
    let plain = replay(&(since - 1).into(), &(since + 2).into(), &[]);
    assert!(plain.len() == 4 && plain.iter().all(|epoch| epoch.get("fuel").is_none()), "{plain:?}");
    let two = ["--plugin", "fraud_rules=two.wasm", "--key", "files=id", "--threads", "1"];
    let what_if = replay(&shadowed[0]["epoch"], &shadowed[2]["epoch"], &two);
    for (again, then) in what_if.iter().zip(&shadowed) {
        for told in ["differences", "fuel", "fuel_after"] {
            assert_eq!(again[told], then[told], "{again} and not {then}");
        }
    }
    let epoch = (since + 1).to_string();
    for checkpoint in ["live/state", "job.toml"] {
        fails(&folder, &["replay", checkpoint, "--epoch", &epoch, "--plugin", "fraud_rules=one.wasm"], stored);
    }

    // One operator more goes on with the state and the version of the savepoint.
    let more = "\n[operator.by_rule]\nsql = \"SELECT rule, count(*) AS alerts FROM alerts GROUP BY rule\"\n\
                output_mode = \"complete\"\n[sink.counts]\ninput = \"by_rule\"\nconnector = \"console\"\n";
    fs::write(folder.0.join("counted.toml"), alone.replace("alone/", "counted/") + more).unwrap();
    let begun = output(&folder, &["run", "counted.toml", "--from", "saved", "--available-now"]);
    assert!(begun.status.success(), "{}", String::from_utf8_lossy(&begun.stderr));
    assert!(String::from_utf8_lossy(&begun.stdout).contains("| rule "));
    let counted = alerts(&folder, "counted/out");
    let later = alerts_by_epoch.range(saved + 1..).flat_map(|(_, alerts)| alerts);
    assert_eq!(quick(counted.values().flatten()), quick(later));
    for (_, record) in self::records(&folder, "counted.toml") {
        assert_eq!(record["plugins"]["fraud_rules"], digests[1], "{record}");
    }

    // An operator of another name does not find its state: that is refused, unless it may be dropped.
    let read = records.range(..=saved).map(|(_, record)| record["counters"]["rows_in"].as_u64().unwrap()).sum::<u64>();
    let short = changed(&alone, &[(&format!("rows = {rows}"), &format!("rows = {}", read + 1000))]);
    let renamed = [("operator.alerts", "operator.flagged"), ("input = \"alerts\"", "input = \"flagged\"")];
    let rekeyed = [("[\"card\"]", "[\"card\", \"city\"]"), ("\"city\", \"is_fraud\"", "\"is_fraud\"")];
    for (job, changes, reason) in [
        ("renamed.toml", renamed, "has state that the job cannot use: `alerts`: the job has no such state"),
        ("rekeyed.toml", rekeyed, "has state that the job cannot use: `alerts`: "),
    ] {
        let text = changed(&short, &changes).replace("alone/", &job.replace(".toml", "/"));
        fs::write(folder.0.join(job), text).unwrap();
        let from = ["run", job, "--available-now", "--from", "saved", "--allow-dropped-state"];
        fails(&folder, &from[..5], reason);
        done(&folder, &from);
        assert_eq!(self::records(&folder, job).into_keys().next(), Some(saved));
        // The epoch that dropped it can be computed again.
        done(&folder, &["replay", job, "--epoch", &(saved + 1).to_string()]);
    }
}
