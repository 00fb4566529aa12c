//! The program that lines are sent to, killed (`kill -9`) at fault points and started again: of each client it has the lines
//! that it received, each once and in order, whatever they were on their way to.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const JOB: &str = r#"
name = "pushed"
checkpoint = "state"
[source.lines]
connector = "unix-socket"
path = "in.sock"
max_rows_per_epoch = 7
[sink.out]
input = "lines"
connector = "file"
path = "out"
format = "csv"
header = false
"#;

const CLIENTS: u64 = 3;

/// A folder with the job. The path of a socket is short: the target folder may be too deep.
struct Folder(PathBuf);

impl Folder {
    fn new(number: usize) -> Self {
        let path = std::env::temp_dir().join(format!("millstream-pushed-{}-{number}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("job.toml"), JOB).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn program(folder: &Path, fault: Option<&str>) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_millstream"));
    program.arg("run").arg(folder.join("job.toml")).env_remove("MILLSTREAM_FAULT").stderr(Stdio::null());
    if let Some(fault) = fault {
        program.env("MILLSTREAM_FAULT", fault);
    }
    program
}

/// The socket's file is there a moment before anybody listens to it.
fn connected(socket: &Path) -> Option<UnixStream> {
    (0..1000).find_map(|_| {
        let stream = UnixStream::connect(socket).ok();
        if stream.is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        stream
    })
}

/// Sends lines until nobody listens any more.
fn send(socket: PathBuf, client: u64) {
    let Some(mut stream) = connected(&socket) else { return };
    for n in 0.. {
        // The end of a line comes with the beginning of the next.
        let text = if n == 0 { format!("{client}.0\n{client}.") } else { format!("{n}\n{client}.") };
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// Waits until `is` holds, but not for ever.
fn wait(child: &mut Child, is: impl Fn(&mut Child) -> bool) {
    let began = Instant::now();
    while !is(child) {
        assert!(began.elapsed() < Duration::from_secs(120), "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn lines(folder: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder.join("out")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn what_was_received_is_there_once_and_in_order() {
    for (number, fault) in [
        "plan.after:3:kill",
        "chunk.after:2:kill",
        "record.torn:3:kill",
        "record.sync.after:4:kill",
        "publish.rename.after:2:kill",
        "mark.after:3:kill",
    ]
    .into_iter()
    .enumerate()
    {
        let made = Folder::new(number);
        let folder = made.0.as_path();
        let socket = folder.join("in.sock");
        let mut child = program(folder, Some(fault)).spawn().unwrap();
        wait(&mut child, |child| socket.exists() || child.try_wait().unwrap().is_some());
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let socket = socket.clone();
                scope.spawn(move || send(socket, client));
            }
            wait(&mut child, |child| child.try_wait().unwrap().is_some());
        });
        assert_eq!(child.wait().unwrap().signal(), Some(9), "{fault}");
        let before = lines(folder).len();

        assert!(program(folder, None).arg("--available-now").status().unwrap().success(), "{fault}");
        let all = lines(folder);
        assert!(all.len() > before, "{fault}: what was received and not committed is there now");
        for client in 0..CLIENTS {
            let of_client: Vec<&String> = all.iter().filter(|line| line.starts_with(&format!("{client}."))).collect();
            for (n, line) in of_client.iter().enumerate() {
                assert_eq!(**line, format!("{client}.{n}"), "{fault}: line {n} of client {client}");
            }
        }
    }
}
