//! What is simulated: files of rows, late, early, malformed, and queries over them, all from a seed.

use std::fmt::Write as _;

use super::model::{Mode, Row};
use super::random::Random;
use super::time::{NOON, SECOND, shown};

/// One source with what is asked of it.
#[derive(Debug)]
pub struct Pipeline {
    pub source: String,
    pub files: Vec<File>,
    pub max_files: u64,
    /// How long the watermark waits.
    pub delay: i64,
    pub query: Query,
    /// A file sink takes the source's rows as they are.
    pub raw: bool,
}

/// What happens to a source's rows.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    /// Length and slide of the windows.
    pub window: Option<(i64, i64)>,
    pub mode: Mode,
    /// Rows of this url are not wanted.
    pub without: Option<&'static str>,
    /// A second query takes the groups of at least so many rows.
    pub having: Option<i64>,
}

/// A file of the input.
#[derive(Debug, Clone)]
pub struct File {
    pub name: String,
    pub text: String,
    pub rows: Vec<Row>,
    /// Lines that are no rows.
    pub malformed: Vec<u64>,
    /// Where the text is cut into chunks: byte offsets behind newlines.
    pub cuts: Vec<usize>,
}

const URLS: [&str; 4] = ["/", "/a", "/b", "/c"];

impl Pipeline {
    pub fn new(number: usize, random: &mut Random) -> Self {
        let source = format!("s{number}");
        let windowed = !random.one_in(4);
        let mode = match random.below(6) {
            0..=2 if windowed => Mode::Append,
            3 => Mode::Complete,
            _ => Mode::Update,
        };
        let slide = random.between(1, 8) * 5 * SECOND;
        let size = slide * random.between(1, 4) - if random.one_in(4) { SECOND } else { 0 };
        let query = Query {
            window: windowed.then_some((size.max(slide), slide)),
            mode,
            without: random.one_in(3).then_some("/b"),
            having: (mode != Mode::Complete && random.one_in(3)).then(|| random.between(1, 4)),
        };
        let (step, spread) = (random.between(1, 60) * SECOND, random.between(1, 90) * SECOND);
        let most = if random.one_in(3) { 25 } else { 9 };
        let files = (0..random.between(1, most)).map(|n| File::new(&source, n, step, spread, random)).collect();
        Self {
            files,
            source,
            max_files: random.between(1, 4) as u64,
            delay: random.between(0, 60) * SECOND,
            query,
            raw: random.one_in(3),
        }
    }

    /// Its part of the job file.
    pub fn job(&self) -> String {
        let Self { source, max_files, delay, query, .. } = self;
        let seconds = |micros: i64| format!("{}ms", micros / 1000);
        let mut text = format!(
            "[source.{source}]\npath = \"in/{source}\"\nformat = \"json\"\nmax_files_per_epoch = {max_files}\n\
             schema = {{ url = \"utf8\", t = \"timestamp\", bytes = \"int64\" }}\nevent_time = \"t\"\nwatermark = \"{}\"\n",
            seconds(*delay)
        );
        let filter = query.without.map_or(String::new(), |url| format!(" WHERE url <> '{url}'"));
        let sql = match query.window {
            Some((size, slide)) => format!(
                "SELECT window.start, url, count(*) AS n, sum(bytes) AS total, min(bytes) AS least, max(bytes) AS most \
                 FROM {source}{filter} GROUP BY window(t, '{}', '{}'), url",
                seconds(size),
                seconds(slide)
            ),
            None => format!("SELECT url, count(*) AS n, sum(bytes) AS total FROM {source}{filter} GROUP BY url"),
        };
        let mode = match query.mode {
            Mode::Append => "append",
            Mode::Update => "update",
            Mode::Complete => "complete",
        };
        let late = if self.has_late() { format!("late = \"late_{source}\"\n") } else { String::new() };
        write!(text, "[operator.q_{source}]\nsql = \"{sql}\"\noutput_mode = \"{mode}\"\n{late}").unwrap();
        let changelog = if query.mode == Mode::Update { "changelog = true\n" } else { "" };
        text += &sink(&format!("q_{source}"), &format!("q_{source}"), changelog);
        if let Some(least) = query.having {
            write!(text, "[operator.h_{source}]\nsql = \"SELECT url, n FROM q_{source} WHERE n >= {least}\"\n")
                .unwrap();
            text += &sink(&format!("h_{source}"), &format!("h_{source}"), changelog);
        }
        if self.raw {
            text += &sink(&format!("raw_{source}"), source, "");
        }
        if self.has_late() {
            write!(
                text,
                "[sink.late_{source}]\nconnector = \"file\"\npath = \"out/late_{source}\"\nformat = \"json\"\n"
            )
            .unwrap();
        }
        text
    }

    /// Whether rows can be late.
    pub fn has_late(&self) -> bool {
        self.query.window.is_some() && self.query.mode != Mode::Complete
    }
}

fn sink(name: &str, input: &str, more: &str) -> String {
    format!(
        "[sink.{name}]\ninput = \"{input}\"\nconnector = \"file\"\npath = \"out/{name}\"\nformat = \"json\"\n{more}"
    )
}

impl File {
    fn new(source: &str, number: i64, step: i64, spread: i64, random: &mut Random) -> Self {
        let name = format!("in/{source}/{number:03}.json");
        let mut file = Self { name, text: String::new(), rows: Vec::new(), malformed: Vec::new(), cuts: Vec::new() };
        for line in 1..=random.below(14) {
            match random.below(24) {
                0 => {
                    file.malformed.push(line);
                    file.text += *random.pick(&["{\"url\":", "oops", "{\"url\":\"/\",\"t\":\"never\"}", "[]"]);
                }
                // A line without anything is no row and no error.
                1 => {}
                _ => {
                    let row = Self::row(&file.name, line, number, step, spread, random);
                    let time = row.time.map_or("null".to_owned(), |time| format!("\"{}\"", shown(time)));
                    let bytes = row.bytes.map_or("null".to_owned(), |bytes| bytes.to_string());
                    write!(file.text, "{{\"url\":\"{}\",\"t\":{time},\"bytes\":{bytes}}}", row.url).unwrap();
                    file.rows.push(row);
                }
            }
            file.text.push('\n');
            if random.one_in(5) {
                file.cuts.push(file.text.len());
            }
        }
        file
    }

    fn row(file: &str, line: u64, number: i64, step: i64, spread: i64, random: &mut Random) -> Row {
        // On a grid, so that rows often stand at the very edge of a window, or of a watermark.
        let grid = *random.pick(&[SECOND / 4, SECOND, 5 * SECOND]);
        let on = number * step + random.between(0, step) - random.between(0, spread);
        let far = match random.below(60) {
            0 => random.between(-3600, 0) * SECOND,
            1 => random.between(0, 600) * SECOND,
            _ => 0,
        };
        Row {
            url: (*random.pick(&URLS)).to_owned(),
            time: (!random.one_in(25)).then(|| (NOON + on + far).div_euclid(grid) * grid),
            bytes: (!random.one_in(10)).then(|| random.between(-5, 1000)),
            file: file.to_owned(),
            line,
        }
    }
}

/// The whole job.
pub fn job(pipelines: &[Pipeline]) -> String {
    let head = "name = \"simulated\"\ncheckpoint = \"state\"\n".to_owned();
    head + &pipelines.iter().map(Pipeline::job).collect::<String>()
}
