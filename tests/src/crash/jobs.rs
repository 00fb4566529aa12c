//! The jobs that are killed, and their input: the same for every run, down to the files' modification times, which
//! are part of the state.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::support::here;

/// Files of input, one per epoch.
pub const FILES: usize = 8;

/// A job: its name, and what its file says beside name, checkpoint and source.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: &'static str,
    pub text: String,
    pub input: Input,
}

/// What its source's files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// Rows per file.
    pub rows: u64,
    /// One row in so many is followed by a malformed line.
    pub malformed: u64,
    /// That many bytes longer than needed, each.
    pub padding: usize,
    /// One row in so many is late.
    pub late: u64,
}

const SMALL: Input = Input { rows: 150, malformed: 50, padding: 0, late: u64::MAX };

pub fn file(name: &str, input: &str, format: &str, more: &str) -> String {
    format!(
        "[sink.{name}]\ninput = \"{input}\"\nconnector = \"file\"\npath = \"out/{name}\"\nformat = \"{format}\"\n{more}\n"
    )
}

pub fn sql(name: &str, mode: &str, text: &str) -> String {
    format!("[operator.{name}]\nsql = \"{text}\"\noutput_mode = \"{mode}\"\n")
}

pub fn plugin(name: &str) -> String {
    here().join("../plugins").canonicalize().unwrap().join(name).display().to_string()
}

const WINDOWS: &str = "SELECT window.start, url, count(*) AS n, sum(bytes) AS bytes FROM logs GROUP BY window(timestamp, '2 minutes', '1 minute'), url";
const COUNTS: &str = "SELECT url, count(*) AS n FROM logs GROUP BY url";

/// All of them. Between them they pass every fault point.
pub fn cases() -> Vec<Case> {
    let case = |name, text, input| Case { name, text, input };
    vec![
        case("windows", sql("w", "append", WINDOWS) + &file("a", "w", "parquet", ""), SMALL),
        case("snapshot", sql("c", "complete", COUNTS) + &file("a", "c", "csv", ""), SMALL),
        case("changelog", sql("u", "update", COUNTS) + &file("a", "u", "json", "changelog = true"), SMALL),
        two_sinks(),
        // Rows as they come and state under long keys: files aside, several to an epoch.
        case(
            "large",
            sql(
                "big",
                "update",
                "SELECT repeat(user, 20) AS who, url, bytes, count(*) AS n FROM logs GROUP BY repeat(user, 20), url, bytes",
            ) + &file("a", "big", "json", "changelog = true")
                + &file("b", "logs", "csv", ""),
            Input { rows: 6000, ..SMALL },
        ),
        case(
            "flat_map",
            words("/") + &sql("c", "complete", "SELECT word, count(*) AS n FROM words GROUP BY word")
                + &file("a", "c", "csv", "")
                + &file("b", "words", "json", ""),
            SMALL,
        ),
        case(
            "aggregate",
            format!("[plugin.most]\npath = {:?}\nwith = {{ output = \"max\" }}\n", plugin("sum-and-max"))
                + &sql(
                    "w",
                    "append",
                    "SELECT window.start, url, most(bytes) AS most FROM logs GROUP BY window(timestamp, '1 minute'), url",
                )
                + &file("a", "w", "json", ""),
            SMALL,
        ),
        // State and timers per key, and rows that come out when the watermark has passed these.
        case(
            "keyed",
            format!(
                "[plugin.count]\npath = {:?}\n[operator.k]\ninput = \"logs\"\nplugin = \"count\"\nkey_by = [\"user\"]\nwith = {{ do = \"timers\" }}\n",
                here().join("../host/plugin/tests/guest/keyed").canonicalize().unwrap().display().to_string()
            ) + &file("a", "k", "json", "")
                + &file("b", "logs", "csv", ""),
            SMALL,
        ),
        // Late rows to a sink of their own, and so many dead letters that they are written aside.
        case(
            "late",
            "[operator.w]\nlate = \"late\"\noutput_mode = \"append\"\nsql = \"SELECT window.start, count(*) AS n FROM logs GROUP BY window(timestamp, '10 seconds')\"\n"
                .to_owned()
                + &file("a", "w", "json", "")
                + "[sink.late]\nconnector = \"file\"\npath = \"out/late\"\nformat = \"json\"\n",
            Input { rows: 200, malformed: 2, padding: 1500, late: 7 },
        ),
    ]
}

/// Appended files and a snapshot beside each other.
pub fn two_sinks() -> Case {
    let text = sql("w", "append", WINDOWS)
        + &sql("c", "complete", COUNTS)
        + &file("a", "w", "json", "")
        + &file("b", "c", "csv", "");
    Case { name: "two_sinks", text, input: SMALL }
}

/// A stateless plugin, with the separator given to it.
pub fn words(separator: &str) -> String {
    format!(
        "[plugin.split]\npath = {:?}\n[operator.words]\ninput = \"logs\"\nplugin = \"split\"\nwith = {{ column = \"url\", separator = \"{separator}\" }}\n",
        plugin("split-words")
    )
}

/// Writes the job and its input: a minute per file, times out of order, some lines malformed.
pub fn lay_out(folder: &Path, case: &Case) {
    write_job(folder, &case.text);
    for part in 0..FILES {
        write_input(folder, part, &rows(part as u64, case.input));
    }
}

pub fn write_job(folder: &Path, text: &str) {
    std::fs::create_dir_all(folder.join("data")).unwrap();
    let head = "name = \"crash\"\ncheckpoint = \"state\"\nkeep_epochs = 0\n[source.logs]\npath = \"data\"\nformat = \"json\"\n\
                schema = { url = \"utf8\", timestamp = \"timestamp\", bytes = \"int64\", user = \"utf8\" }\n\
                max_files_per_epoch = 1\nevent_time = \"timestamp\"\nwatermark = \"20s\"\n";
    std::fs::write(folder.join("job.toml"), format!("{head}{text}")).unwrap();
}

pub fn input_file(folder: &Path, part: usize) -> std::path::PathBuf {
    folder.join(format!("data/part-{part}.json"))
}

pub fn write_input(folder: &Path, part: usize, text: &str) {
    let path = input_file(folder, part);
    std::fs::write(&path, text).unwrap();
    let modified = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + part as u64);
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
}

pub fn rows(part: u64, input: Input) -> String {
    let mut seed = 0x9E37_79B9_7F4A_7C15u64 ^ (part << 40);
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut text = String::new();
    for row in 0..input.rows {
        let behind = if next(input.late) == 0 && input.late < u64::MAX { 200 } else { next(40) };
        let at = 1_700_000_000 + part * 60 + row * 60 / input.rows - behind;
        if next(input.malformed) == 0 {
            writeln!(text, "{{\"url\": oops {row}{}", "!".repeat(input.padding)).unwrap();
        }
        let (url, bytes, user) = (next(12), next(5000), next(300));
        writeln!(text, "{{\"url\":\"/p/{url}\",\"timestamp\":{at},\"bytes\":{bytes},\"user\":\"user-{user}\"}}")
            .unwrap();
    }
    text
}
