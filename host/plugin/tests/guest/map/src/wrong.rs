//! What is wrong with fields, columns and rejects, by mode; the tests hand three rows over. `nested` is right.

use crate::columns::{bare, field, numbers, one, shape, texts};
use crate::exports::millstream::operator::map::{Batch, Rejects};
use crate::millstream::operator::columns::{Array, Field};

fn parent(format: &str, children: u32) -> Field {
    Field { children, ..field("x", format) }
}

fn map_of_text_to_int() -> Vec<Field> {
    let entries = Field { children: 2, nullable: false, ..field("entries", "+s") };
    vec![parent("+m", 1), entries, Field { nullable: false, ..field("key", "u") }, field("value", "l")]
}

/// The output fields of a mode that is about columns of other types than int64.
pub fn fields(mode: &str) -> Option<Vec<Field>> {
    let with = |mut fields: Vec<Field>, more: Vec<Field>| {
        fields.extend(more);
        fields
    };
    Some(match mode {
        "offsets-down" | "offsets-start" | "offsets-beyond" | "offsets-short" | "not-utf8" | "half-character"
        | "offsets-half" | "one-buffer" | "three-buffers" => vec![field("x", "u")],
        "child-short" | "child-none" | "child-more" | "list-down" | "list-start" | "list-beyond" | "list-offsets"
        | "child-values" | "child-validity" => shape("x", "+l/l"),
        "child-not-utf8" => shape("x", "+l/u"),
        "fixed-short" | "fixed-long" => shape("x", "+w:2/l"),
        "fixed-wide" => shape("x", "w:3"),
        "struct-short" | "struct-long" => with(vec![parent("+s", 2)], vec![field("a", "l"), field("b", "u")]),
        "null-key" | "map-uneven" | "map-entries-null" => map_of_text_to_int(),
        "nested-200" => shape("x", &("+l/".repeat(200) + "l")),
        "index-beyond" | "index-negative" | "dictionary-none" => shape("x", "dictionary/u"),
        "nested" => {
            let fields = with(shape("list", "+l/u"), shape("fixed", "+w:2/g"));
            let fields = with(fields, vec![Field { name: "struct".to_owned(), ..parent("+s", 2) }]);
            let fields = with(fields, vec![field("a", "l"), field("b", "u")]);
            let mut map = map_of_text_to_int();
            map[0].name = "map".to_owned();
            with(with(fields, map), shape("dictionary", "dictionary/u"))
        }
        // What no field can be.
        "children-missing" => vec![parent("+l", 1)],
        "children-beyond" => vec![parent("+s", u32::MAX), field("a", "l")],
        "children-many" => with(vec![parent("+l", 2)], vec![field("a", "l"), field("b", "l")]),
        "children-flat" => with(vec![parent("l", 1)], vec![field("a", "l")]),
        "no-format" => vec![field("x", "")],
        "fixed-negative" => shape("x", "+w:-1/l"),
        "fixed-huge" => shape("x", "+w:2147483647/l"),
        "map-flat" => with(vec![parent("+m", 1)], vec![field("a", "l")]),
        "dictionary-float" => with(vec![Field { dictionary: true, ..parent("g", 1) }], vec![field("a", "l")]),
        "same-children" => with(vec![parent("+s", 2)], vec![field("a", "l"), field("a", "l")]),
        _ => return None,
    })
}

