//! Text out of gzip files. A file is one member or several, one behind the other, as `cat a.gz b.gz` makes them. Zeros behind a
//! member are no damage: tapes, block devices and programs that write whole blocks fill the last one with them. Anything
//! else there is: what was cut off, or written over, must not pass for the end of a file.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Reads the text of all members.
#[derive(Debug)]
pub struct Gunzip<R> {
    /// None once the end was seen, or damage.
    member: Option<GzDecoder<R>>,
    /// What was read, when its end was seen.
    read: Option<R>,
    /// Whether members stood before this one.
    later: bool,
    /// Whether nothing of this member was read yet.
    fresh: bool,
}

/// Bytes stand behind a gzip file's end.
#[derive(Debug, thiserror::Error)]
#[error("behind its end stand bytes that are neither zeros nor gzip")]
pub struct BehindItsEnd;

impl<R: BufRead> Gunzip<R> {
    /// The text of what `packed` holds.
    pub fn new(packed: R) -> Self {
        Self { member: Some(GzDecoder::new(packed)), read: None, later: false, fresh: true }
    }

    /// What it reads from.
    pub fn into_inner(self) -> Option<R> {
        self.member.map(GzDecoder::into_inner).or(self.read)
    }

    /// Goes on behind the end of a member: to the next one, or to the end of the file.
    fn step_over(&mut self) -> io::Result<()> {
        let Some(member) = self.member.take() else { return Ok(()) };
        let mut packed = member.into_inner();
        loop {
            let bytes = packed.fill_buf()?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            match bytes.get(zeros) {
                None if bytes.is_empty() => {
                    self.read = Some(packed);
                    return Ok(());
                }
                None => packed.consume(zeros),
                Some(first) if *first == GZIP => {
                    packed.consume(zeros);
                    self.member = Some(GzDecoder::new(packed));
                    (self.later, self.fresh) = (true, true);
                    return Ok(());
                }
                Some(_) => {
                    self.read = Some(packed);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, BehindItsEnd));
                }
            }
        }
    }
}

/// The first byte of a member.
const GZIP: u8 = 0x1F;

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            match member.read(to) {
                Ok(0) => self.step_over()?,
                Ok(n) => {
                    self.fresh = false;
                    return Ok(n);
                }
                // What begins like a member and is none: the decoder has a kind of its own for a bad header.
                Err(e) if self.later && self.fresh && e.kind() == io::ErrorKind::InvalidInput => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, BehindItsEnd));
                }
                Err(e) => return Err(e),
            }
        }
        Ok(0)
    }
}

/// Whether the error is that of bytes behind a file's end.
pub fn is_behind_its_end(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<BehindItsEnd>())
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn members_are_read_zeros_passed_over_and_nothing_else() {
        let zeros = |n: usize| vec![0; n];
        let text = |s: &str| Ok(s.to_owned());
        let damaged = Err(true);
        let cut = Err(false);
        for (parts, expected) in [
            (vec![packed("one")], text("one")),
            (vec![packed("one"), packed("two")], text("onetwo")),
            (vec![packed("one"), packed(""), packed("two")], text("onetwo")),
            (vec![packed("one"), zeros(1)], text("one")),
            (vec![packed("one"), zeros(10_000)], text("one")),
            (vec![packed("one"), zeros(511), packed("two"), zeros(9)], text("onetwo")),
            (vec![packed("")], text("")),
            (vec![packed("one"), b"x".to_vec()], damaged.clone()),
            (vec![packed("one"), zeros(700), b"end\n".to_vec()], damaged.clone()),
            (vec![packed("one"), zeros(3), b"\x1F\x8Bgarbage, and more of it".to_vec()], damaged.clone()),
            (vec![packed("one"), b"\x1F is no member".to_vec()], damaged),
            (vec![packed("one"), packed("two")[..12].to_vec()], cut.clone()),
            (vec![packed("one"), packed("two")[..5].to_vec()], cut.clone()),
            (vec![packed("one")[..9].to_vec()], cut.clone()),
            (vec![b"no gzip at all".to_vec()], cut),
        ] {
            let bytes = parts.concat();
            for size in [1, 3, 512, 1 << 16] {
                let mut unpacked = String::new();
                let mut reader = Gunzip::new(BufReader::with_capacity(size, bytes.as_slice()));
                let found = reader.read_to_string(&mut unpacked);
                let found = found.map(|_| unpacked).map_err(|e| is_behind_its_end(&e));
                assert_eq!(found, expected, "{parts:?}, {size} at a time");
                assert!(reader.into_inner().is_some());
            }
        }
    }
}
