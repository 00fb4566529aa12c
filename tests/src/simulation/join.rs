//! A join of the job's streams, or of one with itself, and windows over it: as a query. What it means is in
//! [`super::pairs`].

use std::fmt::Write as _;

use super::model::Row;
use super::query::{late_sink, policy, sink, windows};
use super::random::Random;
use super::scenario::Stream;
use super::time::SECOND;

/// Which rows come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Semi,
}

impl JoinKind {
    /// Whether rows of the left side (0) or the right one (1) come out without a match.
    pub fn keeps(self, side: usize) -> bool {
        self == Self::Full || self == [Self::Left, Self::Right][side]
    }
}

/// A join.
#[derive(Debug)]
pub struct Join {
    pub kind: JoinKind,
    /// The numbers of the streams, left and right.
    pub sides: [usize; 2],
    /// On the left are not the stream's rows, but groups by url in windows of this length; their time is their end.
    pub windows: Option<i64>,
    /// The right time is so much later than the left one, at least and at most.
    pub apart: Option<(i64, i64)>,
    /// Both times lie in one window of this length.
    pub bin: Option<i64>,
    /// Rows of this url have a null as their key.
    without: Option<&'static str>,
    /// The left row has fewer bytes than the right one.
    ordered: bool,
    /// The row of a side has so many bytes.
    enough: [Option<i64>; 2],
    /// The greatest watermark counts, not the least.
    pub greatest: bool,
    pub counted: Option<Counted>,
}

/// What comes out is counted, in windows over one of the two event times.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// Length and slide.
    pub window: (i64, i64),
    /// By the left time (0) or the right one (1).
    pub side: usize,
    /// The join and the windows are one query.
    pub in_one: bool,
}

/// The columns of a side.
const COLUMNS: [[&str; 3]; 2] = [["lu", "lt", "lb"], ["ru", "rt", "rb"]];

impl Join {
    pub fn new(streams: &[Stream], random: &mut Random) -> Self {
        let kind = *random.pick(&[JoinKind::Inner, JoinKind::Left, JoinKind::Right, JoinKind::Full, JoinKind::Semi]);
        let sides = if streams.len() == 2 { *random.pick(&[[0, 1], [0, 1], [1, 0], [0, 0]]) } else { [0, 0] };
        let windows = random.one_in(6).then(|| random.between(1, 12) * 5 * SECOND);
        let bin = (windows.is_none() && random.one_in(4)).then(|| random.between(2, 60) * SECOND);
        let (a, b) = (random.between(-60, 60), random.between(-60, 60));
        let unit = *random.pick(&[SECOND / 4, SECOND]);
        // An open bound is a microsecond off.
        let open = i64::from(a != b && random.one_in(4));
        let mut apart = Some((a.min(b) * unit + open, a.max(b) * unit - open));
        if let Some(size) = bin {
            // Times in one window are less than its length apart.
            apart = apart.filter(|(least, most)| *least < size && *most > -size && !random.one_in(3));
        }
        let mut join = Self {
            kind,
            sides,
            windows,
            apart,
            bin,
            without: random.one_in(4).then_some("/b"),
            ordered: random.one_in(3),
            enough: [400, 200].map(|least| random.one_in(5).then_some(least)),
            greatest: random.one_in(3),
            counted: None,
        };
        if random.one_in(2) {
            let slide = random.between(1, 40) * SECOND;
            let window = (slide * random.between(1, 4), slide);
            let side = if kind == JoinKind::Semi { 0 } else { random.below(2) as usize };
            // A query over rows that may have no time leaves these out.
            let in_one = random.one_in(2) && !kind.keeps(1 - side);
            // A window's end is no event time.
            join.counted = Some(Counted { window, side, in_one }).filter(|c| c.side == 1 || windows.is_none());
        }
        join
    }

    /// The least and the greatest distance of two times that can match.
    pub fn reach(&self) -> (i64, i64) {
        let across = self.bin.map_or(i64::MAX, |size| size - 1);
        let (least, most) = self.apart.unwrap_or((-across, across));
        (least.max(-across), most.min(across))
    }