/// The output of such a mode.
pub fn batch(mode: &str, rows: usize) -> Option<Batch> {
    let offsets = |offsets: &[i32]| one(rows, numbers(offsets));
    let ints = |n: usize| one(n, numbers(vec![1i64; n]));
    let list = |ends: &[i32], child: Array| vec![offsets(ends), child];
    let map = |keys: Array, values: Array| vec![offsets(&[0, 1, 2, 3]), bare(3), keys, values];
    let keys = || texts(&[0, 1, 2, 3], b"abc");
    let half = |mut array: Array| {
        array.buffers[0].pop();
        array
    };
    let arrays = match mode {
        "offsets-down" => vec![texts(&[0, 2, 1, 3], b"abc")],
        "offsets-start" => vec![texts(&[1, 2, 2, 3], b"abc")],
        "offsets-beyond" => vec![texts(&[0, 1, 2, 4], b"abc")],
        "offsets-short" => vec![Array { rows: 3, ..texts(&[0, 1, 2], b"abc") }],
        "offsets-half" => vec![half(keys())],
        "not-utf8" => vec![texts(&[0, 1, 2, 3], b"ab\xff")],
        "half-character" => vec![texts(&[0, 1, 2, 2], "ä".as_bytes())],
        "one-buffer" => vec![offsets(&[0, 1, 2, 3])],
        "three-buffers" => {
            let mut array = keys();
            array.buffers.push(vec![]);
            vec![array]
        }
        "short" => vec![ints(rows.saturating_sub(1))],
        "long" => vec![ints(rows + 1)],
        "values-short" => vec![Array { rows: rows as u32, ..ints(rows - 1) }],
        "values-long" => vec![Array { rows: rows as u32, ..ints(rows + 1) }],
        "values-half" => vec![half(ints(rows))],
        "wrong-type" => vec![texts(&[0, 1, 2, 3], b"abc")],
        "no-columns" => vec![],
        "two-columns" => vec![ints(rows), ints(rows)],
        "batch-rows" => return Some(Batch { rows: rows as u32 + 1, arrays: vec![ints(rows)] }),
        "validity-short" => vec![Array { validity: Some(vec![]), ..ints(rows) }],
        "child-short" => list(&[0, 1, 2, 3], ints(2)),
        "child-none" => vec![offsets(&[0, 1, 2, 3])],
        "child-more" => vec![offsets(&[0, 1, 2, 3]), ints(3), ints(3)],
        "list-down" => list(&[0, 2, 1, 3], ints(3)),
        "list-start" => list(&[1, 1, 2, 3], ints(3)),
        "list-beyond" => list(&[0, 1, 2, 300], ints(3)),
        "list-offsets" => list(&[0, 1, 2], ints(3)),
        "child-values" => list(&[0, 1, 2, 3], half(ints(3))),
        "child-validity" => list(&[0, 1, 2, 3], Array { validity: Some(vec![]), ..ints(3) }),
        "child-not-utf8" => list(&[0, 1, 2, 3], texts(&[0, 1, 2, 3], b"ab\xff")),
        "fixed-short" => vec![bare(rows), ints(2 * rows - 1)],
        "fixed-long" => vec![bare(rows), ints(2 * rows + 1)],
        "fixed-wide" => vec![one(rows, vec![0; 3 * rows - 1])],
        "struct-short" => vec![bare(rows), ints(rows - 1), keys()],
        "struct-long" => vec![bare(rows), ints(rows + 1), keys()],
        "null-key" => map(Array { validity: Some(vec![0b101]), ..keys() }, ints(3)),
        "map-uneven" => map(keys(), ints(2)),
        "map-entries-null" => {
            let mut arrays = map(keys(), ints(3));
            arrays[1].validity = Some(vec![0b101]);
            arrays
        }
        "nested-200" => {
            let mut arrays = vec![offsets(&(0..=rows as i32).collect::<Vec<_>>()); 200];
            arrays.push(ints(rows));
            arrays
        }
        "index-beyond" => vec![one(3, numbers([0, 2, 1])), texts(&[0, 1, 2], b"ab")],
        "index-negative" => vec![one(3, numbers([0, -1, 1])), texts(&[0, 1, 2], b"ab")],
        "dictionary-none" => vec![one(3, numbers([0, 0, 0])), texts(&[0], b"")],
        "nested" => {
            let mut arrays = list(&[0, 2, 2, 3], keys());
            arrays.extend([bare(3), one(6, numbers([1.5, 2.5, 3.5, 4.5, 5.5, 6.5]))]);
            arrays.extend([Array { validity: Some(vec![0b101]), ..bare(3) }, ints(3), keys()]);
            arrays.extend(map(keys(), Array { validity: Some(vec![0b011]), ..ints(3) }));
            arrays.extend([one(3, numbers([1, 0, 1])), texts(&[0, 1, 2], b"yz")]);
            arrays
        }
        _ => return None,
    };
    Some(Batch { rows: rows as u32, arrays })
}

/// Rejects as they should be.
pub fn rejecting(rejects: &[(u32, &[u8])]) -> Rejects {
    let mut ends = vec![];
    let mut reasons = vec![];
    for (_, reason) in rejects {
        ends.push(reasons.len() as i32);
        reasons.extend_from_slice(reason);
    }
    ends.push(reasons.len() as i32);
    let rows: Vec<u32> = rejects.iter().map(|(row, _)| *row).collect();
    Rejects { rows: numbers(rows), offsets: numbers(ends), reasons }
}

/// The rejects of a mode that is about them.
pub fn rejects(mode: &str, rows: usize) -> Option<Rejects> {
    let good = || rejecting(&[(0, b"first"), (2, b"third")]);
    Some(match mode {
        "reject" => good(),
        "reject-beyond" => rejecting(&[(rows as u32, b"none")]),
        "reject-order" => rejecting(&[(1, b"b"), (0, b"a")]),
        "reject-twice" => rejecting(&[(1, b"b"), (1, b"b")]),
        "reject-much" => {
            let reason = "ä".repeat(3000);
            rejecting(&(0..rows as u32).map(|row| (row, reason.as_bytes())).collect::<Vec<_>>())
        }
        "reject-half" => Rejects { rows: vec![0; 3], ..good() },
        "reject-offsets" => Rejects { offsets: numbers([0, 5]), ..good() },
        "reject-no-offsets" => Rejects { offsets: vec![], ..good() },
        "reject-offsets-down" => Rejects { offsets: numbers([0, 9, 5]), ..good() },
        "reject-offsets-beyond" => Rejects { offsets: numbers([0, 5, 11]), ..good() },
        "reject-not-utf8" => rejecting(&[(1, b"\xff\xfe")]),
        _ => return None,
    })
}
