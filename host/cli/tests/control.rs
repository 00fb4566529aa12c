//! The control socket of a running job and the commands that use it: a job is shown, swapped, paused, resumed and stopped;
//! what cannot be done is told with what to do; whatever is sent to the socket, the job goes on; nobody else is heard.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod running;

use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use running::{Folder, JOB, Run, rows_of};
use serde_json::Value;

/// Its one epoch lasts longer than any test.
const BUSY: &str = r#"
name = "busy"
[source.payments]
connector = "generate"
rows_of = "cards"
rows = 1000000000
max_rows_per_epoch = 1000000000
[sink.out]
input = "payments"
connector = "null"
"#;

/// What a command prints on standard output; it must succeed.
fn done(folder: &Folder, args: &[&str]) -> String {
    let output = folder.program(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What standard error says, in one line: a report is broken where it fits the terminal.
fn said(output: &Output) -> String {
    let words = String::from_utf8_lossy(&output.stderr).replace('│', " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A command must fail with `code`, and say each of `words`.
fn fails(folder: &Folder, args: &[&str], code: i32, words: &[&str]) {
    let output = folder.program(args).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    words.iter().for_each(|words| assert!(said.contains(words), "{args:?}: no {words:?} in {said}"));
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the only running job says of itself.
fn status(folder: &Folder) -> Value {
    let mut jobs = objects(&done(folder, &["ps", "--json"]));
    assert_eq!(jobs.len(), 1, "{jobs:#?}");
    jobs.remove(0)
}

fn sockets(folder: &Folder) -> PathBuf {
    folder.0.join("run/millstream")
}

fn socket(folder: &Folder, run: &Run) -> PathBuf {
    sockets(folder).join(format!("{}.sock", run.pid()))
}

/// Waits until `is` holds, but not for ever.
fn wait(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: it takes too long");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends bytes; gives all that is replied.
fn exchange(socket: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // It may not want all of it.
    drop(stream.write_all(bytes));
    let mut reply = String::new();
    drop(stream.read_to_string(&mut reply));
    reply
}

fn post(path: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn a_running_job_is_shown_swapped_paused_resumed_and_stopped() {
    let folder = Folder::new("steered", &JOB.replace("plugin = \"p\"", "plugin = \"p.tag\""));
    let [first, second] = folder.builds();
    fs::write(folder.0.join("second.wasm"), &second).unwrap();
    let digests = [first, second].map(|component| millstream_plugin::digest(&component));
    let written = Cell::new(0);
    let write = || {
        folder.write(written.get());
        written.set(written.get() + 1);
    };
    write();
    let mut run = folder.begin(&["run", "job.toml"]);
    run.until("epoch 0");
    assert_eq!(fs::metadata(sockets(&folder)).unwrap().permissions().mode() & 0o777, 0o700);
    let before = status(&folder);
    assert_eq!((&before["job"], &before["state"]), (&"watched".into(), &"running".into()));
    assert_eq!(before["pid"], run.child.id());
    assert_eq!((&before["totals"]["rows_in"], &before["last_epoch"]["epoch"]), (&1.into(), &0.into()));
    assert_eq!(
        (&before["plugins"]["p"]["digest"], &before["resumed_from"]),
        (&digests[0].clone().into(), &Value::Null)
    );
    let file = fs::canonicalize(folder.0.join("job.toml")).unwrap();
    assert_eq!(before["file"], file.to_str().unwrap());
    for shown in ["watched", &run.pid(), "running", "none yet", "state"] {
        assert!(done(&folder, &["ps"]).contains(shown), "{shown}: {}", done(&folder, &["ps"]));
    }

    let mut swap = folder.program(&["swap", "watched", "p", "second.wasm"]).stdout(Stdio::piped()).spawn().unwrap();
    wait("swap", || {
        write();
        swap.try_wait().unwrap().is_some()
    });
    let swapped = swap.wait_with_output().unwrap();
    assert!(swapped.status.success());
    let told = String::from_utf8(swapped.stdout).unwrap();
    let now = status(&folder);
    let since = now["plugins"]["p"]["swapped_since"].as_u64().unwrap();
    assert_eq!(now["plugins"]["p"]["digest"], digests[1]);
    let expected = format!("with epoch {since}: {} in the place of {}", &digests[1][..12], &digests[0][..12]);
    assert!(told.contains(&expected), "{told}");
    assert!(done(&folder, &["top"]).contains(&format!("plugin `p` {}, swapped with epoch {since}", &digests[1][..12])));
    for record in objects(&done(&folder, &["epochs", "job.toml", "--json"])) {
        let has_it = record["epoch"].as_u64().unwrap() >= since;
        assert_eq!(record["plugins"]["p"], digests[usize::from(has_it)], "{record}");
    }

    // No epoch is under way then.
    wait("rows", || status(&folder)["totals"]["rows_in"] == written.get());
    assert!(done(&folder, &["pause", "watched"]).contains("is paused"));
    assert!(done(&folder, &["pause", "job.toml"]).contains("was paused before"));
    run.until("paused, as it was told");
    let paused = status(&folder);
    write();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(paused["state"], "paused");
    assert_eq!(status(&folder)["totals"], paused["totals"]);
    assert!(done(&folder, &["resume", &run.pid()]).contains("goes on"));
    assert!(done(&folder, &["resume", "watched"]).contains("was not paused"));
    wait("resume", || status(&folder)["totals"]["rows_in"] == written.get());

    assert!(done(&folder, &["stop", "./job.toml"]).contains("stops after the epoch"));
    assert!(run.child.wait().unwrap().success());
    run.until("stopping after this epoch, as it was told");
    assert_eq!(fs::read_dir(sockets(&folder)).unwrap().count(), 0);
    assert_eq!(done(&folder, &["ps", "--json"]), "");
    assert_eq!(folder.parts().iter().map(|(_, part)| rows_of(part).len()).sum::<usize>(), written.get());
}

#[test]
fn what_cannot_be_done_is_told_with_what_to_do() {
    let folder = Folder::new("refused", JOB);
    folder.build("plugins/hostile/rejects-some", "p.wasm");
    folder.write(0);
    fails(&folder, &["stop", "watched"], 2, &["no running job is called `watched`", "no job of yours is running"]);
    let mut run = folder.begin(&["run", "job.toml"]);
    run.until("epoch 0");
    let table: [(&[&str], &[&str]); 9] = [
        (&["stop", "other"], &["no running job is called `other`", "running are: `watched` (process"]),
        (&["stop", "1"], &["no running job is called `1`", "running are"]),
        (&["pause", "in/0.json"], &["no running job has the file in/0.json", "running are"]),
        (
            &["swap", "watched", "q", "p.wasm"],
            &["`q` was not swapped: job `watched` has no plugin `q`", "did you mean `p`?"],
        ),
        (
            &["swap", "watched", "p", "job.toml"],
            &["`p` was not swapped: /", "is not a WebAssembly component", "project folder"],
        ),
        (&["swap", "watched", "p", "none.wasm"], &["none.wasm does not exist", "name a .wasm file"]),
        (&["swap", "watched", "p"], &["what other version of plugin `p` is meant is not said", "--with KEY=VALUE"]),
        (&["swap", "watched", "p", "--with", "a=nan"], &["JSON, which has no such number"]),
        (&["swap", "watched", "p", "--with", "a"], &["write KEY=VALUE"]),
    ];
    table.iter().for_each(|(args, words)| fails(&folder, args, 2, words));

    // Two of one name, told apart by their processes.
    let other = ["run", "job.toml", "--set", "checkpoint=state-2", "--set", "sink.out.path=out-2"];
    let mut second = folder.begin(&other);
    second.until("epoch 0");
    let both = [&*run.pid(), &*second.pid()].map(|pid| format!("process {pid}"));
    for named in ["watched", "job.toml"] {
        fails(&folder, &["stop", named], 2, &[&both[0], &both[1], "say which by its process id"]);
    }
    done(&folder, &["stop", &second.pid()]);
    assert!(second.child.wait().unwrap().success());

    // A paused job takes no swap, and none besides; who waits is told when it ends.
    done(&folder, &["pause", "watched"]);
    let waits = folder.program(&["swap", "watched", "p", "--with", "text=x"]).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(4));
    let again = ["swap", "watched", "p", "--with", "text=y"];
    fails(&folder, &again, 2, &["another swap is under way", "wait until it is done"]);
    done(&folder, &["stop", "watched"]);
    let told = waits.wait_with_output().unwrap();
    assert_eq!(told.status.code(), Some(2));
    for words in ["waiting for the new version", "the job ended before the plugin was swapped", "start the job again"] {
        assert!(said(&told).contains(words), "{}", said(&told));
    }
    assert!(run.child.wait().unwrap().success());
}

#[test]
fn a_job_that_stops_takes_no_orders_and_one_that_was_killed_is_forgotten() {
    let folder = Folder::new("killed", BUSY);
    let mut run = folder.begin(&["run", "job.toml"]);
    run.until("the job names no checkpoint");
    done(&folder, &["stop", "busy"]);
    assert_eq!(status(&folder)["state"], "stopping");
    assert!(done(&folder, &["stop", "busy"]).contains("was told to stop before"));
    for args in [&["swap", "busy", "p", "--with", "a=1"][..], &["pause", "busy"], &["resume", "busy"]] {
        fails(&folder, args, 2, &["the job was told to stop", "start it again"]);
    }
    run.end("-KILL");
    assert!(socket(&folder, &run).exists());
    fails(&folder, &["stop", &run.pid()], 2, &["no job of yours is running"]);
    assert_eq!(fs::read_dir(sockets(&folder)).unwrap().count(), 0);

    // The next job forgets it, too.
    let dead = sockets(&folder).join("900000003.sock");
    drop(UnixListener::bind(&dead).unwrap());
    // Ctrl-C twice ends it at once: nothing is left behind all the same.
    let mut run = folder.begin(&["run", "job.toml"]);
    run.until("the job names no checkpoint");
    assert!(!dead.exists());
    assert!(Command::new("kill").args(["-INT", &run.pid()]).status().unwrap().success());
    run.until("Ctrl-C again");
    assert_eq!(run.end("-INT").code(), Some(130));
    assert!(!socket(&folder, &run).exists());
}

#[test]
fn one_that_does_not_speak_as_a_job_does_is_told_from_one_that_does_not_reply() {
    let folder = Folder::new("strange", BUSY);
    fs::create_dir(sockets(&folder)).unwrap();
    fs::set_permissions(sockets(&folder), fs::Permissions::from_mode(0o700)).unwrap();
    let strange = UnixListener::bind(sockets(&folder).join("900000001.sock")).unwrap();
    let _silent = UnixListener::bind(sockets(&folder).join("900000002.sock")).unwrap();
    std::thread::spawn(move || {
        for stream in strange.incoming() {
            drop(stream.unwrap().write_all(b"220 mail.example ready\r\n\r\n"));
        }
    });
    fails(&folder, &["stop", "900000001"], 1, &["is not understood: this is no HTTP/1.1", "see what listens on"]);
    fails(&folder, &["stop", "900000002"], 1, &["it does not reply", "kill 900000002"]);
    fails(&folder, &["stop", "busy"], 2, &["no running job is called `busy`", "process 900000002 (it does not reply)"]);
    let shown = done(&folder, &["ps"]);
    assert_eq!(shown.matches("no reply").count(), 2, "{shown}");
}

#[test]
fn whatever_is_sent_the_job_goes_on() {
    let folder = Folder::new("garbage", JOB);
    folder.build("plugins/hostile/rejects-some", "p.wasm");
    folder.write(0);
    let run = folder.begin(&["run", "job.toml"]);
    run.until("epoch 0");
    let socket = socket(&folder, &run);
    let large = [b"POST /swap HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n".to_vec(), vec![b'x'; 9_999_999]].concat();
    let endless = [b"GET /job HTTP/1.1\r\nx: ".to_vec(), vec![b'y'; 100_000]].concat();
    let table: &[(&[u8], &str)] = &[
        (&[0, 159, 146, 150, 13, 10, 13, 10], "HTTP/1.1 400 "),
        (b"GET /job HTTP/1.1\r\nHost:", "HTTP/1.1 408 "),
        (b"POST /swap HTTP/1.1\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408 "),
        (b"POST /swap HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 "),
        (&large, "HTTP/1.1 413 "),
        (&endless, "HTTP/1.1 413 "),
        (
            b"GET /nothing HTTP/1.1\r\n\r\n",
            "there are GET /job, POST /abort, POST /pause, POST /resume, POST /stop, POST /swap",
        ),
        (b"GET /stop HTTP/1.1\r\n\r\n", "Allow: POST\r\n"),
        (&post("/swap", "{\"plugin\":"), "the request is no swap"),
        (&post("/swap", "{\"plugin\":\"p\",\"file\":\"x\"}"), "unknown field `file`"),
        (&post("/swap", "{\"plugin\":\"p\"}"), "give a `path`, a `with`, or both"),
        (&post("/swap", "{\"plugin\":\"p\",\"path\":\"p.wasm\"}"), "the path p.wasm is not absolute"),
        (&post("/swap", &"[".repeat(100_000)), "HTTP/1.1 400 "),
    ];
    for (bytes, words) in table {
        let reply = exchange(&socket, bytes);
        assert!(reply.contains(words), "{words}: {reply}");
    }

    let silent: Vec<UnixStream> = (0..200).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    folder.write(1);
    run.until("epoch 1");
    assert_eq!(status(&folder)["totals"]["rows_in"], 2);
    drop(silent);

    // One that goes away while its swap is waited for: the job is swapped all the same.
    done(&folder, &["pause", "watched"]);
    let mut gone = UnixStream::connect(&socket).unwrap();
    gone.write_all(&post("/swap", "{\"plugin\":\"p\",\"with\":{\"text\":\"no such row\"}}")).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    drop(gone);
    done(&folder, &["resume", "watched"]);
    let mut written = 2;
    wait("swap", || {
        folder.write(written);
        written += 1;
        !status(&folder)["plugins"]["p"]["swapped_since"].is_null()
    });
    done(&folder, &["stop", "watched"]);
}

#[test]
fn a_folder_that_others_could_use_is_refused_and_the_job_runs() {
    let once = BUSY.replace("1000000000", "10");
    let folder = Folder::new("closed", &once);
    let run = || {
        let output = folder.program(&["run", "job.toml", "--available-now"]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    fs::create_dir(sockets(&folder)).unwrap();
    fs::set_permissions(sockets(&folder), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(run().contains("is open to others (mode 755) (chmod 700 "));
    fails(&folder, &["ps"], 1, &["is open to others (mode 755)", "chmod 700"]);
    fs::remove_dir(sockets(&folder)).unwrap();
    std::os::unix::fs::symlink(folder.0.join("tmp"), sockets(&folder)).unwrap();
    assert!(run().contains("is no folder"));
    fs::remove_dir_all(folder.0.join("run")).unwrap();
    assert!(run().contains("cannot be made: No such file or directory"));
    let deep = folder.0.join("d".repeat(100));
    fs::create_dir(&deep).unwrap();
    let output = folder.program(&["run", "job.toml"]).env("XDG_RUNTIME_DIR", &deep).output().unwrap();
    assert!(
        output.status.success() && said(&output).contains("is too long for the name of a socket"),
        "{}",
        said(&output)
    );
    // Without a session it is one below the temporary folder, closed to others.
    let output = folder.program(&["run", "job.toml"]).env_remove("XDG_RUNTIME_DIR").output().unwrap();
    assert!(output.status.success() && !said(&output).contains("do not find this run"), "{}", said(&output));
    let made: Vec<PathBuf> = fs::read_dir(folder.0.join("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let made = made.iter().find(|path| path.is_dir()).unwrap();
    assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(made).unwrap().count(), 0);
}

/// Where the test below finds the socket when it speaks as another user.
const SOCKET: &str = "MILLSTREAM_TEST_SOCKET";

#[test]
fn another_user_is_not_heard() {
    if let Some(socket) = std::env::var_os(SOCKET) {
        println!("{}", exchange(Path::new(&socket), &post("/stop", "")));
        return;
    }
    let folder = Folder::new("user", BUSY);
    // Another user must be able to start it, and it to find what this program has.
    let speaker = folder.0.join("speaker");
    fs::copy(std::env::current_exe().unwrap(), &speaker).unwrap();
    let mut as_nobody = Command::new("setpriv");
    as_nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&speaker);
    as_nobody.args(["--exact", "another_user_is_not_heard", "--nocapture"]).current_dir("/");
    let mut other = Command::new("setpriv");
    other.args(["--reuid=65534", "--clear-groups", "true"]).stderr(Stdio::null());
    if !other.status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root with setpriv can speak as another user");
        return;
    }
    let run = folder.begin(&["run", "job.toml"]);
    run.until("the job names no checkpoint");
    let socket = socket(&folder, &run);
    // What keeps others out is taken away: who connects is looked at all the same.
    for (path, mode) in
        [(folder.0.clone(), 0o755), (folder.0.join("run"), 0o755), (sockets(&folder), 0o755), (socket.clone(), 0o777)]
    {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let output = as_nobody.env(SOCKET, &socket).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", said(&output));
    assert!(told.contains("HTTP/1.1 403 ") && told.contains("user 65534 may not ask this job"), "{told}");
    fs::set_permissions(sockets(&folder), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(status(&folder)["state"], "running");
}
