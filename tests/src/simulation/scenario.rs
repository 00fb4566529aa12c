//! What is simulated: files of rows, late, early, malformed, and what is asked of them, all from a seed.

use std::fmt::Write as _;

use super::join::Join;
use super::model::Row;
use super::query::{Query, Question, sink};
use super::random::Random;
use super::time::{NOON, SECOND, shown};
use super::visits::Visits;

/// A job.
#[derive(Debug)]
pub struct Scenario {
    pub streams: Vec<Stream>,
    pub questions: Vec<Question>,
    pub join: Option<Join>,
    pub visits: Option<Visits>,
    /// Epochs that its checkpoint keeps.
    pub keep: u64,
}

/// A source.
#[derive(Debug)]
pub struct Stream {
    pub name: String,
    pub files: Vec<File>,
    pub max_files: u64,
    /// How long the watermark waits.
    pub delay: i64,
    /// After how long without a row it holds no other source back.
    pub idle_after: Option<i64>,
    /// A file sink takes its rows as they are.
    pub raw: bool,
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

impl Scenario {
    /// A source or two, each with a query of its own; in two jobs of three a query over both, or over one of them twice; in
    /// one of three a keyed operator.
    pub fn new(seed: u64, random: &mut Random) -> Self {
        let (mut streams, mut questions) = (Vec::new(), Vec::new());
        for number in 0..1 + random.below(2) as usize {
            let query = Query::new(random);
            let stream = Stream::new(number, random);
            questions.push(Question::of_one(number, &stream, query));
            streams.push(stream);
        }
        // From numbers of its own: what else a seed draws does not move.
        let mut random = Random::new(seed ^ 0x4A01_4A01);
        let mut join = None;
        match random.below(6) {
            0 | 1 => {}
            2 => questions.push(Question::of_several(&mut streams, &mut random)),
            _ => join = Some(Join::new(&streams, &mut random)),
        }
        let mut random = Random::new(seed ^ 0x7151_7151);
        let visits = random.one_in(3).then(|| Visits::new(&streams, &mut random));
        let keep = [0, 0, 3, 50][Random::new(seed ^ 0x6EE9_6EE9).below(4) as usize];
        Self { streams, questions, join, visits, keep }
    }

    /// The job file.
    pub fn job(&self) -> String {
        let mut text = format!("name = \"simulated\"\ncheckpoint = \"state\"\nkeep_epochs = {}\n", self.keep);
        text.extend(self.streams.iter().map(Stream::job));
        text.extend(self.questions.iter().map(|q| q.job(&self.streams)));
        text.extend(self.join.iter().map(|j| j.job(&self.streams)));
        text.extend(self.visits.iter().map(|v| v.job(&self.streams)));
        text
    }
}

impl Stream {
    fn new(number: usize, random: &mut Random) -> Self {
        let name = format!("s{number}");
        let (step, spread) = (random.between(1, 60) * SECOND, random.between(1, 90) * SECOND);
        let most = if random.one_in(3) { 25 } else { 9 };
        let files = (0..random.between(1, most)).map(|n| File::new(&name, n, step, spread, random)).collect();
        Self {
            files,
            name,
            max_files: random.between(1, 4) as u64,
            delay: random.between(0, 60) * SECOND,
            idle_after: None,
            raw: random.one_in(3),
        }
    }

    fn job(&self) -> String {
        let Self { name, max_files, delay, .. } = self;
        let mut text = format!(
            "[source.{name}]\npath = \"in/{name}\"\nformat = \"json\"\nmax_files_per_epoch = {max_files}\n\
             schema = {{ url = \"utf8\", t = \"timestamp\", bytes = \"int64\" }}\nevent_time = \"t\"\nwatermark = \"{}ms\"\n",
            delay / 1000
        );
        if let Some(after) = self.idle_after {
            writeln!(text, "idle_after = \"{}ms\"", after / 1000).unwrap();
        }
        if self.raw {
            text += &sink(&format!("raw_{name}"), name, "");
        }
        text
    }

    /// The rows of these files.
    pub fn rows(&self, files: &[usize]) -> Vec<Row> {
        files.iter().flat_map(|n| self.files[*n].rows.iter().cloned()).collect()
    }
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
