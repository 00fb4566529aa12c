//! Queries over one stream, or over several as one: in SQL, and what they mean.

use std::fmt::Write as _;

use super::keyed::{Chain, Firsts, Sessions, Throttle};
use super::model::{Groups, Mode, Stateful};
use super::random::Random;
use super::scenario::Stream;
use super::time::SECOND;

/// A query and what it reads.
#[derive(Debug)]
pub struct Question {
    /// What the names of its nodes and sinks end with.
    pub name: String,
    /// The numbers of the streams.
    pub of: Vec<usize>,
    /// Of several: the greatest watermark counts, not the least.
    pub greatest: bool,
    /// Of several: rows of this url of the last one are left out.
    pub except: Option<&'static str>,
    /// Of several: they are put together in the query itself.
    in_one: bool,
    pub query: Query,
}

/// What happens to the rows.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    pub kind: QueryKind,
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
pub enum QueryKind {
    /// Groups by url, in windows or not.
    Groups,
    /// Groups by url and session.
    Sessions { gap: i64 },
    /// `SELECT DISTINCT` of url and time.
    Distinct,
    /// A node that passes the first row of each url, or of each url and time.
    Firsts { with_time: bool, within: Option<i64> },
    /// A node that passes so many rows of each url in each of the windows of this length.
    Throttle { rows: usize, per: i64 },
    /// Windows of this size over the windows, in one query or in two.
    Chain { size: i64, in_one: bool },
}

