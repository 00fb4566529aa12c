//! What the console shows.

use super::*;

#[derive(Clone, Default)]
pub(super) struct Shown(Arc<Mutex<Vec<u8>>>);

impl Shown {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_console_shows_a_table_per_epoch() {
    let shown = Shown::default();
    let mut context = context(&Disk::default());
    context.console = Arc::new(Mutex::new(Box::new(shown.clone())));
    let at = TimestampMicrosecondArray::from(vec![Some(1_709_208_000_000_000), None, Some(0)]).with_timezone("UTC");
    let word = StringArray::from(vec!["a\u{1b}[2Jb", "c", "d"]);
    let batch = RecordBatch::try_from_iter([("at", Arc::new(at) as Arc<dyn Array>), ("word", Arc::new(word))]).unwrap();
    let spec = sink_spec("words", "connector = \"console\"\nmax_rows = 2");
    let mut sink = build(&spec, OutputMode::Complete, batch.schema(), &[], &context).unwrap();
    commit(&mut *sink, 0, &[batch]).unwrap();
    commit(&mut *sink, 1, &[]).unwrap();
    let expected = "\
words, epoch 0: 3 rows
+---------------------+--------+
| at                  | word   |
+---------------------+--------+
| 2024-02-29 12:00:00 | a\u{fffd}[2Jb |
| NULL                | c      |
+---------------------+--------+
… and 1 more row
words, epoch 1: 0 rows
+----+------+
| at | word |
+----+------+
+----+------+
";
    assert_eq!(shown.text(), expected);
}

#[test]
fn a_wide_value_on_the_console_is_cut_and_said_to_be() {
    let shown = Shown::default();
    let mut context = context(&Disk::default());
    context.console = Arc::new(Mutex::new(Box::new(shown.clone())));
    let word = StringArray::from(vec!["ä".repeat(3 << 20), "b".to_owned(), "ü".repeat(120)]);
    let batch = RecordBatch::try_from_iter([("word", Arc::new(word) as Arc<dyn Array>)]).unwrap();
    let spec = sink_spec("words", "connector = \"console\"");
    let mut sink = build(&spec, OutputMode::Append, batch.schema(), &[], &context).unwrap();
    commit(&mut *sink, 0, &[batch]).unwrap();
    let text = shown.text();
    assert!(text.contains(&format!("| {}… |\n| b  ", "ä".repeat(119))), "{} bytes", text.len());
    assert!(text.contains(&format!("| {} |\n", "ü".repeat(120))), "{text}");
    assert!(text.ends_with("values that end in … are cut at 120 characters\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 124), "{text}");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut context = context(&Disk::default());
    context.console = Arc::new(Mutex::new(Box::new(Closed)));
    let spec = sink_spec("words", "connector = \"console\"\nmax_rows = 2");
    let mut sink = build(&spec, OutputMode::Append, schema(), &[], &context).unwrap();
    let error = commit(&mut *sink, 0, &[rows(&[1])]).unwrap_err();
    assert!(is_closed_pipe(&error) && !is_fatal(&error));
}
