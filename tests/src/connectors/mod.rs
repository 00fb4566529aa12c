//! A connector that the engine has never heard of, and the page that is written from the connectors' tables.

mod away;
mod log;
mod offsets;
mod shelf;
mod side_by_side;
#[cfg(unix)]
mod socket;
mod told;

use std::path::Path;
use std::sync::Arc;

use millstream_engine::connector::sink::SinkContext;
use millstream_engine::connector::{Connectors, SinkInput, reference, sink, source};
use millstream_engine::fault::{Faults, point};
use millstream_engine::job::{Job, OutputMode, Trigger};
use millstream_engine::run::{Control, Environment, Pace, RunOptions, Summary, check_in, run};
use millstream_engine::{ErrorKind, Result};

use self::shelf::Shelf;
use crate::scratch::Scratch;
use crate::support::{here, runtime};

const JOB: &str = r#"
name = "numbers"
checkpoint = "checkpoint"

[source.n]
connector = "shelf"
count = 10
max_per_epoch = 4

[operator.even]
sql = "SELECT n FROM n WHERE n % 2 = 0"

[sink.out]
input = "even"
connector = "shelf"
board = "top"
"#;

fn job(scratch: &Scratch, connectors: &Connectors, text: &str) -> Result<Job> {
    Job::parse(text, Path::new("job.toml"), scratch.path(), &connectors.keys(), &[])
}

fn run_with(scratch: &Scratch, shelf: &Arc<Shelf>, text: &str, mut options: RunOptions) -> Result<Summary> {
    let connectors = Connectors::built_in().with(shelf.clone());
    options.environment.connectors = connectors.clone();
    options.trigger = Some(Trigger::AvailableNow);
    run(job(scratch, &connectors, text)?, options)
}

#[test]
fn a_connector_of_somebody_else_reads_and_writes_exactly_once() {
    let scratch = Scratch::new();
    let shelf = Arc::new(Shelf::default());
    let summary = run_with(&scratch, &shelf, JOB, RunOptions::default()).unwrap();
    assert_eq!((summary.rows_in, summary.rows_out["out"]), (10, 5));
    assert_eq!(shelf.board("top"), [(0, "0,2".into()), (1, "4,6".into()), (2, "8".into())]);
    // Nothing is there that was not read.
    let again = run_with(&scratch, &shelf, JOB, RunOptions::default()).unwrap();
    assert_eq!((again.rows_in, again.resumed_from), (0, Some(2)));
    assert_eq!(shelf.board("top").len(), 3);
}

#[test]
fn what_was_committed_and_not_published_is_published_again_by_its_connector() {
    let scratch = Scratch::new();
    let shelf = Arc::new(Shelf::default());
    // The process ends right behind the commit of the second epoch.
    let commits = std::sync::Mutex::new(0);
    let control = Control::default();
    let (asked, refusing) = (control.clone(), shelf.clone());
    let faults = Faults::new(move |at| {
        if at == point::RECORD_SYNCED {
            let mut commits = commits.lock().unwrap();
            *commits += 1;
            if *commits == 2 {
                refusing.refuse(true);
                asked.stop();
            }
        }
    });
    let environment = Environment { faults, pace: Pace::one_by_one(), ..Environment::default() };
    let options = RunOptions { environment, control, ..RunOptions::default() };
    let error = run_with(&scratch, &shelf, JOB, options).unwrap_err();
    assert!(error.message().contains("the shelf is locked"), "{error}");
    let before = shelf.board("top");
    shelf.refuse(false);
    // The job file names another board by now: what was committed belongs to the first one.
    let text = JOB.replace("board = \"top\"", "board = \"bottom\"");
    run_with(&scratch, &shelf, &text, RunOptions::default()).unwrap();
    let (top, bottom) = (shelf.board("top"), shelf.board("bottom"));
    assert_eq!(top.len(), before.len() + 1, "{top:?}");
    assert_eq!([top, bottom].concat(), [(0, "0,2".into()), (1, "4,6".into()), (2, "8".into())]);
}

