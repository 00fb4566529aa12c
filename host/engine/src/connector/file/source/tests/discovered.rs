//! Which files there are, and when somebody looks again.

use super::*;

#[test]
fn what_comes_after_discovery_was_stopped_is_left_for_later() {
    let folder = Folder::new();
    folder.write("a.log", "1\n");
    folder.write("b.log", "2\n");
    let mut spec = folder.spec("*.log", FileFormat::Text, &[]);
    spec.max_files_per_epoch = At(1);
    let mut source = open(&spec).unwrap();
    source.stop_discovery(0, NEW).unwrap();
    folder.write("c.log", "3\n");
    assert_eq!(names(source.plan(0, NEW).unwrap()), ["a.log"]);
    assert!(!source.exhausted());
    assert_eq!(names(source.plan(0, NEW).unwrap()), ["b.log"]);
    assert!(source.exhausted());
    assert_eq!(source.plan(0, NEW).unwrap(), None);
}

#[test]
fn a_folder_is_looked_at_more_seldom_the_longer_nothing_comes() {
    const SECOND: i64 = 1_000_000;
    let folder = Folder::new();
    folder.write("in/a.txt", "a");
    let mut source = open(&folder.spec("in", FileFormat::Text, &[])).unwrap();
    assert_eq!(names(source.plan(0, NEW).unwrap()), ["in/a.txt"]);
    let rest = |source: &FileSource, now| match source.next_look(now) {
        NextLook::At(time) => time - now,
        NextLook::WhenWoken => panic!("nobody tells of files"),
    };
    let quiet = [(0, REST), (2 * SECOND, REST), (10 * SECOND, SECOND / 10), (500 * SECOND, SECOND)];
    assert_eq!(quiet.map(|(now, _)| rest(&source, now)), quiet.map(|(_, rest)| rest));
    folder.write("in/b.txt", "b");
    assert!(source.plan(600 * SECOND, NEW).unwrap().is_some());
    assert_eq!(rest(&source, 600 * SECOND), REST);
}

#[test]
fn files_are_found_in_order_and_hidden_ones_are_not() {
    let folder = Folder::new();
    for name in ["d/b.log", "d/a.log", "d/_part.log", "d/.c.log", "d/sub/x.log", "d/_sub/x.log", "d/c.txt"] {
        folder.write(name, "x\n");
    }
    let found = |path: &str| names(open(&folder.spec(path, FileFormat::Text, &[])).unwrap().plan(0, NEW).unwrap());
    assert_eq!(found("d"), ["d/a.log", "d/b.log", "d/c.txt"]);
    assert_eq!(found("d/*.log"), ["d/a.log", "d/b.log"]);
    assert_eq!(found("d/**/*.log"), ["d/a.log", "d/b.log", "d/sub/x.log"]);
    assert_eq!(found("*/[bc]*"), ["d/b.log", "d/c.txt"]);
    let all = ["d/a.log", "d/b.log", "d/c.txt", "d/sub/x.log"];
    for pattern in ["d/**", "d/**/", "d/**/*", "**/*", "d/**/**", "**/d/**", "d*/**/*.*", "d/**/**/*"] {
        assert_eq!(found(pattern), all, "{pattern}");
    }
    assert_eq!(found("*/sub/**/*.log"), ["d/sub/x.log"]);
    assert_eq!(found("*/*/x.log"), ["d/sub/x.log"]);
    assert_eq!(found("d/_sub/**"), ["d/_sub/x.log"]);
    assert!(found("*/_sub/*").is_empty() && found("**/x.log/*").is_empty());
    assert_eq!(found("d/c.txt"), ["d/c.txt"]);

    let elsewhere = Folder::new();
    elsewhere.write("z.log", "x\n");
    let mut spec = elsewhere.spec("*.log", FileFormat::Text, &[]);
    spec.base = folder.path().into();
    let mut source = open(&spec).unwrap();
    let range = source.plan(0, NEW).unwrap();
    assert_eq!(names(range.clone()), [elsewhere.path().join("z.log").to_str().unwrap()]);
    assert_eq!(rows(&source, &range.unwrap(), &[0]).len(), 1);
}

#[test]
fn new_files_come_while_it_runs() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("in")).unwrap();
    let mut source = open(&folder.spec("in", FileFormat::Text, &[])).unwrap();
    let mut state = Table::new(1);
    let mut next = || {
        let range = source.plan(0, Known::of(Some(&state))).unwrap();
        range.iter().for_each(|range| keep(&mut source, range, &mut state));
        assert!(!source.exhausted());
        names(range)
    };
    assert!(next().is_empty());
    // A folder that has long been quiet is not listed again, until its modification time moves.
    let quiet = fs::File::open(folder.path().join("in")).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(100);
    folder.write("in/a", "1\n");
    assert_eq!(next(), ["in/a"]);
    quiet.set_times(FileTimes::new().set_modified(long_ago)).unwrap();
    assert!(next().is_empty());
    assert!(next().is_empty());
    folder.write("in/c", "3\n");
    folder.write("in/b", "2\n");
    assert_eq!(next(), ["in/b", "in/c"]);
    assert!(next().is_empty());
}

#[test]
fn a_link_that_leads_back_is_named_once() {
    let folder = Folder::new();
    folder.write("in/deep/a.log", "a\n");
    std::os::unix::fs::symlink("..", folder.path().join("in/deep/again")).unwrap();
    let mut source = open(&folder.spec("in/**/*.log", FileFormat::Text, &[])).unwrap();
    let error = source.plan(0, NEW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let message = error.message();
    assert!(message.contains("in/deep/again is a link back to ") && message.matches("again").count() == 1, "{message}");
    assert!(error.help().unwrap().contains("remove the link"));
}

#[test]
fn links_are_followed_to_files_and_folders_beside_and_a_name_that_is_no_text_is_told() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    folder.write("in/a.log", "a\n");
    folder.write("beside/b.log", "b\n");
    symlink("../beside", folder.path().join("in/linked")).unwrap();
    symlink("../beside/b.log", folder.path().join("in/l.log")).unwrap();
    symlink("nowhere", folder.path().join("in/broken.log")).unwrap();
    for pattern in ["in/**", "in/**/*.log"] {
        let mut source = open(&folder.spec(pattern, FileFormat::Text, &[])).unwrap();
        let range = source.plan(0, NEW).unwrap();
        assert_eq!(names(range.clone()), ["in/a.log", "in/l.log", "in/linked/b.log"], "{pattern}");
        let read = rows(&source, &range.unwrap(), &[0]);
        assert_eq!(read, ["in/a.log:1 | a |", "in/l.log:1 | b |", "in/linked/b.log:1 | b |"]);
    }
    let name = std::ffi::OsStr::from_bytes(b"bad\xff.log");
    fs::write(folder.path().join("in").join(name), "x\n").unwrap();
    let error = open(&folder.spec("in/**", FileFormat::Text, &[])).unwrap().plan(0, NEW).unwrap_err();
    assert!(error.message().contains("the name is not UTF-8"), "{error}");
}
