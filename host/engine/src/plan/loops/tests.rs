use std::fs;
use std::path::Path;

use super::refuse;
use crate::connector::Connectors;
use crate::job::Job;

/// What is said of a job that reads `source` (JSON) and writes to folder `sink`, in a folder with `data/in`, `out`, and
/// links to them.
fn refused(source: &str, sink: &str, more: &str) -> Option<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("data/in")).unwrap();
    fs::create_dir_all(at("out")).unwrap();
    fs::write(at("data/a.json"), "").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(at("out"), at("data/linked")).unwrap();
        std::os::unix::fs::symlink(at("data"), at("other")).unwrap();
    }
    let text = format!(
        "name = \"j\"\n{more}\n[source.s]\npath = \"{source}\"\nformat = \"json\"\nschema = {{ a = \"int64\" }}\n\
         [sink.w]\ninput = \"s\"\nconnector = \"file\"\npath = \"{sink}\"\nformat = \"json\"\n"
    );
    let connectors = Connectors::built_in();
    let job = Job::parse(&text, Path::new("job.toml"), folder.path(), &connectors.keys(), &[]).unwrap();
    let error = refuse(&job, &connectors).err()?;
    let span = error.location().expect("it points into the job file").span.clone();
    assert!(error.help().is_some(), "{error}");
    Some((error.message().to_owned(), text[span].to_owned()))
}

#[test]
fn a_job_that_would_read_what_it_writes_is_refused_at_the_place_that_says_so() {
    let letters = |path: &str| format!("dead_letters = {{ path = \"{path}\" }}");
    for (source, sink, more, says, at) in [
        ("data", "data", "", "would read the rows of sink `w`, which go to `data`", "data"),
        ("data", "./data/../data", "", "would read the rows of sink `w`", "./data/../data"),
        ("data/*", "data", "", "would read the rows", "data"),
        ("data/*.json", "data", "", "would read the rows", "data"),
        ("data/part-w-*", "data", "", "would read the rows", "data"),
        ("**/*.json", "out", "", "would read the rows", "out"),
        ("data/**/*.json", "data/x/y", "", "would read the rows", "data/x/y"),
        ("*/*.json", "out", "", "would read the rows", "out"),
        // By links, of folders and within a pattern.
        ("data", "other", "", "would read the rows", "other"),
        ("other/*.json", "data", "", "would read the rows", "data"),
        ("data/*/*.json", "out", "", "would read the rows", "out"),
        // One inside the other.
        (
            "data",
            "data/in/out",
            "",
            "would go to `data/in/out`, inside the folder that source `s` reads",
            "data/in/out",
        ),
        ("data/in", "data", "", "source `s` reads inside `data`, where the rows of sink `w` go", "data/in"),
        ("data/in/*.csv", "other", "", "source `s` reads inside `other`", "data/in/*.csv"),
        // Dead letters.
        (
            "data",
            "out",
            &letters("data/d.jsonl"),
            "would read the dead letters, which go to `data/d.jsonl`",
            "data/d.jsonl",
        ),
        ("data/*.jsonl", "out", &letters("other/d.jsonl"), "would read the dead letters", "other/d.jsonl"),
        ("data/d.jsonl", "out", &letters("data/d.jsonl"), "would read the dead letters", "data/d.jsonl"),
        (".", "/elsewhere", "", "would read the dead letters, which go to `j.dead-letters.jsonl`", "."),
        ("*.jsonl", "out", "", "would read the dead letters", "*.jsonl"),
        // The checkpoint.
        (
            "**/*.log",
            "out",
            "checkpoint = \"state\"",
            "would read the files of the checkpoint, which go to `state`",
            "**/*.log",
        ),
        ("data", "out", "checkpoint = \"data/state\"", "the files of the checkpoint would go to `data/state`", "data"),
        ("data/in", "out", "checkpoint = \"data\"", "source `s` reads inside `data`", "data/in"),
        ("data", "state/out", "checkpoint = \"state\"", "would go into the job's checkpoint", "state/out"),
        (
            "data",
            "out",
            &(letters("state/d.jsonl") + "\ncheckpoint = \"state\""),
            "the dead letters would go into",
            "state/d.jsonl",
        ),
    ] {
        match refused(source, sink, more) {
            Some((message, place)) => {
                assert!(message.contains(says), "{source} {sink}: {message}");
                assert_eq!(place, at, "{source} {sink}: {message}");
            }
            None => panic!("{source} {sink} {more}: not refused"),
        }
    }
}