    /// A row's key; none is a null.
    pub fn key<'r>(&self, row: &'r Row) -> Option<&'r str> {
        (self.without != Some(row.url.as_str())).then_some(row.url.as_str())
    }

    /// What is asked of a side's row alone.
    pub fn is_enough(&self, side: usize, row: &Row) -> bool {
        self.enough[side].is_none_or(|least| row.bytes.is_some_and(|b| b >= least))
    }

    /// What is asked of two rows with the same key, beside their times.
    pub fn is_ordered(&self, left: &Row, right: &Row) -> bool {
        !self.ordered || left.bytes.zip(right.bytes).is_some_and(|(l, r)| l < r)
    }

    /// The time and the bytes of a side's row.
    fn names(&self, side: usize) -> [&'static str; 2] {
        match (side, self.windows) {
            (0, Some(_)) => ["l.window.end", "l.n"],
            (0, None) => ["l.t", "l.bytes"],
            _ => ["r.t", "r.bytes"],
        }
    }

    fn condition(&self) -> String {
        let key = |side: &str| match self.without {
            Some(url) => format!("nullif({side}.url, '{url}')"),
            None => format!("{side}.url"),
        };
        let [[lt, lb], [rt, rb]] = [0, 1].map(|side| self.names(side));
        let length = |by: i64| format!("INTERVAL '{} milliseconds'", by / 1000);
        let mut on = format!("{} = {}", key("l"), key("r"));
        match self.apart {
            Some((least, most)) if least % 1000 == 0 => {
                write!(on, " AND {rt} BETWEEN {lt} + {} AND {lt} + {}", length(least), length(most)).unwrap();
            }
            Some((least, most)) => {
                let (least, most) = (length(least - 1), length(most + 1));
                write!(on, " AND {rt} - {lt} > {least} AND {lt} > {rt} - {most}").unwrap();
            }
            None => {}
        }
        if let Some(size) = self.bin {
            let bin = |time: &str| format!("date_bin({}, {time})", length(size));
            write!(on, " AND {} = {}", bin(lt), bin(rt)).unwrap();
        }
        if self.ordered {
            write!(on, " AND {lb} < {rb}").unwrap();
        }
        for (bytes, least) in [lb, rb].into_iter().zip(self.enough) {
            if let Some(least) = least {
                write!(on, " AND {bytes} >= {least}").unwrap();
            }
        }
        on
    }

    /// Its part of the job file.
    pub fn job(&self, streams: &[Stream]) -> String {
        let mut text = String::new();
        let [left, right] = self.sides.map(|side| streams[side].name.as_str());
        let left = match self.windows {
            None => left,
            Some(size) => {
                let by = windows("t", (size, size));
                let sql = format!("SELECT window, url, count(*) AS n FROM {left} GROUP BY {by}, url");
                write!(text, "[operator.over]\nsql = \"{sql}\"\n").unwrap();
                "over"
            }
        };
        let kind = match self.kind {
            JoinKind::Semi => "LEFT SEMI",
            JoinKind::Inner => "INNER",
            JoinKind::Left => "LEFT",
            JoinKind::Right => "RIGHT",
            JoinKind::Full => "FULL OUTER",
        };
        let columns: Vec<String> = (0..if self.kind == JoinKind::Semi { 1 } else { 2 })
            .flat_map(|side| {
                let ([time, bytes], row) = (self.names(side), ["l", "r"][side]);
                let from = [format!("{row}.url"), time.to_owned(), bytes.to_owned()];
                from.into_iter().zip(COLUMNS[side]).map(|(from, to)| format!("{from} AS {to}"))
            })
            .collect();
        let sql = format!("SELECT {} FROM {left} l {kind} JOIN {right} r ON {}", columns.join(", "), self.condition());
        let more = format!("late = \"late_joined\"\n{}", policy(self.greatest));
        text += &late_sink("late_joined");
        match &self.counted {
            Some(counted) if counted.in_one => {
                write!(text, "[operator.counted]\nsql = \"{}\"\n{more}", counted.sql(&format!("({sql})"), "")).unwrap();
            }
            counted => {
                write!(text, "[operator.joined]\nsql = \"{sql}\"\n{more}").unwrap();
                text += &sink("joined", "joined", "");
                if let Some(counted) = counted {
                    let filter = format!(" WHERE {} IS NOT NULL", COLUMNS[counted.side][1]);
                    let filter = if self.kind.keeps(1 - counted.side) { filter.as_str() } else { "" };
                    write!(text, "[operator.counted]\nsql = \"{}\"\n", counted.sql("joined", filter)).unwrap();
                }
            }
        }
        if self.counted.is_some() {
            text += &sink("counted", "counted", "");
        }
        text
    }
}

impl Counted {
    fn sql(&self, from: &str, filter: &str) -> String {
        let [url, time, bytes] = COLUMNS[self.side];
        format!(
            "SELECT window.start, {url} AS url, count(*) AS n, sum({bytes}) AS total, min({bytes}) AS least, \
             max({bytes}) AS most FROM {from}{filter} GROUP BY {}, {url}",
            windows(time, self.window)
        )
    }
}
