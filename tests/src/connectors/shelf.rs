//! `connector = "shelf"`: a source of numbers, and boards in memory that take each epoch's rows once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use millstream_engine::connector::sink::{Folders, Payload, Prepared, Publish, Sink, SinkContext};
use millstream_engine::connector::source::{Chunks, Known, Source};
use millstream_engine::connector::{
    Committed, Connector, Published, Recovery, SinkConnector, SinkInput, SourceConnector,
};
use millstream_engine::format::{Decode, Decoded, RawChunk, RawContent, RowLines};
use millstream_engine::job::{JobText, Key, KeyKind, KeyTable, Options, SinkSpec, SourceSpec};
use millstream_engine::record::{Held, OutputAction, OutputRecord, SourceRange};
use millstream_engine::{Error, ErrorKind, Result};

/// What is on a board: the checkpoint's id, an epoch, its rows.
type Board = Vec<(String, u64, String)>;

#[derive(Default)]
struct Content {
    boards: BTreeMap<String, Board>,
    refuses: bool,
}

/// The connector; its boards outlive the runs of a test.
#[derive(Default)]
pub struct Shelf(Arc<Mutex<Content>>);

impl Shelf {
    /// The epochs on a board, with their rows.
    pub fn board(&self, name: &str) -> Vec<(u64, String)> {
        let content = self.0.lock().unwrap();
        let board = content.boards.get(name).into_iter().flatten();
        board.map(|(_, epoch, rows)| (*epoch, rows.clone())).collect()
    }

    /// Puts an epoch there that no checkpoint knows of, beside the last one.
    pub fn put(&self, name: &str, epoch: u64, rows: &str) {
        let mut content = self.0.lock().unwrap();
        let board = content.boards.entry(name.into()).or_default();
        let checkpoint = board.last().unwrap().0.clone();
        board.push((checkpoint, epoch, rows.into()));
    }

    /// From now on nothing can be put there, or again.
    pub fn refuse(&self, refuses: bool) {
        self.0.lock().unwrap().refuses = refuses;
    }
}

fn place(content: &Mutex<Content>, output: &OutputRecord, epoch: u64, rows: &[u8]) -> Result<()> {
    let mut content = content.lock().unwrap();
    if content.refuses {
        return Err(Error::new(ErrorKind::Unavailable, "the shelf is locked"));
    }
    let board = content.boards.entry(output.folder.clone()).or_default();
    if !board.iter().any(|(checkpoint, there, _)| *checkpoint == output.target && *there == epoch) {
        board.push((output.target.clone(), epoch, String::from_utf8(rows.to_vec()).unwrap()));
    }
    Ok(())
}

impl Connector for Shelf {
    fn name(&self) -> &'static str {
        "shelf"
    }

    fn source(&self) -> Option<&dyn SourceConnector> {
        Some(self)
    }

    fn sink(&self) -> Option<&dyn SinkConnector> {
        Some(self)
    }

    fn republish(&self, output: &OutputRecord, committed: &Committed<'_>) -> Result<()> {
        let Held::Inline { offset } = output.held else { panic!("a shelf holds nothing aside") };
        let rows = &committed.inline[offset as usize..][..output.len as usize];
        place(&self.0, output, committed.epoch, rows)
    }
}

static SOURCE: KeyTable = KeyTable {
    about: "Counts.",
    keys: &[
        Key::new("count", KeyKind::Count(1), "100", "Up to where.").required(),
        Key::new("max_per_epoch", KeyKind::Count(1), "10", "How many an epoch admits.").or("5"),
        Key::new("endless", KeyKind::Boolean, "true", "Whether it says that it never ends.").or("false"),
    ],
    may_be_static: false,
    check: |_| Ok(()),
};

static SINK: KeyTable = KeyTable {
    about: "Puts rows on a board.",
    keys: &[Key::new("board", KeyKind::Text, "\"left\"", "Which board.").required()],
    may_be_static: false,
    check: |_| Ok(()),
};

impl SourceConnector for Shelf {
    fn keys(&self) -> &'static KeyTable {
        &SOURCE
    }

    fn open(&self, spec: &SourceSpec, _: &JobText) -> Result<Box<dyn Source>> {
        let (count, most) = (spec.options.count("count").unwrap(), spec.options.count("max_per_epoch").unwrap());
        Ok(Box::new(Numbers { next: 0, count, most }))
    }

    fn describe(&self, options: &Options, _: &dyn Fn(&Path) -> String) -> String {
        format!("the numbers up to {}", options.count("count").unwrap())
    }

    fn endless(&self, options: &Options) -> Option<&'static str> {
        options.is("endless").then_some("leave endless out")
    }
}

struct Numbers {
    next: u64,
    count: u64,
    most: u64,
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]))
}

impl Source for Numbers {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn plan(&mut self, _: i64, _: Known<'_>) -> Result<Option<SourceRange>> {
        let (from, to) = (self.next, self.count.min(self.next + self.most));
        self.next = to;
        Ok((from < to).then_some(SourceRange::Rows { from, to }))
    }

    fn stop_discovery(&mut self, _: i64, _: Known<'_>) -> Result<()> {
        Ok(())
    }