impl QueryKind {
    /// From numbers of its own: what else a seed draws does not move.
    fn draw(random: &mut Random, windowed: bool, mode: &mut Mode) -> Self {
        let kind = match random.below(10) {
            0 | 1 => Self::Sessions { gap: random.between(1, 40) * SECOND },
            2 => Self::Distinct,
            3 => Self::Firsts { with_time: true, within: None },
            4 => Self::Firsts { with_time: false, within: random.one_in(2).then(|| random.between(0, 90) * SECOND) },
            6 => Self::Throttle { rows: 1 + random.below(3) as usize, per: random.between(1, 60) * SECOND },
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

impl Question {
    /// What is asked of one stream.
    pub fn of_one(number: usize, stream: &Stream, query: Query) -> Self {
        Self { name: stream.name.clone(), of: vec![number], greatest: false, except: None, in_one: false, query }
    }

    /// What is asked of several streams as one, or of one of them and itself. Some of them may be idle.
    pub fn of_several(streams: &mut [Stream], random: &mut Random) -> Self {
        for stream in streams.iter_mut() {
            stream.idle_after = random.one_in(3).then(|| random.between(1, 2000) * SECOND / 1000);
        }
        let mut question = Self {
            name: "u".to_owned(),
            of: if streams.len() == 2 && !random.one_in(6) { vec![0, 1] } else { vec![0, 0] },
            greatest: random.one_in(2),
            except: random.one_in(3).then_some("/a"),
            in_one: random.one_in(2),
            query: Query::new(random),
        };
        if let (QueryKind::Throttle { .. }, [0, 0]) = (question.query.kind, question.of.as_slice()) {
            // A chunk's rows go both ways before the next chunk's: which are the first, only the chunks say.
            question.query.kind = QueryKind::Firsts { with_time: true, within: None };
        }
        question
    }

    /// Its part of the job file.
    pub fn job(&self, streams: &[Stream]) -> String {
        if let [one] = self.of.as_slice() {
            return self.query.job(&self.name, &streams[*one].name, "");
        }
        let mut all: Vec<String> =
            self.of.iter().map(|n| format!("SELECT url, t, bytes FROM {}", streams[*n].name)).collect();
        if let (Some(last), Some(except)) = (all.last_mut(), self.except) {
            write!(last, " WHERE url <> '{except}'").unwrap();
        }
        let (all, policy) = (all.join(" UNION ALL "), policy(self.greatest));
        if self.in_one {
            return self.query.job(&self.name, &format!("({all})"), policy);
        }
        let both = format!("[operator.both]\nsql = \"{all}\"\n{policy}") + &sink("both", "both", "");
        both + &self.query.job(&self.name, "both", "")
    }

    /// Whether there is a sink of the rows of all streams.
    pub fn shows_all(&self) -> bool {
        self.of.len() > 1 && !self.in_one
    }

    /// What the query means.
    pub fn model(&self, streams: &[Stream]) -> Stateful {
        self.query.model(self.of.iter().map(|n| streams[*n].delay).max().unwrap_or(0))
    }
}

impl Query {
    pub fn new(random: &mut Random) -> Self {
        let windowed = !random.one_in(4);
        let mut mode = match random.below(6) {
            0..=2 if windowed => Mode::Append,
            3 => Mode::Complete,
            _ => Mode::Update,
        };
        let slide = random.between(1, 8) * 5 * SECOND;
        let size = slide * random.between(1, 4) - if random.one_in(4) { SECOND } else { 0 };
        let mut kinds = Random::new(random.clone().next());
        let kind = QueryKind::draw(&mut kinds, windowed, &mut mode);
        let mut query = Self {
            kind,
            window: windowed.then_some((size.max(slide), slide)),
            mode,
            without: random.one_in(3).then_some("/b"),
            having: (mode != Mode::Complete && random.one_in(3)).then(|| random.between(1, 4)),
        };
        query.having = query.having.filter(|_| query.counts());
        query
    }

    fn model(&self, delay: i64) -> Stateful {
        match self.kind {
            QueryKind::Groups => Stateful::Groups(Groups::new(self.window, self.mode)),
            QueryKind::Sessions { gap } => Stateful::Sessions(Sessions::new(gap, self.mode)),
            QueryKind::Distinct => Stateful::Firsts(Firsts::new(true, true, 0)),
            QueryKind::Firsts { with_time, within } => {
                Stateful::Firsts(Firsts::new(with_time, false, within.unwrap_or(delay)))
            }
            QueryKind::Throttle { rows, per } => Stateful::Throttle(Throttle::new(rows, per)),
            QueryKind::Chain { size, .. } => Stateful::Chain(Groups::new(self.window, Mode::Append), Chain::new(size)),
        }
    }

    /// Whether a watermark that moves changes anything.
    pub fn closes(&self) -> bool {
        self.mode != Mode::Complete && (self.kind != QueryKind::Groups || self.window.is_some())
    }

    /// Whether what comes out has been counted.
    fn counts(&self) -> bool {
        matches!(self.kind, QueryKind::Groups | QueryKind::Sessions { .. })
    }

    /// The node for which rows are late: what begins its name; none where none can be late.
    pub fn late_node(&self) -> Option<&'static str> {
        let first = if matches!(self.kind, QueryKind::Chain { in_one: false, .. }) { "i" } else { "q" };
        self.closes().then_some(first)
    }

    /// The query and its sinks in a job file. `input` is what it reads, `more` what that asks for beside.
    fn job(&self, name: &str, input: &str, more: &str) -> String {
        let filter = self.without.map_or(String::new(), |url| format!(" WHERE url <> '{url}'"));
        let from = format!("FROM {input}{filter}");
        let late = self.late(name);
        let mut text = String::new();
        let sql = match (self.kind, self.window) {
            (QueryKind::Sessions { gap }, _) => format!(
                "SELECT session_window.start, session_window.end, url, count(*) AS n, sum(bytes) AS total, max(bytes) AS most, \
                 count(DISTINCT bytes) AS kinds, sum(DISTINCT bytes % 7) FILTER (WHERE bytes > 20) AS some \
                 {from} GROUP BY session_window(t, '{}'), url",
                milliseconds(gap)
            ),
            (QueryKind::Distinct, _) => format!("SELECT DISTINCT url, t {from}"),
            (QueryKind::Firsts { with_time, within }, _) => {
                let keys = if with_time { "\"url\", \"t\"" } else { "\"url\"" };
                let within = within.map_or(String::new(), |within| format!(", within = \"{}\"", milliseconds(within)));
                return self.node(name, &format!("dedup = {{ keys = [{keys}]{within} }}"), &from, more);
            }
            (QueryKind::Throttle { rows, per }, _) => {
                let per = milliseconds(per);
                let throttle = format!("throttle = {{ keys = [\"url\"], rows = {rows}, per = \"{per}\" }}");
                return self.node(name, &throttle, &from, more);
            }
            (QueryKind::Chain { size, in_one }, Some(first)) => {
                let first = format!("SELECT window, url, count(*) AS n {from} GROUP BY {}, url", windows("t", first));
                let over = |inner: &str| {
                    let by = milliseconds(size);
                    format!(
                        "SELECT window.start, count(*) AS groups, sum(n) AS n FROM {inner} GROUP BY window(window, '{by}')"
                    )
                };
                if !in_one {
                    write!(text, "[operator.i_{name}]\nsql = \"{first}\"\n{more}{late}").unwrap();
                    write!(text, "[operator.q_{name}]\nsql = \"{}\"\n", over(&format!("i_{name}"))).unwrap();
                    return text + &self.sinks(name);
                }
                over(&format!("({first})"))
            }
            (_, Some(window)) => format!(
                "SELECT window.start, url, count(*) AS n, sum(bytes) AS total, min(bytes) AS least, max(bytes) AS most \
                 {from} GROUP BY {}, url",
                windows("t", window)
            ),
            (_, None) => format!("SELECT url, count(*) AS n, sum(bytes) AS total {from} GROUP BY url"),
        };
        let mode = match self.mode {
            Mode::Append => "append",
            Mode::Update => "update",
            Mode::Complete => "complete",
        };
        write!(text, "[operator.q_{name}]\nsql = \"{sql}\"\noutput_mode = \"{mode}\"\n{more}{late}").unwrap();
        text + &self.sinks(name)
    }

    /// Where late rows go, if any can be late: a line of the node.
    fn late(&self, name: &str) -> String {
        if self.late_node().is_some() { format!("late = \"late_{name}\"\n") } else { String::new() }
    }

    /// A node that is no query, behind one that reads for it.
    fn node(&self, name: &str, what: &str, from: &str, more: &str) -> String {
        let late = self.late(name);
        let reads = format!("[operator.i_{name}]\nsql = \"SELECT url, t, bytes {from}\"\n{more}");
        format!("{reads}[operator.q_{name}]\ninput = \"i_{name}\"\n{what}\n{late}") + &self.sinks(name)
    }

    fn sinks(&self, name: &str) -> String {
        let changelog = if self.mode == Mode::Update { "changelog = true\n" } else { "" };
        let mut text = sink(&format!("q_{name}"), &format!("q_{name}"), changelog);
        if let Some(least) = self.having {
            write!(text, "[operator.h_{name}]\nsql = \"SELECT url, n FROM q_{name} WHERE n >= {least}\"\n").unwrap();
            text += &sink(&format!("h_{name}"), &format!("h_{name}"), changelog);
        }
        if self.late_node().is_some() {
            text += &late_sink(&format!("late_{name}"));
        }
        text
    }
}

pub fn milliseconds(micros: i64) -> String {
    format!("{}ms", micros / 1000)
}

pub fn windows(time: &str, (size, slide): (i64, i64)) -> String {
    format!("window({time}, '{}', '{}')", milliseconds(size), milliseconds(slide))
}

/// Which watermark of several counts.
pub fn policy(greatest: bool) -> &'static str {
    if greatest { "watermark_policy = \"max\"\n" } else { "" }
}

/// A file sink.
pub fn sink(name: &str, input: &str, more: &str) -> String {
    late_sink(name) + &format!("input = \"{input}\"\n{more}")
}

/// A file sink that an operator sends late rows to.
pub fn late_sink(name: &str) -> String {
    format!("[sink.{name}]\nconnector = \"file\"\npath = \"out/{name}\"\nformat = \"json\"\n")
}
