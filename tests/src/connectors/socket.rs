//! `connector = "unix-socket"`: lines of many clients, each exactly once, also where the job ends before it has read them.

use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use millstream_engine::job::Trigger;
use millstream_engine::run::{Control, Engine, RunOptions, Step, Summary};
use millstream_engine::{ErrorKind, Result};
use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::{assert_same_rows, lines};

const JOB: &str = r#"
name = "lines"
checkpoint = "checkpoint"
[source.s]
connector = "unix-socket"
path = "lines.sock"
format = "json"
schema = { client = "int64", n = "int64" }
max_rows_per_epoch = 100
[sink.out]
input = "s"
connector = "file"
path = "out"
format = "json"
[dead_letters]
path = "letters.json"
format = "json"
"#;

/// Longer than any of this takes.
const SOON: Duration = Duration::from_secs(60);

fn open(scratch: &Scratch, text: &str, trigger: Trigger, control: &Control) -> Result<Engine> {
    let options = RunOptions { trigger: Some(trigger), control: control.clone(), ..RunOptions::default() };
    Engine::open(scratch.job(text)?, options)
}

/// Steps until it is done, or `enough` says so.
fn run_until(engine: &mut Engine, enough: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !enough() {
        assert!(began.elapsed() < SOON);
        match engine.step()? {
            Step::Done(_) => return Ok(()),
            Step::Ready => {}
            // Publishing wakes nobody.
            Step::WaitUntil(_) | Step::WaitFor(_) => drop(engine.wake().wait(Some(Duration::from_millis(20)))),
        }
    }
    Ok(())
}

fn available(scratch: &Scratch) -> Summary {
    let mut engine = open(scratch, JOB, Trigger::AvailableNow, &Control::default()).unwrap();
    run_until(&mut engine, || false).unwrap();
    engine.close().unwrap()
}

fn rows(scratch: &Scratch) -> Vec<Value> {
    let files = scratch.published("out").into_iter();
    files.flat_map(|(_, bytes)| lines(std::str::from_utf8(&bytes).unwrap())).collect()
}

fn connect(scratch: &Scratch) -> UnixStream {
    UnixStream::connect(scratch.path().join("lines.sock")).unwrap()
}

fn line(client: u64, n: u64) -> Value {
    json!({ "client": client, "n": n })
}

#[test]
fn lines_of_many_clients_come_each_once_and_wake_the_job() {
    let scratch = Scratch::new();
    let mut engine = open(&scratch, JOB, Trigger::Continuous, &Control::default()).unwrap();
    assert!(matches!(engine.step().unwrap(), Step::WaitFor(_)), "nobody looks before somebody sends");
    let want: Vec<Value> = (0..5).flat_map(|client| (0..200).map(move |n| line(client, n))).collect();
    std::thread::scope(|scope| {
        for client in 0..5 {
            let mut stream = connect(&scratch);
            scope.spawn(move || {
                for n in 0..200 {
                    // In pieces that are no lines; the last one lacks its end.
                    let text = format!("{}{}", line(client, n), if n < 199 { "\n" } else { "" });
                    let (one, two) = text.split_at(text.len() / 2);
                    stream.write_all(one.as_bytes()).unwrap();
                    stream.write_all(two.as_bytes()).unwrap();
                }
            });
        }
        run_until(&mut engine, || rows(&scratch).len() >= want.len()).unwrap();
    });
    assert_eq!(engine.close().unwrap().rows_in, 1000);
    assert_same_rows("out", rows(&scratch), want, 0.0);
    assert!(!scratch.path().join("lines.sock").exists());
    // All of it is committed: nothing is read again.
    assert_eq!(available(&scratch).rows_in, 0);
}

#[test]
fn what_was_received_and_not_read_is_read_by_the_next_process() {
    let scratch = Scratch::new();
    let mut engine = open(&scratch, JOB, Trigger::Continuous, &Control::default()).unwrap();
    engine.step().unwrap();
    let mut client = connect(&scratch);
    (0..50).for_each(|n| writeln!(client, "{}", line(0, n)).unwrap());
    writeln!(client, "no JSON").unwrap();
    drop(client);
    // It is received, and no step is made.
    assert!(engine.wake().wait(Some(SOON)));
    let spool = scratch.path().join("checkpoint/spool/s/00000000000000000000.spool");
    let began = Instant::now();
    while !std::fs::read(&spool).is_ok_and(|bytes| bytes.windows(7).any(|w| w == b"no JSON")) {
        assert!(began.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(engine);
    assert_eq!(rows(&scratch).len(), 0);
    let summary = available(&scratch);
    assert_eq!((summary.rows_in, summary.rejected), (51, 1));
    assert_same_rows("out", rows(&scratch), (0..50).map(|n| line(0, n)).collect(), 0.0);
    let letter = &scratch.lines("letters.json")[0];
    assert_eq!((&letter["row"], &letter["line"]), (&json!("no JSON"), &json!(50)));
    assert_eq!(available(&scratch).rows_in, 0);
    let fresh = RunOptions { fresh: true, trigger: Some(Trigger::AvailableNow), ..RunOptions::default() };
    let mut engine = Engine::open(scratch.job(JOB).unwrap(), fresh).unwrap();
    run_until(&mut engine, || false).unwrap();
    assert_eq!(engine.close().unwrap().rows_in, 0);
}

#[test]
fn a_socket_has_one_who_listens_and_one_that_was_left_behind_is_made_anew() {
    let scratch = Scratch::new();
    let path = scratch.path().join("lines.sock");
    let other = UnixListener::bind(&path).unwrap();
    let taken = || {
        let mut engine = open(&scratch, JOB, Trigger::Continuous, &Control::default()).unwrap();
        engine.step().map(drop)
    };
    let error = taken().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.message(), "source `s`: another process listens on lines.sock");
    drop(other);
    assert!(path.exists());
    taken().unwrap();
    scratch.write("lines.sock", "a file");
    assert_eq!(taken().unwrap_err().message(), "source `s`: lines.sock is there, and is no socket");
}

#[test]
fn a_client_waits_while_there_is_too_much_and_one_with_too_long_a_line_is_hung_up_on() {
    let scratch = Scratch::new();
    let text = JOB
        .replace("format = \"json\"\nschema = { client = \"int64\", n = \"int64\" }", "received_at = \"at\"")
        .replace("max_rows_per_epoch = 100", "max_waiting = \"1MiB\"\nmax_record = \"100KiB\"");
    let mut engine = open(&scratch, &text, Trigger::Continuous, &Control::default()).unwrap();
    engine.step().unwrap();
    let mut client = connect(&scratch);
    let sender = std::thread::spawn(move || {
        (0..60).for_each(|n| writeln!(client, "{n}{}", "x".repeat(80_000)).unwrap());
        let long = "y".repeat(1 << 20);
        // It is hung up on in the middle of it.
        while client.write_all(long.as_bytes()).is_ok() {}
    });
    run_until(&mut engine, || rows(&scratch).len() >= 60).unwrap();
    sender.join().unwrap();
    let rows = rows(&scratch);
    assert_eq!(rows.len(), 60);
    assert!(rows.iter().zip(0..).all(|(row, n)| row["value"].as_str().unwrap().trim_end_matches('x') == n.to_string()));
    assert!(rows.iter().all(|row| row["at"].as_str().unwrap().starts_with("20")));
    engine.close().unwrap();
}
