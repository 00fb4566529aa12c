//! The spool: what it keeps, what it drops, and what it makes of files that were cut or damaged.

use std::sync::Arc;

use arrow::array::Array;

use super::*;
use crate::format::Header;
use crate::storage::LocalStorage;

fn records(texts: &[&'static str]) -> Vec<Record<'static>> {
    texts.iter().map(|text| Record { value: Some(text.as_bytes()), ..Record::default() }).collect()
}

/// The numbers and values of a range.
fn read(spool: &Spool, from: u64, to: u64) -> Vec<(u64, String)> {
    let mut read = Vec::new();
    for (chunk, index) in spool.read(&SourceRange::Spooled { from, to }).unwrap().zip(0..) {
        let chunk = chunk.unwrap();
        assert_eq!((chunk.part, chunk.index), (0, index));
        let RawContent::Records(records) = chunk.content else { panic!("a spool has records") };
        for (offset, value) in records.offsets().iter().zip(records.values().iter()) {
            read.push((*offset, String::from_utf8(value.unwrap().to_vec()).unwrap()));
        }
    }
    read
}

fn numbered(texts: &[&str], first: u64) -> Vec<(u64, String)> {
    (first..).zip(texts).map(|(number, text)| (number, (*text).to_owned())).collect()
}

#[test]
fn what_has_a_number_is_read_again_until_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let open = |committed| Spool::open(Arc::new(LocalStorage::new(folder.path())), committed, u64::MAX).unwrap();
    let spool = open(0);
    assert_eq!(spool.plan(0, 10).unwrap(), None);
    assert_eq!(spool.append(&records(&["a", "b", "c"])).unwrap(), Some(0));
    assert_eq!(spool.append(&records(&["d"])).unwrap(), Some(3));
    assert_eq!(spool.plan(0, 3).unwrap(), Some(SourceRange::Spooled { from: 0, to: 3 }));
    assert_eq!(spool.plan(3, 3).unwrap(), Some(SourceRange::Spooled { from: 3, to: 4 }));
    for _ in 0..2 {
        assert_eq!(read(&spool, 1, 4), numbered(&["b", "c", "d"], 1));
    }
    // After a restart, whatever was committed.
    drop(spool);
    let spool = open(2);
    assert_eq!((spool.end(), read(&spool, 2, 4)), (4, numbered(&["c", "d"], 2)));
    // Numbers go on also where all was dropped.
    drop(spool);
    std::fs::remove_dir_all(folder.path()).unwrap();
    let spool = open(4);
    assert_eq!(spool.append(&records(&["e"])).unwrap(), Some(4));
    assert!(spool.read(&SourceRange::Rows { from: 0, to: 1 }).is_err());
    let gone = spool.read(&SourceRange::Spooled { from: 3, to: 5 }).unwrap().map(|chunk| chunk.map(drop));
    assert_eq!(gone.filter_map(Result::err).next().unwrap().kind(), ErrorKind::Corrupt);
    drop(spool);
    let missing = Spool::open(Arc::new(LocalStorage::new(folder.path())), 2, u64::MAX).map(drop).unwrap_err();
    assert!(missing.message().ends_with("records 2 to 4 are missing before it"), "{missing}");
}

#[test]
fn all_that_comes_with_a_record_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(Arc::new(LocalStorage::new(folder.path())), 0, u64::MAX).unwrap();
    let headers = [Header { name: "a", value: Some(b"1") }, Header { name: "b", value: None }];
    let full = Record { offset: 99, time: Some(-5), key: Some(b"k"), value: Some(b"\xff\n"), headers: &headers };
    spool.append(&[full, Record::default()]).unwrap();
    let mut chunks = spool.read(&SourceRange::Spooled { from: 0, to: 2 }).unwrap();
    let RawContent::Records(records) = chunks.next().unwrap().unwrap().content else { panic!("a spool has records") };
    assert_eq!((&records.offsets()[..], records.times().value(0)), (&[0, 1][..], -5));
    assert_eq!((records.keys().value(0), records.values().value(0)), (&b"k"[..], &b"\xff\n"[..]));
    assert!(records.times().is_null(1) && records.keys().is_null(1) && records.values().is_null(1));
    assert_eq!((records.headers().value_length(0), records.headers().value_length(1)), (2, 0));
}

#[test]
fn it_takes_no_more_than_it_may_until_what_is_committed_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(Arc::new(LocalStorage::new(folder.path())), 0, 3 << 20).unwrap();
    let large = vec![b'x'; 1 << 20];
    let one = [Record { value: Some(&large), ..Record::default() }];
    for number in 0..3 {
        assert_eq!(spool.append(&one).unwrap(), Some(number));
    }
    assert_eq!(spool.append(&one).unwrap(), None);
    // Half of it is no segment of its own.
    spool.drop_before(2).unwrap();
    assert_eq!(spool.append(&one).unwrap(), None);
    spool.drop_before(3).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(spool.append(&one).unwrap(), Some(3));
    assert_eq!(read(&spool, 3, 4).len(), 1);
}

#[test]
fn many_who_append_at_once_each_have_their_own_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(Arc::new(LocalStorage::new(folder.path())), 0, u64::MAX).unwrap();
    let mut numbers: Vec<u64> = std::thread::scope(|scope| {
        let append = |_| {
            let spool = spool.clone();
            scope.spawn(move || {
                (0..20).map(|_| spool.append(&records(&["x", "y"])).unwrap().unwrap()).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..5).map(append).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).map(|n| n * 2).collect::<Vec<_>>());
    assert_eq!(read(&spool, 0, 200).len(), 200);
}

#[test]
fn a_spool_that_is_cut_anywhere_has_the_whole_records_before_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let texts = ["first", "", "the third one"];
    Spool::open(Arc::new(LocalStorage::new(folder.path())), 0, u64::MAX).unwrap().append(&records(&texts)).unwrap();
    let file = folder.path().join("00000000000000000000.spool");
    let whole = std::fs::read(&file).unwrap();
    let ends: Vec<usize> = frame::Frames::new(&whole, 0).map(|frame| frame.end).collect();
    for cut in 0..=whole.len() {
        std::fs::write(&file, &whole[..cut]).unwrap();
        let spool = Spool::open(Arc::new(LocalStorage::new(folder.path())), 0, u64::MAX).unwrap();
        let left = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(read(&spool, 0, left as u64), numbered(&texts[..left], 0), "cut at {cut}");
        assert_eq!(spool.append(&records(&["more"])).unwrap(), Some(left as u64));
        drop(spool);
        let spool = Spool::open(Arc::new(LocalStorage::new(folder.path())), 0, u64::MAX).unwrap();
        assert_eq!(read(&spool, left as u64, left as u64 + 1), numbered(&["more"], left as u64));
    }
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&file, &flipped).unwrap();
        let opened = Spool::open(Arc::new(LocalStorage::new(folder.path())), 0, u64::MAX);
        match ends.iter().filter(|end| **end <= bit / 8).count() {
            // It might have been cut short, for all that is known.
            2 => assert_eq!(read(&opened.unwrap(), 0, 2), numbered(&texts[..2], 0), "bit {bit}"),
            _ => assert_eq!(opened.map(drop).unwrap_err().kind(), ErrorKind::Corrupt, "bit {bit}"),
        }
    }
}
