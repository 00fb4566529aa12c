//! Files that are packed.

use super::*;

#[test]
fn a_gzip_file_ends_where_zeros_begin_and_nothing_else_may_follow() {
    let folder = Folder::new();
    folder.write("a.gz", [gzip(b"one\n"), vec![0; 1000]].concat());
    folder.write("b.gz", [gzip(b"one\n"), vec![0; 1000], b"two\n".to_vec()].concat());
    let mut source = open(&folder.spec("a.gz", FileFormat::Text, &[])).unwrap();
    let range = source.plan(0, NEW).unwrap().unwrap();
    assert_eq!(rows(&source, &range, &[0]), ["a.gz:1 | one |"]);
    let mut source = open(&folder.spec("b.gz", FileFormat::Text, &[])).unwrap();
    let range = source.plan(0, NEW).unwrap().unwrap();
    let error = read_error(&source, &range);
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.message().starts_with("b.gz: behind the end of the gzip file stand bytes"), "{error}");
}

#[test]
fn gzip_files_may_have_several_members_and_must_be_whole() {
    let folder = Folder::new();
    let whole = [gzip(b"one\ntw"), gzip(b"o\nthree")].concat();
    folder.write("a.gz", &whole);
    folder.write("b.gz", &whole[..whole.len() - 5]);
    let mut source = open(&folder.spec("a.gz", FileFormat::Text, &[])).unwrap();
    let range = source.plan(0, NEW).unwrap().unwrap();
    assert_eq!(rows(&source, &range, &[0]), ["a.gz:1 | one |", "a.gz:2 | two |", "a.gz:3 | three |"]);
    let mut source = open(&folder.spec("b.gz", FileFormat::Text, &[])).unwrap();
    let range = source.plan(0, NEW).unwrap().unwrap();
    let error = read_error(&source, &range);
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.message().starts_with("b.gz: not a complete gzip file"), "{error}");
}

#[test]
fn what_is_packed_otherwise_is_refused_by_name() {
    let folder = Folder::new();
    folder.write("in/a.log", "a\n");
    folder.write("in/b.log.ZST", [0x28, 0xb5]);
    let mut source = open(&folder.spec("in", FileFormat::Text, &[])).unwrap();
    let error = source.plan(0, NEW).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Data, "in/b.log.ZST: zstd files are not read"));
    assert!(error.help().unwrap().contains("pack it with gzip"));
    let mut source = open(&folder.spec("in/*.log", FileFormat::Text, &[])).unwrap();
    assert_eq!(names(source.plan(0, NEW).unwrap()), ["in/a.log"]);
}