    fn entries(&self, range: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        let SourceRange::Rows { to, .. } = range else { panic!("a range of somebody else") };
        vec![(Vec::new(), to.to_le_bytes().to_vec())]
    }

    fn restore(&mut self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<()> {
        for (key, value) in entries {
            let next = <[u8; 8]>::try_from(value).ok().filter(|_| key.is_empty());
            let next = next.ok_or_else(|| Error::new(ErrorKind::Corrupt, "an entry that is no number"))?;
            self.next = u64::from_le_bytes(next);
        }
        Ok(())
    }

    fn read(&self, range: &SourceRange) -> Result<Chunks> {
        let SourceRange::Rows { from, to } = *range else { return Err(Error::internal("a range of somebody else")) };
        let content = RawContent::Rows { from, to };
        Ok(Box::new([Ok(RawChunk { part: 0, index: 0, content })].into_iter()))
    }

    fn decoder(&self, columns: &[usize]) -> Result<Arc<dyn Decode>> {
        Ok(Arc::new(Counting(Arc::new(schema().project(columns).unwrap()))))
    }

    fn exhausted(&self) -> bool {
        self.next == self.count
    }

    fn part_name(&self, _: &SourceRange, _: u32) -> String {
        "numbers".into()
    }
}

struct Counting(SchemaRef);

impl Decode for Counting {
    fn schema(&self) -> SchemaRef {
        self.0.clone()
    }

    fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
        let RawContent::Rows { from, to } = chunk.content else { panic!("a chunk of somebody else") };
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((from..to).map(|n| n as i64)));
        let columns = vec![numbers; self.0.fields().len()];
        let rows = RecordBatchOptions::new().with_row_count(Some((to - from) as usize));
        let batch = RecordBatch::try_new_with_options(self.0.clone(), columns, &rows).unwrap();
        Ok(Decoded {
            batch,
            rows: RowLines::Contiguous { first: 0 },
            bad: Vec::new(),
            lines: to - from,
            bytes: 8 * (to - from),
        })
    }
}

impl SinkConnector for Shelf {
    fn keys(&self) -> &'static KeyTable {
        &SINK
    }

    fn open(&self, spec: &SinkSpec, _: SinkInput, context: &SinkContext) -> Result<Box<dyn Sink>> {
        Ok(Box::new(BoardSink {
            name: spec.name.value.clone(),
            board: spec.options.text("board").unwrap().into(),
            checkpoint: context.checkpoint.clone(),
            rows: Vec::new(),
            publisher: Arc::new(BoardPublisher(self.0.clone())),
        }))
    }

    fn describe(&self, options: &Options, _: &dyn Fn(&Path) -> String) -> String {
        format!("board {}", options.text("board").unwrap())
    }

    fn last_published(&self, spec: &SinkSpec, recovery: &Recovery<'_>) -> Result<Option<Published>> {
        let name = spec.options.text("board").unwrap();
        let content = self.0.lock().unwrap();
        let board = content.boards.get(name).into_iter().flatten();
        let last = board.filter(|(checkpoint, ..)| checkpoint == recovery.checkpoint).map(|(_, epoch, _)| *epoch).max();
        let seen = format!("board `{name}` holds its rows");
        Ok(last.map(|epoch| Published { epoch, seen, help: "start over with --fresh" }))
    }

    fn forget(&self, spec: &SinkSpec, checkpoint: &str, _: &Folders) -> Result<()> {
        if let Some(board) = self.0.lock().unwrap().boards.get_mut(spec.options.text("board").unwrap()) {
            board.retain(|(of, ..)| of != checkpoint);
        }
        Ok(())
    }
}

struct BoardSink {
    name: String,
    board: String,
    checkpoint: String,
    rows: Vec<i64>,
    publisher: Arc<BoardPublisher>,
}

impl Sink for BoardSink {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows.extend(batch.column(0).as_primitive::<Int64Type>().values());
        Ok(())
    }

    fn abandon(&mut self) -> Result<()> {
        self.rows.clear();
        Ok(())
    }

    fn finish(&mut self, _: u64) -> Result<Prepared> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(Prepared::default());
        }
        let text = rows.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let output = OutputRecord {
            sink: self.name.clone(),
            connector: "shelf".into(),
            folder: self.board.clone(),
            target: self.checkpoint.clone(),
            action: OutputAction::Add,
            held: Held::Inline { offset: 0 },
            len: text.len() as u64,
            digest: String::new(),
            rows: rows.len() as u64,
        };
        Ok(Prepared { outputs: vec![output], payload: Payload::Inline(text.into_bytes()), rows: rows.len() as u64 })
    }

    fn publisher(&self) -> Arc<dyn Publish> {
        self.publisher.clone()
    }
}

struct BoardPublisher(Arc<Mutex<Content>>);

impl Publish for BoardPublisher {
    fn make_durable(&self, _: &mut Prepared) -> Result<()> {
        Ok(())
    }

    fn publish(&self, epoch: u64, outputs: &[OutputRecord], payload: Payload) -> Result<()> {
        let Payload::Inline(rows) = payload else { return Ok(()) };
        place(&self.0, &outputs[0], epoch, &rows)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}
