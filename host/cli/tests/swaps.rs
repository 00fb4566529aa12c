//! Many swaps under load, the program killed (`kill -9`) at random moments in between: at the end each row that was read has
//! come out once, and each epoch was made by exactly the component that its record names.
//!
//! `MILLSTREAM_SWAPS=200 MILLSTREAM_SEED=7 cargo test --workspace --test swaps -- --nocapture`

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod running;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use running::{Folder, Run, rows_of};
use serde_json::Value;

/// Its rows have numbers, and never end; each comes out with the build of the plugin that made it.
const JOB: &str = r#"
name = "swapped"
checkpoint = "state"
keep_epochs = 1000000
keep_bytes = "8 GiB"
trigger = { every = "10ms" }
[source.payments]
connector = "generate"
rows_of = "cards"
max_rows_per_epoch = 40
[plugin.p]
path = "p.wasm"
[operator.ids]
sql = "SELECT id FROM payments"
[operator.x]
input = "ids"
plugin = "p.tag"
[operator.totals]
sql = "SELECT build, count(*) AS n, sum(id) AS ids FROM x GROUP BY build"
output_mode = "complete"
[sink.out]
input = "x"
connector = "file"
path = "out"
format = "csv"
[sink.totals]
input = "totals"
connector = "file"
path = "totals"
format = "csv"
"#;

/// A seeded source of choices (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// What a command prints; it must succeed.
fn done(folder: &Folder, args: &[&str]) -> String {
    let output = folder.program(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn begin(folder: &Folder) -> Run {
    let run = folder.begin(&["run", "job.toml", "--watch"]);
    // It says where it begins.
    run.until("swapped: ");
    run
}

/// The component that the running job uses.
fn used(folder: &Folder) -> String {
    let status: Value = serde_json::from_str(&done(folder, &["ps", "--json"])).unwrap();
    status["plugins"]["p"]["digest"].as_str().unwrap().to_owned()
}

/// Has the job swapped to a build: by the command, or by its file, where that is another one.
fn order(folder: &Folder, builds: &[Vec<u8>; 2], build: usize, by_file: bool) -> Option<Child> {
    if by_file && fs::read(folder.0.join("p.wasm")).unwrap() != builds[build] {
        folder.replace(&builds[build]);
        return None;
    }
    let file = format!("{}.wasm", build + 1);
    let mut swap = folder.program(&["swap", "swapped", "p", &file]);
    Some(swap.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

#[test]
fn swapped_and_killed_again_and_again_no_row_is_lost_or_doubled_and_records_name_what_made_each() {
    let (swaps, seed) = (number("MILLSTREAM_SWAPS", 12), number("MILLSTREAM_SEED", 20_261_128));
    println!("MILLSTREAM_SWAPS={swaps} MILLSTREAM_SEED={seed}");
    let mut random = Random(seed);
    let folder = Folder::new("swaps", JOB);
    let builds = folder.builds();
    let digests = builds.clone().map(|component| millstream_plugin::digest(&component));
    for (build, component) in builds.iter().enumerate() {
        fs::write(folder.0.join(format!("{}.wasm", build + 1)), component).unwrap();
    }
    let began = Instant::now();
    let (mut come_about, mut kills) = (0, 0);
    let mut run = begin(&folder);
    while come_about < swaps {
        let build = usize::from(used(&folder) == digests[0]);
        let mut ordered = order(&folder, &builds, build, random.below(4) == 0);
        if random.below(2) == 0 {
            run.until("plugin `p` was swapped with epoch");
            if let Some(swap) = &mut ordered {
                assert!(swap.wait().unwrap().success());
            }
        } else {
            // It takes about so long: some are killed on the way, some after it.
            std::thread::sleep(Duration::from_millis(random.below(if ordered.is_some() { 150 } else { 1500 })));
            assert_eq!(run.end("-KILL").code(), None);
            kills += 1;
            if let Some(swap) = &mut ordered {
                swap.wait().unwrap();
            }
            run = begin(&folder);
        }
        come_about += u64::from(used(&folder) == digests[build]);
    }
    assert!(run.end("-INT").success());
    let took = began.elapsed();

    let records = done(&folder, &["epochs", "job.toml", "--json"]);
    let records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (mut read, mut changes) = (0, 0);
    for (epoch, record) in records.iter().enumerate() {
        assert_eq!(record["epoch"], epoch);
        let range = &record["ranges"]["payments"]["rows"];
        assert_eq!(range["from"], read, "{record}");
        read = range["to"].as_u64().unwrap();
        changes += u64::from(epoch > 0 && records[epoch - 1]["plugins"] != record["plugins"]);
    }
    assert!(changes >= swaps, "{changes} other components in {} epochs", records.len());
    let mut seen = vec![false; read as usize];
    let mut totals: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (name, part) in folder.parts() {
        let epoch: usize = name.rsplit(['-', '.']).nth(1).unwrap().parse().unwrap();
        let made_by = records[epoch]["plugins"]["p"].as_str().unwrap();
        for row in rows_of(&part) {
            let (id, build) = row.split_once(',').unwrap();
            assert_eq!(made_by, digests[build.parse::<usize>().unwrap() - 1], "epoch {epoch}: {row}");
            let id: u64 = id.parse().unwrap();
            assert!(
                !std::mem::replace(&mut seen[id as usize], true),
                "row {id} is there twice, in epoch {epoch} again"
            );
            let (n, ids) = totals.entry(build.to_owned()).or_default();
            (*n, *ids) = (*n + 1, *ids + id);
        }
    }
    let lost: Vec<usize> = (0..seen.len()).filter(|id| !seen[*id]).collect();
    assert!(lost.is_empty(), "{} rows are lost: {:?}", lost.len(), &lost[..lost.len().min(10)]);
    // What was counted through all of it.
    let counted = fs::read_dir(folder.0.join("totals")).unwrap().map(|entry| entry.unwrap().path());
    let counted: Vec<_> = counted.filter(|path| path.extension().is_some_and(|ending| ending == "csv")).collect();
    let mut counted = rows_of(&fs::read_to_string(&counted[0]).unwrap());
    counted.sort();
    let totals: Vec<String> = totals.iter().map(|(build, (n, ids))| format!("{build},{n},{ids}")).collect();
    assert_eq!(counted, totals);
    println!(
        "{come_about} swaps and {kills} kills in {took:.1?}: {read} rows in {} epochs, {changes} times another component",
        records.len()
    );
}
