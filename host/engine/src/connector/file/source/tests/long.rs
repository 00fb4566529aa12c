//! CSV whose lines are longer than quotes reach.

use super::{CSV, Folder, NEW, open, rows};
use crate::connector::source::Source;
use crate::format::CsvReading;

#[test]
fn a_line_longer_than_quotes_reach_makes_no_row_and_takes_none_with_it() {
    let folder = Folder::new();
    let long = "z".repeat(3 << 20);
    let lines = [
        "a,b".to_owned(),
        "1,one".to_owned(),
        format!("2,\"{long}"),
        "3,three".to_owned(),
        format!("4,\"{long}\""),
        "5,\"fi\"\"ve\"".to_owned(),
        format!("6,\"{long}\",\""),
        "7,seven".to_owned(),
        format!("8,{long}"),
    ];
    folder.write("a.csv", lines.join("\n"));
    for multiline in [false, true] {
        for (max_record, chunk) in
            [(1000, 100), (1000, 2 << 20), (1 << 20, 100), (1 << 20, 2 << 20), (2 << 20, 5 << 20)]
        {
            let mut spec = folder.spec("a.csv", CSV, &[("a", "int64")]);
            (spec.csv, spec.max_record) = (CsvReading { multiline, ..CsvReading::default() }, max_record);
            let mut source = open(&spec).unwrap();
            source.chunk = chunk;
            let range = source.plan(0, NEW).unwrap().unwrap();
            let mut found = rows(&source, &range, &[0]);
            found.sort();
            let good: Vec<&String> = found.iter().filter(|row| row.contains('|')).collect();
            let what = format!("multiline {multiline}, max_record {max_record}, chunks of {chunk}: {found:?}");
            assert_eq!(good, ["a.csv:2 | 1 |", "a.csv:4 | 3 |", "a.csv:6 | 5 |", "a.csv:8 | 7 |"], "{what}");
            let long: Vec<&String> = found.iter().filter(|row| row.contains("max_record allows")).collect();
            assert_eq!((long.len(), found.len()), (4, 8), "{what}");
            assert!(long[0].starts_with("a.csv:3 a record of 3145731 bytes"), "{what}");
        }
    }
}
