//! What the sinks hold at the end, beside the model's rows, epoch by epoch.

use std::collections::BTreeMap;

use serde_json::Value;

use super::join::Join;
use super::ledger::Planned;
use super::model::{Mode, NEVER, Row};
use super::pairs::{Joined, Joining};
use super::query::Question;
use super::scenario::{Scenario, Stream};
use super::visits::{Clocks, Visiting, Visits};
use super::watermark::Watermark;
use super::world::World;

/// Rows by epoch, each as text, sorted.
type ByEpoch = BTreeMap<usize, Vec<String>>;

/// What sinks must hold.
#[derive(Debug, Default)]
struct Expected {
    parts: BTreeMap<String, ByEpoch>,
    snapshots: BTreeMap<String, Vec<String>>,
    /// Epoch, file, line.
    letters: Vec<(usize, String, u64)>,
}

impl Expected {
    fn part(&mut self, sink: &str, epoch: usize, rows: Vec<Value>) {
        let rows = texts(rows);
        let parts = self.parts.entry(sink.to_owned()).or_default();
        if !rows.is_empty() {
            parts.insert(epoch, rows);
        }
    }

    /// Late rows say whence, when and for which node; those of no source know no place.
    fn late(&mut self, sink: &str, epoch: usize, node: &str, late: Vec<(Row, Value)>) {
        let told = |(row, mut shown): (Row, Value)| {
            shown["_epoch"] = epoch.into();
            shown["_node"] = node.into();
            // A source's files lie in a folder of its name.
            if let Some(source) = row.file.split('/').nth(1) {
                shown["_source"] = source.into();
                shown["_file"] = row.file.as_str().into();
                shown["_line"] = row.line.into();
            }
            shown
        };
        self.part(sink, epoch, late.into_iter().map(told).collect());
    }

    fn reject(&mut self, epoch: usize, rejected: Vec<(String, u64)>) {
        self.letters.extend(rejected.into_iter().map(|(file, line)| (epoch, file, line)));
    }
}

/// Compares everything; the first difference.
pub fn compare(world: &World) -> Result<(), String> {
    let Scenario { streams, questions, join, visits, .. } = &world.scenario;
    let epochs = world.ledger.lock().unwrap().epochs.clone();
    for (number, stream) in streams.iter().enumerate() {
        let mut read: Vec<usize> = epochs.iter().flat_map(|e| e.files[number].iter().copied()).collect();
        read.sort_unstable();
        if read != (0..stream.files.len()).collect::<Vec<_>>() {
            return Err(format!("{}: each file is read once, and it was {read:?}", stream.name));
        }
    }
    let mut expected = Expected::default();
    for (number, stream) in streams.iter().enumerate() {
        expect_stream(&mut expected, stream, number, &epochs);
    }
    for question in questions {
        expect_answer(&mut expected, question, streams, &epochs)?;
    }
    if let Some(join) = join {
        expect_joined(&mut expected, join, streams, &epochs)?;
    }
    if let Some(visits) = visits {
        expect_visits(&mut expected, visits, streams, &epochs)?;
    }
    let published = world.published_now();
    for (sink, want) in &expected.parts {
        let have = parts(&published, sink);
        let numbers: std::collections::BTreeSet<_> = want.keys().chain(have.keys()).collect();
        for epoch in numbers {
            same(&format!("sink {sink}, epoch {epoch}"), have.get(epoch), want.get(epoch))?;
        }
    }
    for (sink, want) in &expected.snapshots {
        let folder = format!("out/{sink}/snapshot-");
        let have = published.iter().find(|(path, _)| path.starts_with(&folder)).map(|(_, bytes)| lines(bytes));
        same(&format!("snapshot {sink}"), have.map(texts).as_ref(), Some(want))?;
    }
    expected.letters.sort();
    let file = published.iter().find(|(path, _)| path.ends_with(".jsonl"));
    let mut have: Vec<(usize, String, u64)> = file.map_or(Vec::new(), |(_, bytes)| {
        let place = |l: &Value| {
            let epoch = l["epoch"].as_u64().unwrap() as usize;
            match l["file"].as_str() {
                Some(file) => (epoch, file.to_owned(), l["line"].as_u64().unwrap()),
                // The row as text.
                None => {
                    (epoch, without_nulls(serde_json::from_str(l["row"].as_str().unwrap()).unwrap()).to_string(), 0)
                }
            }
        };
        lines(bytes).iter().map(place).collect()
    });
    have.sort();
    let letters = &expected.letters;
    if have == *letters { Ok(()) } else { Err(format!("dead letters: {have:?}\nmust be: {letters:?}")) }
}

fn expect_stream(expected: &mut Expected, stream: &Stream, number: usize, epochs: &[Planned]) {
    for (epoch, planned) in epochs.iter().enumerate() {
        for file in planned.files[number].iter().map(|n| &stream.files[*n]) {
            expected.reject(epoch, file.malformed.iter().map(|line| (file.name.clone(), *line)).collect());
        }
        if stream.raw {
            let rows = stream.rows(&planned.files[number]).iter().map(Row::shown).collect();
            expected.part(&format!("raw_{}", stream.name), epoch, rows);
        }
    }
}

