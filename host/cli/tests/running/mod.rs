//! A job in a folder of its own, and the program that runs it: both end with the test.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

pub const JOB: &str = r#"
name = "watched"
checkpoint = "state"
trigger = { every = "50ms" }
[source.rows]
path = "in"
format = "json"
schema = { value = "utf8" }
[plugin.p]
path = "p.wasm"
[operator.x]
input = "rows"
plugin = "p"
[sink.out]
input = "x"
connector = "file"
path = "out"
format = "csv"
"#;

/// A folder with a job, and where this user's control sockets are. Its path is short, as that of a socket must be.
pub struct Folder(pub PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Folder {
    pub fn new(name: &str, job: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ms-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        ["in", "run", "tmp"].iter().for_each(|folder| fs::create_dir_all(path.join(folder)).unwrap());
        fs::write(path.join("job.toml"), job).unwrap();
        Self(path)
    }

    /// The program, started in the folder.
    pub fn program(&self, args: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_millstream"));
        program.args(args).current_dir(&self.0).stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
        program.env("XDG_RUNTIME_DIR", self.0.join("run")).env("TMPDIR", self.0.join("tmp"));
        program
    }

    pub fn begin(&self, args: &[&str]) -> Run {
        self.begin_with(args, None)
    }

    /// The program, at work until it passes the fault point that `fault` names, if there is one.
    pub fn begin_with(&self, args: &[&str], fault: Option<&str>) -> Run {
        let mut program = self.program(args);
        if let Some(fault) = fault {
            program.env("MILLSTREAM_FAULT", fault);
        }
        let mut child = program.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let (tell, said) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Run { child, said }
    }

    pub fn build(&self, plugin: &str, to: &str) {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(plugin);
        let mut build = Command::new(env!("CARGO_BIN_EXE_millstream"));
        build.args(["plugin", "build"]).arg(project).arg("-o").arg(self.0.join(to)).stderr(Stdio::null());
        assert!(build.stdout(Stdio::null()).status().unwrap().success());
    }

    /// The guest that tells which of its two builds it is: the first is the job's, too.
    pub fn builds(&self) -> [Vec<u8>; 2] {
        self.versions("tests/guests/another-shape")
    }

    /// The first versions of a guest that has its version as a text in it: the first is the job's, too.
    pub fn versions<const N: usize>(&self, guest: &str) -> [Vec<u8>; N] {
        self.build(guest, "p.wasm");
        let first = fs::read(self.0.join("p.wasm")).unwrap();
        let text = b"version of the stored states ";
        let at = first.windows(text.len()).position(|window| window == text).unwrap() + text.len();
        std::array::from_fn(|version| {
            let mut component = first.clone();
            component[at] = b'1' + version as u8;
            component
        })
    }

    /// Puts a component in the place of the one that the job uses.
    pub fn replace(&self, component: &[u8]) {
        fs::write(self.0.join("next.wasm"), component).unwrap();
        fs::rename(self.0.join("next.wasm"), self.0.join("p.wasm")).unwrap();
    }

    pub fn write(&self, n: usize) {
        // Under another name first, so that it is whole when it is seen.
        let (aside, file) = (self.0.join("aside"), self.0.join(format!("in/{n}.json")));
        fs::write(&aside, format!("{{\"value\":\"row {n}\"}}\n")).unwrap();
        fs::rename(aside, file).unwrap();
    }

    /// The parts that its sink has published, with their names.
    pub fn parts(&self) -> Vec<(String, String)> {
        let parts = fs::read_dir(self.0.join("out")).unwrap().map(|entry| entry.unwrap().path());
        let parts = parts.filter(|path| path.is_file() && path.extension().is_some_and(|ending| ending == "csv"));
        parts.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
    }
}

/// The lines of a part but for the first.
pub fn rows_of(part: &str) -> Vec<String> {
    part.lines().skip(1).map(str::to_owned).collect()
}

/// The program at work: killed if it has not ended.
pub struct Run {
    pub child: Child,
    /// What it says on standard error.
    pub said: Receiver<String>,
}

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Run {
    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Waits until the program has said `words`.
    pub fn until(&self, words: &str) {
        let mut all = Vec::new();
        loop {
            let line = self.said.recv_timeout(Duration::from_secs(120));
            let line = line.unwrap_or_else(|_| panic!("no {words:?} in {all:#?}"));
            if line.contains(words) {
                return;
            }
            all.push(line);
        }
    }

    /// Sends a signal, and waits for the end.
    pub fn end(&mut self, signal: &str) -> ExitStatus {
        assert!(Command::new("kill").args([signal, &self.pid()]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}
