//! What is simulated: files of rows, late, early, malformed, and queries over them, all from a seed.

use std::fmt::Write as _;

use super::keyed::{Chain, Firsts, Sessions};
use super::model::{Groups, Mode, Row, Stateful};
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
    pub kind: Kind,
    /// Length and slide of the windows.
    pub window: Option<(i64, i64)>,
    pub mode: Mode,
    /// Rows of this url are not wanted.
    pub without: Option<&'static str>,
    /// A second query takes the groups of at least so many rows.
    pub having: Option<i64>,
}

/// What a query keeps state for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Groups by url, in windows or not.
    Groups,
    /// Groups by url and session.
    Sessions { gap: i64 },
    /// `SELECT DISTINCT` of url and time.
    Distinct,
    /// A node that passes the first row of each url, or of each url and time.
    Firsts { with_time: bool, within: Option<i64> },
    /// Windows of this size over the windows, in one query or in two.
    Chain { size: i64, in_one: bool },
}

impl Kind {
    /// From numbers of its own: what else a seed draws does not move.
    fn draw(random: &mut Random, windowed: bool, mode: &mut Mode) -> Self {
        let kind = match random.below(10) {
            0 | 1 => Self::Sessions { gap: random.between(1, 40) * SECOND },
            2 => Self::Distinct,
            3 => Self::Firsts { with_time: true, within: None },
            4 => Self::Firsts { with_time: false, within: random.one_in(2).then(|| random.between(0, 90) * SECOND) },
            5 if windowed => Self::Chain { size: random.between(1, 24) * 5 * SECOND, in_one: random.one_in(2) },
            _ => Self::Groups,
        };
        match kind {
            Self::Groups => {}
            Self::Sessions { .. } if *mode == Mode::Complete => {}
            _ => *mode = Mode::Append,
        }
        kind
    }
}

impl Query {
    /// What it means, behind a watermark with this delay.
    pub fn model(&self, delay: i64) -> Stateful {
        match self.kind {
            Kind::Groups => Stateful::Groups(Groups::new(self.window, self.mode)),
            Kind::Sessions { gap } => Stateful::Sessions(Sessions::new(gap, self.mode)),
            Kind::Distinct => Stateful::Firsts(Firsts::new(true, true, 0)),
            Kind::Firsts { with_time, within } => {
                Stateful::Firsts(Firsts::new(with_time, false, within.unwrap_or(delay)))
            }
            Kind::Chain { size, .. } => Stateful::Chain(Groups::new(self.window, Mode::Append), Chain::new(size)),
        }
    }

    /// Whether a watermark that moves changes anything.
    pub fn closes(&self) -> bool {
        self.mode != Mode::Complete && (self.kind != Kind::Groups || self.window.is_some())
    }

    /// Whether what comes out has been counted.
    fn counts(&self) -> bool {
        matches!(self.kind, Kind::Groups | Kind::Sessions { .. })
    }
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
        let mut mode = match random.below(6) {
            0..=2 if windowed => Mode::Append,
            3 => Mode::Complete,
            _ => Mode::Update,
        };
        let slide = random.between(1, 8) * 5 * SECOND;
        let size = slide * random.between(1, 4) - if random.one_in(4) { SECOND } else { 0 };
        let mut kinds = Random::new(random.clone().next());
        let kind = Kind::draw(&mut kinds, windowed, &mut mode);
        let mut query = Query {
            kind,
            window: windowed.then_some((size.max(slide), slide)),
            mode,
            without: random.one_in(3).then_some("/b"),
            having: (mode != Mode::Complete && random.one_in(3)).then(|| random.between(1, 4)),
        };
        query.having = query.having.filter(|_| query.counts());
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
        let windows = |(size, slide): (i64, i64)| format!("window(t, '{}', '{}')", seconds(size), seconds(slide));
        let sql = match (query.kind, query.window) {
            (Kind::Sessions { gap }, _) => format!(
                "SELECT session_window.start, session_window.end, url, count(*) AS n, sum(bytes) AS total, max(bytes) AS most \
                 FROM {source}{filter} GROUP BY session_window(t, '{}'), url",
                seconds(gap)
            ),
            (Kind::Distinct, _) => format!("SELECT DISTINCT url, t FROM {source}{filter}"),
            (Kind::Firsts { .. }, _) => format!("SELECT url, t, bytes FROM {source}{filter}"),
            (Kind::Chain { size, in_one }, Some(first)) => {
                let first =
                    format!("SELECT window, url, count(*) AS n FROM {source}{filter} GROUP BY {}, url", windows(first));
                let inner = if in_one {
                    format!("({first})")
                } else {
                    write!(text, "[operator.i_{source}]\nsql = \"{first}\"\n").unwrap();
                    format!("i_{source}")
                };
                format!(
                    "SELECT window.start, count(*) AS groups, sum(n) AS n FROM {inner} GROUP BY window(window, '{}')",
                    seconds(size)
                )
            }
            (_, Some((size, slide))) => format!(
                "SELECT window.start, url, count(*) AS n, sum(bytes) AS total, min(bytes) AS least, max(bytes) AS most \
                 FROM {source}{filter} GROUP BY window(t, '{}', '{}'), url",
                seconds(size),
                seconds(slide)
            ),
            (_, None) => format!("SELECT url, count(*) AS n, sum(bytes) AS total FROM {source}{filter} GROUP BY url"),
        };
        let mode = match query.mode {
            Mode::Append => "append",
            Mode::Update => "update",
            Mode::Complete => "complete",
        };
        let late = if self.has_late() { format!("late = \"late_{source}\"\n") } else { String::new() };
        if let Kind::Firsts { with_time, within } = query.kind {
            let keys = if with_time { "\"url\", \"t\"" } else { "\"url\"" };
            let within = within.map_or(String::new(), |within| format!(", within = \"{}\"", seconds(within)));
            let dedup = format!("dedup = {{ keys = [{keys}]{within} }}");
            write!(text, "[operator.i_{source}]\nsql = \"{sql}\"\n").unwrap();
            write!(text, "[operator.q_{source}]\ninput = \"i_{source}\"\n{dedup}\n{late}").unwrap();
        } else {
            write!(text, "[operator.q_{source}]\nsql = \"{sql}\"\noutput_mode = \"{mode}\"\n{late}").unwrap();
        }
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
        self.query.closes() && !matches!(self.query.kind, Kind::Chain { .. })
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