fn expect_answer(
    expected: &mut Expected,
    question: &Question,
    streams: &[Stream],
    epochs: &[Planned],
) -> Result<(), String> {
    let Question { name, of, greatest, except, query, .. } = question;
    let sources: Vec<&Stream> = of.iter().map(|n| &streams[*n]).collect();
    let mut watermark = Watermark::of(&sources, *greatest);
    let mut stateful = question.model(streams);
    let mut snapshot = Vec::new();
    for (epoch, planned) in epochs.iter().enumerate() {
        let mut rows: Vec<Vec<Row>> = of.iter().map(|n| streams[*n].rows(&planned.files[*n])).collect();
        let has_more: Vec<bool> = of.iter().map(|n| planned.has_more(*n)).collect();
        let (late, close) = watermark.epoch(planned.now, &has_more, &rows);
        if let (Some(last), Some(except)) = (rows.last_mut(), except) {
            last.retain(|row| row.url != *except);
        }
        let mut rows = rows.concat();
        if question.shows_all() {
            expected.part("both", epoch, rows.iter().map(Row::shown).collect());
        }
        rows.retain(|row| query.without.is_none_or(|url| row.url != url));
        let out = stateful.epoch(&rows, late, close);
        expected.reject(epoch, out.rejected);
        if let Some(node) = query.late_node() {
            expected.late(&format!("late_{name}"), epoch, &format!("{node}_{name}"), out.late);
        }
        if let Some(least) = query.having {
            let enough = out.rows.iter().filter(|row| row["n"].as_i64().unwrap() >= least);
            let narrow = enough.map(|row| serde_json::json!({"url": row["url"], "n": row["n"]}));
            let narrow = narrow.map(|row| with_epoch(row, epoch, query.mode)).collect();
            expected.part(&format!("h_{name}"), epoch, narrow);
        }
        if query.mode == Mode::Complete {
            snapshot = out.rows;
        } else {
            let rows = out.rows.into_iter().map(|row| with_epoch(row, epoch, query.mode)).collect();
            expected.part(&format!("q_{name}"), epoch, rows);
        }
    }
    if query.closes() && watermark.would_move() {
        return Err(format!("{name}: the watermark has moved, and no epoch closed what it passed"));
    }
    if query.mode == Mode::Complete {
        expected.snapshots.insert(format!("q_{name}"), texts(snapshot));
    }
    Ok(())
}

fn expect_joined(expected: &mut Expected, join: &Join, streams: &[Stream], epochs: &[Planned]) -> Result<(), String> {
    let sources = join.sides.map(|n| &streams[n]);
    let (mut watermark, mut of_left) = (Watermark::of(&sources, join.greatest), Watermark::of(&sources[..1], false));
    let mut joining = Joining::new(join);
    let in_one = join.counted.is_some_and(|counted| counted.in_one);
    for (epoch, planned) in epochs.iter().enumerate() {
        let rows = join.sides.map(|n| streams[n].rows(&planned.files[n]));
        let has_more = join.sides.map(|n| planned.has_more(n));
        let both = watermark.epoch(planned.now, &has_more, &rows);
        let left = of_left.epoch(planned.now, &has_more[..1], &rows[..1]);
        let Joined { out, counted } = joining.epoch(rows, both, left);
        expected.reject(epoch, out.rejected);
        expected.late("late_joined", epoch, if in_one { "counted" } else { "joined" }, out.late);
        if !in_one {
            expected.part("joined", epoch, out.rows);
        }
        expected.part("counted", epoch, counted);
    }
    if watermark.would_move() {
        return Err("joined: the watermark has moved, and no epoch closed what it passed".to_owned());
    }
    Ok(())
}

fn expect_visits(
    expected: &mut Expected,
    visits: &Visits,
    streams: &[Stream],
    epochs: &[Planned],
) -> Result<(), String> {
    let mut watermark = Watermark::of(&[&streams[visits.of]], false);
    let (mut visiting, mut last) = (Visiting::new(visits), None);
    for (epoch, planned) in epochs.iter().enumerate() {
        let rows = [streams[visits.of].rows(&planned.files[visits.of])];
        let (late, close) = watermark.epoch(planned.now, &[planned.has_more(visits.of)], &rows);
        let known = |watermark: i64| Some(watermark).filter(|w| *w != NEVER);
        last = known(close);
        let [rows] = rows;
        let out = visiting.epoch(&rows, Clocks { now: planned.now, late: known(late), close: last });
        expected.reject(epoch, out.rejected);
        expected.late("late_visits", epoch, "visits", out.late);
        expected.part("visits", epoch, out.rows);
    }
    if watermark.would_move() || !visiting.waits_for_nothing(last) {
        return Err("visits: the watermark has moved, and no epoch fired what it passed".to_owned());
    }
    Ok(())
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

fn without_nulls(mut row: Value) -> Value {
    row.as_object_mut().unwrap().retain(|_, v| !v.is_null());
    row
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
