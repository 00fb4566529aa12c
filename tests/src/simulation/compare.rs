//! What the sinks hold at the end, beside the model's rows, epoch by epoch.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{Mode, Row, Watermark};
use super::scenario::Pipeline;
use super::world::World;

/// Rows by epoch, each as text, sorted.
type ByEpoch = BTreeMap<usize, Vec<String>>;

/// What a source's sinks must hold.
#[derive(Debug, Default)]
struct Expected {
    parts: BTreeMap<String, ByEpoch>,
    snapshots: BTreeMap<String, Vec<String>>,
    /// Epoch, file, line.
    letters: Vec<(usize, String, u64)>,
}

/// Compares everything; the first difference.
pub fn compare(world: &World) -> Result<(), String> {
    let epochs = world.ledger.lock().unwrap().epochs.clone();
    let published = world.published_now();
    let mut letters = Vec::new();
    for (number, pipeline) in world.pipelines.iter().enumerate() {
        let files: Vec<Vec<usize>> = epochs.iter().map(|e| e[number].clone()).collect();
        let mut read: Vec<usize> = files.concat();
        read.sort_unstable();
        if read != (0..pipeline.files.len()).collect::<Vec<_>>() {
            return Err(format!("{}: each file is read once, and it was {read:?}", pipeline.source));
        }
        let want = expected(pipeline, &files)?;
        for (sink, want) in &want.parts {
            let have = parts(&published, sink);
            let numbers: std::collections::BTreeSet<_> = want.keys().chain(have.keys()).collect();
            for epoch in numbers {
                same(&format!("sink {sink}, epoch {epoch}"), have.get(epoch), want.get(epoch))?;
            }
        }
        for (sink, want) in &want.snapshots {
            let folder = format!("out/{sink}/snapshot-");
            let have = published.iter().find(|(path, _)| path.starts_with(&folder)).map(|(_, bytes)| lines(bytes));
            same(&format!("snapshot {sink}"), have.map(texts).as_ref(), Some(want))?;
        }
        letters.extend(want.letters);
    }
    letters.sort();
    let file = published.iter().find(|(path, _)| path.ends_with(".jsonl"));
    let mut have: Vec<(usize, String, u64)> = file.map_or(Vec::new(), |(_, bytes)| {
        let place = |l: &Value| {
            (l["epoch"].as_u64().unwrap() as usize, l["file"].as_str().unwrap().into(), l["line"].as_u64().unwrap())
        };
        lines(bytes).iter().map(place).collect()
    });
    have.sort();
    if have == letters { Ok(()) } else { Err(format!("dead letters: {have:?}\nmust be: {letters:?}")) }
}

fn expected(pipeline: &Pipeline, epochs: &[Vec<usize>]) -> Result<Expected, String> {
    let Pipeline { source, query, .. } = pipeline;
    let mut expected = Expected::default();
    let mut watermark = Watermark::new(pipeline.delay);
    let mut stateful = query.model(pipeline.delay);
    let mut part = |sink: &str, epoch: usize, rows: Vec<Value>| {
        let rows = texts(rows);
        let parts = expected.parts.entry(format!("{sink}_{source}")).or_default();
        if !rows.is_empty() {
            parts.insert(epoch, rows);
        }
    };
    let (mut letters, mut snapshot) = (Vec::new(), Vec::new());
    for (epoch, files) in epochs.iter().enumerate() {
        let files: Vec<_> = files.iter().map(|n| &pipeline.files[*n]).collect();
        for file in &files {
            letters.extend(file.malformed.iter().map(|line| (epoch, file.name.clone(), *line)));
        }
        let rows: Vec<Row> = files.iter().flat_map(|file| file.rows.iter().cloned()).collect();
        let (late, close) = watermark.epoch(&rows);
        if pipeline.raw {
            part("raw", epoch, rows.iter().map(Row::shown).collect());
        }
        let rows: Vec<Row> = rows.into_iter().filter(|r| query.without.is_none_or(|url| r.url != url)).collect();
        let out = stateful.epoch(&rows, late, close);
        letters.extend(out.rejected.into_iter().map(|(file, line)| (epoch, file, line)));
        if pipeline.has_late() {
            let told = |(row, shown): &(Row, Value)| {
                let mut shown = shown.clone();
                for (key, value) in [
                    ("_epoch", epoch.into()),
                    ("_node", format!("q_{source}").into()),
                    ("_source", source.as_str().into()),
                    ("_file", row.file.as_str().into()),
                    ("_line", row.line.into()),
                ] {
                    shown[key] = value;
                }
                shown
            };
            part("late", epoch, out.late.iter().map(told).collect());
        }
        if let Some(least) = query.having {
            let enough = out.rows.iter().filter(|row| row["n"].as_i64().unwrap() >= least);
            let narrow = enough.map(|row| serde_json::json!({"url": row["url"], "n": row["n"]}));
            part("h", epoch, narrow.map(|row| with_epoch(row, epoch, query.mode)).collect());
        }
        if query.mode == Mode::Complete {
            snapshot = out.rows;
        } else {
            part("q", epoch, out.rows.into_iter().map(|row| with_epoch(row, epoch, query.mode)).collect());
        }
    }
    if query.closes() && watermark.would_move() {
        return Err(format!("{source}: the watermark has moved, and no epoch closed what it passed"));
    }
    if query.mode == Mode::Complete {
        expected.snapshots.insert(format!("q_{source}"), texts(snapshot));
    }
    expected.letters = letters;
    Ok(expected)
}

/// A change log's rows carry their epoch.
fn with_epoch(mut row: Value, epoch: usize, mode: Mode) -> Value {
    if mode == Mode::Update {
        row["_epoch"] = epoch.into();
    }
    row
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    std::str::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Rows as text, without nulls, whatever their order.
fn texts(rows: Vec<Value>) -> Vec<String> {
    let text = |mut row: Value| {
        // Why a row was late is for people.
        row.as_object_mut().unwrap().retain(|key, v| !v.is_null() && key != "_reason");
        row.to_string()
    };
    let mut rows: Vec<String> = rows.into_iter().map(text).collect();
    rows.sort();
    rows
}

/// Parts of a sink by epoch: `out/<sink>/part-<sink>-<checkpoint>-<epoch>.json`.
fn parts(published: &BTreeMap<String, Vec<u8>>, sink: &str) -> ByEpoch {
    let mut parts = ByEpoch::new();
    let folder = format!("out/{sink}/part-{sink}-");
    for (path, bytes) in published.iter().filter(|(path, _)| path.starts_with(&folder)) {
        let epoch = path[folder.len()..].split(['-', '.']).nth(1).unwrap().parse().unwrap();
        parts.entry(epoch).or_default().extend(texts(lines(bytes)));
    }
    parts.values_mut().for_each(|rows| rows.sort());
    parts
}

fn same(what: &str, have: Option<&Vec<String>>, want: Option<&Vec<String>>) -> Result<(), String> {
    if have == want {
        return Ok(());
    }
    let show = |rows: Option<&Vec<String>>| rows.map_or("nothing".to_owned(), |rows| rows.join("\n  "));
    Err(format!("{what} holds\n  {}\nand must hold\n  {}", show(have), show(want)))
}