/// What a job says that reads `source` and writes to `out`, whose checkpoint and dead letters have been written before,
/// once `link` has made links in `data/in`.
#[cfg(unix)]
fn refused_with(source: &str, link: &dyn Fn(&Path)) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["data/in/deep", "out/parts", "state/log"] {
        fs::create_dir_all(at(name)).unwrap();
    }
    for name in
        ["data/in/a.json", "d.jsonl", "out/part-w-1-00000000000000000001-0.json", "out/other.json", "state/log/1.log"]
    {
        fs::write(at(name), "").unwrap();
    }
    link(folder.path());
    let text = format!(
        "name = \"j\"\ncheckpoint = \"state\"\ndead_letters = {{ path = \"d.jsonl\" }}\n[source.s]\npath = \"{source}\"\n\
         format = \"json\"\nschema = {{ a = \"int64\" }}\n\
         [sink.w]\ninput = \"s\"\nconnector = \"file\"\npath = \"out\"\nformat = \"json\"\n"
    );
    let connectors = Connectors::built_in();
    let job = Job::parse(&text, Path::new("job.toml"), folder.path(), &connectors.keys(), &[]).unwrap();
    let error = refuse(&job, &connectors).err()?;
    assert!(error.location().is_some() && error.help().is_some(), "{error}");
    Some(error.message().to_owned())
}

#[cfg(unix)]
#[test]
fn a_link_to_one_file_that_is_written_is_a_loop_too() {
    use std::os::unix::fs::symlink;
    const PART: &str = "out/part-w-1-00000000000000000001-0.json";
    let hard =
        |from: &'static str, to: &'static str| move |at: &Path| fs::hard_link(at.join(from), at.join(to)).unwrap();
    let soft = |from: &'static str, to: &'static str| move |at: &Path| symlink(at.join(from), at.join(to)).unwrap();
    let relative = |from: &'static str, to: &'static str| move |at: &Path| symlink(from, at.join(to)).unwrap();
    type Links<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, Links<'_>, &str); 10] = [
        ("data/in", &soft(PART, "data/in/b.json"), "the rows of sink `w`: `data/in/b.json` leads to `out`"),
        ("data/in/*.json", &hard(PART, "data/in/b.json"), "the rows of sink `w`: `data/in/b.json` leads to `out`"),
        ("data/**/*.json", &hard(PART, "data/in/deep/b.json"), "`data/in/deep/b.json` leads"),
        ("data/in/b.json", &hard(PART, "data/in/b.json"), "`data/in/b.json` leads"),
        ("data/in", &soft("d.jsonl", "data/in/b.json"), "the dead letters: `data/in/b.json` leads to `d.jsonl`"),
        ("data/in", &hard("d.jsonl", "data/in/b"), "the dead letters: `data/in/b` leads"),
        ("data/in", &relative("../../d.jsonl", "data/in/b"), "the dead letters: `data/in/b` leads"),
        ("data/in", &hard("state/log/1.log", "data/in/b"), "the files of the checkpoint: `data/in/b` leads to `state`"),
        // Not there yet.
        ("data/in", &soft("out/part-w-2-00000000000000000001-0.json", "data/in/b.json"), "`data/in/b.json` leads"),
        ("data/*/*/*.json", &soft("out", "data/in/deep/../linked"), "would read the rows of sink `w`"),
    ];
    for (source, link, says) in cases {
        let message = refused_with(source, link).unwrap_or_else(|| panic!("{source}: {says}: not refused"));
        assert!(message.contains(says), "{source}: {message}");
    }
    // Other files, other endings and what is passed over.
    let right: [(&str, Links<'_>); 6] = [
        ("data/in", &soft("out/other.json", "data/in/b.json")),
        ("data/in", &hard("out/other.json", "data/in/b.json")),
        ("data/in/*.csv", &soft(PART, "data/in/b.json")),
        ("data/in", &hard(PART, "data/in/_b.json")),
        ("data/in", &hard(PART, "data/b.json")),
        ("data/in", &hard("data/in/a.json", "data/in/b.json")),
    ];
    for (source, link) in right {
        assert_eq!(refused_with(source, link), None, "{source}");
    }
}

#[test]
fn folders_side_by_side_and_patterns_that_cannot_match_are_right() {
    let letters = |path: &str| format!("dead_letters = {{ path = \"{path}\" }}");
    for (source, sink, more) in [
        ("data", "out", ""),
        ("data/*.jsonl", "out", &*letters("data.dead-letters.jsonl")),
        ("data/*.csv", "out", &letters("data/d.jsonl")),
        ("data/*.csv", "data", ""),
        ("data/*.jsonl", "data/out", ""),
        ("data/**/*.csv", "data/out", ""),
        ("data/[!p]*.json", "data/out", ""),
        ("data", "data/_out", ""),
        ("data", "out", &letters("data/_d.jsonl")),
        ("data", "out", &letters("data/.d.jsonl")),
        ("data/**/*.json", "data/.out", ""),
        ("data/a.json", "data", ""),
        ("data", "data-out", "checkpoint = \"data-state\""),
        ("./*.json", "out", "checkpoint = \"state\""),
        ("data/in", "data/out", &letters("data/d.jsonl")),
    ] {
        assert_eq!(refused(source, sink, more), None, "{source} {sink} {more}");
    }
}