#[test]
fn a_sink_that_keeps_its_own_truth_knows_what_the_checkpoint_has_lost() {
    let scratch = Scratch::new();
    let shelf = Arc::new(Shelf::default());
    run_with(&scratch, &shelf, JOB, RunOptions::default()).unwrap();
    let fresh = RunOptions { fresh: true, ..RunOptions::default() };
    run_with(&scratch, &shelf, JOB, fresh).unwrap();
    assert_eq!(shelf.board("top").len(), 3, "--fresh has put away what the old checkpoint had published");
    shelf.put("top", 9, "18");
    let error = run_with(&scratch, &shelf, JOB, RunOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(error.message(), "the checkpoint has no record of epoch 9, yet board `top` holds its rows");
}

#[test]
fn its_keys_are_checked_and_its_words_are_shown_like_those_of_any_other() {
    let scratch = Scratch::new();
    let shelf = Arc::new(Shelf::default());
    let connectors = Connectors::built_in().with(shelf.clone());
    for (from, to, message, help) in [
        ("count = 10", "cuont = 10", "unknown key `cuont` in [source.n]", "did you mean `count`?"),
        ("count = 10\n", "", "[source.n] has no `count`", "add `count = 100`"),
        ("count = 10", "count = 0", "`count` must be 1 or more, not 0", ""),
        ("board = \"top\"", "board = 1", "`board` must be a string, not an integer", ""),
        ("board = \"top\"", "max_rows = 3", "`max_rows` goes with connector = \"console\" only", "`board`"),
        (
            "connector = \"shelf\"\nboard",
            "connector = \"shelve\"\nboard",
            "unknown connector `shelve`",
            "did you mean `shelf`?",
        ),
        (
            "[sink.out]",
            "[dead_letters]\nconnector = \"shelf\"\n[sink.out]",
            "unknown connector `shelf`",
            "`file`, `console`",
        ),
    ] {
        assert!(JOB.contains(from));
        let error = job(&scratch, &connectors, &JOB.replace(from, to)).expect_err(message);
        assert_eq!(error.message(), message);
        assert!(error.help().unwrap_or_default().contains(help), "{error}: {:?}", error.help());
        assert!(error.location().is_some());
    }
    let environment = Environment { connectors: connectors.clone(), ..Environment::default() };
    let plan = check_in(job(&scratch, &connectors, JOB).unwrap(), &environment, Some(&runtime())).unwrap();
    let explained = plan.explain();
    assert_eq!(explained.trees[0].title, "sink out: board top, append");
    assert_eq!(explained.trees[0].inputs[0].inputs[0].title, "source n: the numbers up to 10");
    let endless = JOB.replace("count = 10", "count = 10\nendless = true");
    let error = run_with(&scratch, &shelf, &endless, RunOptions::default()).unwrap_err();
    assert_eq!(error.message(), "source `n` never ends, so not all of it can be read");
}

#[test]
fn it_passes_the_suites_of_sources_and_sinks() {
    let scratch = Scratch::new();
    let shelf = Arc::new(Shelf::default());
    let connectors = Connectors::built_in().with(shelf.clone());
    let job = job(&scratch, &connectors, JOB).unwrap();
    source::conformance::conforms(|| connectors.open_source(&job.sources[0], &job.text).unwrap());
    let input = SinkInput { mode: OutputMode::Append, schema: sink::conformance::schema(), keys: Vec::new() };
    let opened = connectors.open_sink(&job.sinks[0], input, &SinkContext::new("numbers", "c1")).unwrap();
    sink::conformance::conforms(opened, OutputMode::Append, || {
        let epochs = shelf.board("top");
        epochs.iter().flat_map(|(_, rows)| rows.split(',').map(|n| n.parse().unwrap())).collect()
    });
}

#[test]
fn null_counts_what_it_drops() {
    let scratch = Scratch::new();
    let shelf = Arc::new(Shelf::default());
    let text = JOB.replace("connector = \"shelf\"\nboard = \"top\"", "connector = \"null\"");
    let summary = run_with(&scratch, &shelf, &text, RunOptions::default()).unwrap();
    assert_eq!((summary.epochs, summary.rows_out["out"]), (3, 5));
    assert!(shelf.board("top").is_empty());
}

#[test]
fn the_page_of_connectors_is_what_the_tables_say() {
    let path = here().join("../docs/connectors.md");
    let page = reference::page(&Connectors::built_in());
    if std::env::var_os("MILLSTREAM_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        page,
        "docs/connectors.md: MILLSTREAM_WRITE_DOCS=1 writes it"
    );
}
