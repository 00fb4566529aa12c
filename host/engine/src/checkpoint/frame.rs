//! The log's frames. A segment is nothing but frames, one after the other: a header of [`HEADER`] bytes, then the
//! epoch's record as JSON, its state change, its inline outputs. `docs/decisions/0001-checkpoint-format.md` has the
//! bytes.
//!
//! What always holds: a frame is written only when all before it are synced, so a torn write can only be the last
//! thing in the last segment; each frame carries the checksum of the one before, so a missing, foreign or reordered
//! one does not fit.

/// Bytes of a header.
pub(super) const HEADER: usize = 64;

const MAGIC: &[u8; 4] = b"MSL1";

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// An epoch's record: the commit.
    Epoch,
    /// Only says up to where publishing is done; its epoch is that of the frame before.
    Mark,
}

/// What stands in a frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: FrameKind,
    /// The checkpoint.
    pub id: u64,
    pub epoch: u64,
    /// All epochs below this one are published.
    pub published: u64,
    /// The checksum of the header of the frame before; 0 for the first of all.
    pub previous: u32,
    pub record_len: u32,
    pub state_len: u64,
    pub inline_len: u64,
    /// CRC-32 of record, state change and inline outputs.
    pub payload: u32,
}

/// Why 64 bytes are no header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HeaderError {
    Damaged,
    Newer(String),
}

impl Header {
    /// The bytes, and the checksum in the last four of them.
    pub fn write(&self) -> ([u8; HEADER], u32) {
        let mut out = [0; HEADER];
        out[..4].copy_from_slice(MAGIC);
        out[4] = match self.kind {
            FrameKind::Epoch => 1,
            FrameKind::Mark => 2,
        };
        out[8..16].copy_from_slice(&self.id.to_le_bytes());
        out[16..24].copy_from_slice(&self.epoch.to_le_bytes());
        out[24..32].copy_from_slice(&self.published.to_le_bytes());
        out[32..36].copy_from_slice(&self.record_len.to_le_bytes());
        out[36..40].copy_from_slice(&self.previous.to_le_bytes());
        out[40..48].copy_from_slice(&self.state_len.to_le_bytes());
        out[48..56].copy_from_slice(&self.inline_len.to_le_bytes());
        out[56..60].copy_from_slice(&self.payload.to_le_bytes());
        let checksum = crc32fast::hash(&out[..60]);
        out[60..].copy_from_slice(&checksum.to_le_bytes());
        (out, checksum)
    }

    /// Reads the bytes; with them comes the checksum.
    pub fn read(bytes: &[u8; HEADER]) -> Result<(Self, u32), HeaderError> {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let checksum = word(60);
        if bytes[..3] != MAGIC[..3] || crc32fast::hash(&bytes[..60]) != checksum {
            return Err(HeaderError::Damaged);
        }
        let kind = match (bytes[3], bytes[4]) {
            (b'1', 1) => FrameKind::Epoch,
            (b'1', 2) => FrameKind::Mark,
            (version, kind) => return Err(HeaderError::Newer(format!("frame version {version}, kind {kind}"))),
        };
        let header = Self {
            kind,
            id: long(8),
            epoch: long(16),
            published: long(24),
            record_len: word(32),
            previous: word(36),
            state_len: long(40),
            inline_len: long(48),
            payload: word(56),
        };
        Ok((header, checksum))
    }

    /// Bytes of the whole frame; `None` if no file can be that long.
    fn frame_len(&self) -> Option<usize> {
        let len = u64::from(self.record_len).checked_add(self.state_len)?.checked_add(self.inline_len)?;
        usize::try_from(len).ok()?.checked_add(HEADER)
    }
}

/// A frame found intact in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Where it begins.
    pub at: usize,
    pub header: Header,
    pub checksum: u32,
}

impl Frame {
    /// Where it ends.
    pub fn end(&self) -> usize {
        self.at + self.header.frame_len().expect("it lies within a segment")
    }

    /// Record, state change and inline outputs, out of the segment's bytes.
    pub fn parts<'a>(&self, segment: &'a [u8]) -> (&'a [u8], &'a [u8], &'a [u8]) {
        let payload = &segment[self.at + HEADER..self.end()];
        let (record, rest) = payload.split_at(self.header.record_len as usize);
        let (state, inline) = rest.split_at(self.header.state_len as usize);
        (record, state, inline)
    }
}

/// How a segment ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// With its last frame.
    Clean,
    /// With bytes that are no frame.
    Damaged {
        /// Where they begin.
        at: usize,
        what: String,
        /// Whether it cannot be a torn write, because something follows that was written after it was synced.
        followed: bool,
        /// Whether the frame ends early: as far as it goes it may be what was written.
        short: bool,
    },
    /// With a frame that a newer version wrote.
    Newer(String),
}

/// Reads through a segment of the checkpoint `id` as far as it is intact.
pub(super) fn scan(bytes: &[u8], id: u64) -> (Vec<Frame>, End) {
    let mut frames: Vec<Frame> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match next(bytes, at, id, frames.last()) {
            Ok(frame) => {
                at = frame.end();
                frames.push(frame);
            }
            Err(end) => return (frames, end),
        }
    }
    (frames, End::Clean)
}

fn next(bytes: &[u8], at: usize, id: u64, before: Option<&Frame>) -> Result<Frame, End> {
    let damaged = |what: String, followed: bool| End::Damaged { at, what, followed, short: false };
    let short = |what: String| End::Damaged { at, what, followed: false, short: true };
    let rest = &bytes[at..];
    let Some(head) = rest.first_chunk::<HEADER>() else {
        return Err(short("a frame's header is incomplete".into()));
    };
    let (header, checksum) = Header::read(head).map_err(|e| match e {
        HeaderError::Damaged => damaged("a frame's header has a wrong checksum".into(), is_followed(&rest[1..], id)),
        HeaderError::Newer(what) => End::Newer(what),
    })?;
    if header.id != id {
        return Err(damaged(format!("the frame belongs to another checkpoint, {:016x}", header.id), true));
    }
    if let Some(before) = before {
        let expected = before.header.epoch + u64::from(header.kind == FrameKind::Epoch);
        if header.epoch != expected || header.previous != before.checksum {
            let (found, before) = (header.epoch, before.header.epoch);
            return Err(damaged(
                format!("a frame of epoch {found} does not fit the one before, of epoch {before}"),
                true,
            ));
        }
    }
    let epoch = header.epoch;
    let Some(payload) = header.frame_len().and_then(|len| rest.get(HEADER..len)) else {
        return Err(short(format!("the record of epoch {epoch} is incomplete")));
    };
    if crc32fast::hash(payload) != header.payload {
        let followed = rest.len() > HEADER + payload.len();
        return Err(damaged(format!("the record of epoch {epoch} has a wrong checksum"), followed));
    }
    Ok(Frame { at, header, checksum })
}

/// Whether an intact header of this checkpoint is anywhere in `bytes`.
fn is_followed(bytes: &[u8], id: u64) -> bool {
    memchr::memmem::find_iter(bytes, MAGIC).any(|at| {
        let head = bytes[at..].first_chunk::<HEADER>();
        head.is_some_and(|head| Header::read(head).is_ok_and(|(header, _)| header.id == id))
    })
}
