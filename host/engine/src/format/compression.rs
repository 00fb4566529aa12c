//! What a file's name and its first bytes say of how it is to be read. A name's ending counts whatever its case.

/// Endings of files that hold other bytes than text, and what they are called. Reading one as text would give rows of
/// rubbish.
const UNREAD: [(&str, &str); 23] = [
    ("gzip", "gzip"),
    ("bgz", "gzip"),
    ("bgzf", "gzip"),
    ("lz", "lzip"),
    ("zst", "zstd"),
    ("zstd", "zstd"),
    ("bz2", "bzip2"),
    ("xz", "xz"),
    ("lzma", "lzma"),
    ("lz4", "lz4"),
    ("lzo", "lzo"),
    ("br", "brotli"),
    ("snappy", "snappy"),
    ("sz", "snappy"),
    ("deflate", "deflate"),
    ("z", "compress"),
    ("zip", "zip"),
    ("7z", "7-Zip"),
    ("rar", "rar"),
    ("tar", "tar"),
    ("tgz", "tar"),
    ("tbz2", "tar"),
    ("txz", "tar"),
];

/// Whether a file of this name is unpacked while it is read.
pub fn is_gzip(name: &str) -> bool {
    ending(name).is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("gz"))
}

/// What a file of this name is packed with, if that cannot be read.
pub fn unread_packing(name: &str) -> Option<&'static str> {
    let (before, last) = ending(name)?;
    if last.eq_ignore_ascii_case("gz") {
        return ending(before).filter(|(_, inner)| inner.eq_ignore_ascii_case("tar")).map(|_| "tar");
    }
    UNREAD.iter().find(|(ending, _)| last.eq_ignore_ascii_case(ending)).map(|(_, packing)| *packing)
}

/// What these first bytes of a file are packed with, by the signs that such files begin with. No text begins so.
pub fn packing_of(bytes: &[u8]) -> Option<&'static str> {
    const SIGNS: [(&[u8], &str); 6] = [
        (b"\x1F\x8B\x08", "gzip"),
        (b"\x28\xB5\x2F\xFD", "zstd"),
        (b"\xFD7zXZ\0", "xz"),
        (b"\x04\x22\x4D\x18", "lz4"),
        (b"PK\x03\x04", "zip"),
        (b"7z\xBC\xAF\x27\x1C", "7-Zip"),
    ];
    let bzip2 = bytes.starts_with(b"BZh") && bytes.get(4..10) == Some(b"1AY&SY");
    let sign = SIGNS.iter().find(|(sign, _)| bytes.starts_with(sign)).map(|(_, packing)| *packing);
    sign.or(bzip2.then_some("bzip2"))
}

/// What these first bytes of a file are encoded in, if that is no UTF-8 but has two or four bytes a letter: a byte order mark
/// says so, or zeros stand where the text of no other file has any.
pub fn wide_encoding(bytes: &[u8]) -> Option<&'static str> {
    const MARKS: [(&[u8], &str); 4] = [
        // UTF-16 begins with the same two bytes.
        (b"\xFF\xFE\0\0", "UTF-32"),
        (b"\0\0\xFE\xFF", "UTF-32"),
        (b"\xFF\xFE", "UTF-16"),
        (b"\xFE\xFF", "UTF-16"),
    ];
    if let Some((_, encoding)) = MARKS.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return Some(encoding);
    }
    let bytes = &bytes[..bytes.len().min(256)];
    // Of each letter of `n` bytes only the one at `place` says something.
    let letters = |n: usize, place: usize| {
        let mut letters = bytes.chunks_exact(n);
        letters.len() >= 2
            && letters.all(|letter| letter.iter().enumerate().all(|(at, byte)| (*byte != 0) == (at == place)))
    };
    if letters(4, 0) || letters(4, 3) {
        return Some("UTF-32");
    }
    (letters(2, 0) || letters(2, 1)).then_some("UTF-16")
}

fn ending(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('.').filter(|(before, ending)| !before.is_empty() && !ending.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_begins_with_tells_its_packing() {
        for (bytes, packing) in [
            (&b"\x1F\x8B\x08\0"[..], Some("gzip")),
            (b"\x28\xB5\x2F\xFD.", Some("zstd")),
            (b"BZh91AY&SY.", Some("bzip2")),
            (b"BZh9,name\n1,2\n", None),
            (b"PK,name\n", None),
            (b"", None),
        ] {
            assert_eq!(packing_of(bytes), packing);
        }
    }

    #[test]
    fn wide_letters_are_told_by_marks_and_zeros() {
        let wide = |text: &str, n: usize, big: bool| -> Vec<u8> {
            let letter = |c: char| {
                let bytes = (c as u32).to_be_bytes();
                let mut bytes = bytes[4 - n..].to_vec();
                if !big {
                    bytes.reverse();
                }
                bytes
            };
            text.chars().flat_map(letter).collect()
        };
        for (n, encoding) in [(2, "UTF-16"), (4, "UTF-32")] {
            for big in [false, true] {
                for text in ["\u{FEFF}id\n", "\u{FEFF}é", "\u{FEFF}", "id,name\n1,x\n"] {
                    assert_eq!(wide_encoding(&wide(text, n, big)), Some(encoding), "{text:?} {n} {big}");
                }
            }
        }
        for none in [&b"id\n"[..], b"", b"\0", b"a\0", b"\xEF\xBB\xBFid", b"a\0b", b"\0\0\0\0\0\0\0\0", b"abcd\0\0\0\0"]
        {
            assert_eq!(wide_encoding(none), None, "{none:?}");
        }
    }

    #[test]
    fn endings_count_whatever_their_case() {
        for name in ["a.gz", "a.csv.GZ", "in/b.Gz", "x.jsonl.gZ"] {
            assert!(is_gzip(name) && unread_packing(name).is_none(), "{name}");
        }
        for (name, packing) in [
            ("a.csv.zst", "zstd"),
            ("b.BZ2", "bzip2"),
            ("c.tar.gz", "tar"),
            ("d.TGZ", "tar"),
            ("d.json.gzip", "gzip"),
            ("e.log.Z", "compress"),
        ] {
            assert_eq!(unread_packing(name), Some(packing), "{name}");
        }
        for name in ["gz", "a.csv", "a.gzip.csv", "a.zip/b", "a.zip/b.csv", "part-0.snappy.parquet", "a.gz.csv", ".gz"]
        {
            assert!(!is_gzip(name) && unread_packing(name).is_none(), "{name}");
        }
    }
}
