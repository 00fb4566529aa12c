//! What to make of the files that were found: a pure function from what was read to a decision or a refusal.
//!
//! The rules:
//! * The log is the newest run of segments whose frames fit together. Its last record is the last committed epoch.
//! * Bytes after it that are no frame are a torn write, if nothing says that they were ever synced: they are cut off
//!   and reported, since a flipped bit in the last record looks the same. A later frame, segment or snapshot says
//!   that they were: then the checkpoint is refused.
//! * A partition's state is its newest intact snapshot that the run reaches back to, and the changes since.
//! * Damage that is not in the way (an older segment, a snapshot with an intact one in its place) is reported.

use super::frame::{End, Frame, FrameKind};
use super::snapshot::Section;

/// A segment that was read.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub file: String,
    /// The epoch in its name.
    pub first: u64,
    pub len: u64,
    pub frames: Vec<Frame>,
    pub end: End,
}

/// A snapshot file that was read; the epoch is the one in its name.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub file: String,
    pub epoch: u64,
    pub sequence: u64,
    pub sections: Result<Vec<Section>, String>,
}

/// Everything that was found, each sorted by its name.
#[derive(Debug)]
pub(super) struct Findings {
    pub partitions: u32,
    pub segments: Vec<Segment>,
    pub snapshots: Vec<Snapshot>,
}

/// What to open.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// The epoch opened; none if none was ever committed.
    pub last: Option<u64>,
    /// Number of epochs, from 0, that are published.
    pub published: u64,
    /// Per partition the snapshot and the section in it to start from; none = from nothing.
    pub bases: Vec<Option<(usize, usize)>>,
    /// The epochs' frames that there are, up to the last: segment, frame.
    pub frames: Vec<(usize, usize)>,
    /// A torn write, or a damaged last record.
    pub tail: Option<Tail>,
    /// Where the log goes on: the segment, its length from then on; later segments are dropped.
    pub goes_on: Option<(usize, u64)>,
    /// Damage that is not in the way.
    pub damaged: Vec<String>,
}

/// Bytes at the log's end that are no frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    pub epoch: u64,
    pub segment: usize,
    pub at: u64,
    pub what: String,
    pub short: bool,
}

/// Why nothing can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    Damaged { file: String, at: Option<u64>, what: String, instead: Option<u64> },
    Newer { file: String, what: String },
    NoSuchEpoch { epoch: u64, why: String },
}

/// Decides what to open: the state after the epoch `at` if one is named, as if nothing had come after it, else
/// after the last.
pub(super) fn decide(found: &Findings, at: Option<u64>) -> Result<Decision, Refusal> {
    if let Some((file, what)) = found.segments.iter().find_map(|s| match &s.end {
        End::Newer(what) => Some((s.file.clone(), what.clone())),
        _ => None,
    }) {
        return Err(Refusal::Newer { file, what });
    }
    if let Some(epoch) = at {
        return decide_at(found, epoch);
    }
    decide_last(found, 0).map_err(|mut refusal| {
        if let Refusal::Damaged { instead, .. } = &mut refusal {
            let ends = found.segments.iter().rev().filter_map(|s| s.frames.last()).map(|f| f.header.epoch);
            *instead = ends.into_iter().find(|epoch| decide_at(found, *epoch).is_ok());
        }
        refusal
    })
}

/// Decides as if nothing had come after the record of `epoch`, but for what was published.
fn decide_at(found: &Findings, epoch: u64) -> Result<Decision, Refusal> {
    let is_record = |f: &Frame| f.header.kind == FrameKind::Epoch && f.header.epoch == epoch;
    let Some(segment) = found.segments.iter().position(|s| s.frames.iter().any(is_record)) else {
        let intact = found.segments.iter().flat_map(|s| &s.frames).map(|f| f.header.epoch);
        let why = match (intact.clone().min(), intact.max()) {
            (Some(first), Some(last)) => format!("the log has epochs {first} to {last}"),
            _ => "no epoch is committed yet".to_string(),
        };
        return Err(Refusal::NoSuchEpoch { epoch, why });
    };
    let mut segments = found.segments[..=segment].to_vec();
    let last = &mut segments[segment];
    let keep = last.frames.iter().position(is_record).map_or(0, |i| i + 1);
    last.frames.truncate(keep);
    last.end = End::Clean;
    let snapshots = found.snapshots.iter().filter(|s| s.epoch <= epoch).cloned().collect();
    let earlier = Findings { partitions: found.partitions, segments, snapshots };
    let published = found.segments.iter().flat_map(|s| &s.frames).map(|f| f.header.published).max().unwrap_or(0);
    decide_last(&earlier, published).map_err(|refusal| match refusal {
        Refusal::Damaged { file, at, what, .. } => {
            let at = at.map_or(String::new(), |at| format!(" at byte {at}"));
            Refusal::NoSuchEpoch { epoch, why: format!("{file}{at}: {what}") }
        }
        other => other,
    })
}

/// Decides for the last epoch; at least the epochs below `published` are known to be published.
fn decide_last(found: &Findings, published: u64) -> Result<Decision, Refusal> {
    let (run, broken) = run(found);
    let segment = found.segments.len().checked_sub(1);
    let Some(last) = last_epoch(found, run, broken.as_ref())? else {
        return Ok(Decision {
            bases: vec![None; found.partitions as usize],
            tail: tail(found, 0),
            goes_on: segment.map(|s| (s, 0)),
            ..Decision::default()
        });
    };
    let in_segment = |s: usize| found.segments[s].frames.iter().enumerate().map(move |(f, frame)| (s, f, frame));
    let all = (run..found.segments.len()).flat_map(in_segment);
    let published = all.clone().map(|(_, _, frame)| frame.header.published).max().unwrap_or(0).max(published);
    let frames: Vec<_> = all.filter(|(_, _, frame)| frame.header.kind == FrameKind::Epoch).collect();
    let first = frames.first().map_or(u64::MAX, |(_, _, frame)| frame.header.epoch);
    let published = published.min(last + 1);
    if first > last || published < first {
        let what = format!("the records of epochs {published} to {last} are wanted for publishing, and not all there");
        return Err(missing(found, broken.as_ref(), what));
    }
    let bases = bases(found, first, broken.as_ref())?;
    let broken = broken.iter().filter(|b| !b.is_gap);
    let mut damaged: Vec<String> = broken.map(|b| format!("{} at byte {}: {}", b.file, b.at, b.what)).collect();
    damaged.extend(found.snapshots.iter().flat_map(damage_of));
    Ok(Decision {
        last: Some(last),
        published,
        bases,
        frames: frames.iter().map(|(s, f, _)| (*s, *f)).collect(),
        tail: tail(found, last + 1),
        goes_on: segment.map(|s| (s, found.segments[s].frames.last().map_or(0, |f| f.end() as u64))),
        damaged,
    })
}

/// What ended the run of segments, looking back.
#[derive(Debug, Clone)]
struct Broken {
    file: String,
    at: u64,
    what: String,
    /// Whether it is only that files are not there. Removals are not synced, so a crash may bring older segments
    /// back and not the ones after them.
    is_gap: bool,
}

/// The first segment of the newest run whose frames fit together, and what is wrong before it.
fn run(found: &Findings) -> (usize, Option<Broken>) {
    let segments = &found.segments;
    let mut first = segments.len();
    for i in (0..segments.len()).rev() {
        let segment = &segments[i];
        let begins = segment.frames.first().map(|f| f.header.epoch + u64::from(f.header.kind == FrameKind::Mark));
        if begins.is_some_and(|epoch| epoch != segment.first) {
            let what = format!("it begins with epoch {}, which its name does not say", begins.unwrap_or(0));
            return (first, Some(Broken { file: segment.file.clone(), at: 0, what, is_gap: false }));
        }
        let is_last = i + 1 == segments.len();
        if let End::Damaged { at, what, followed, .. } = &segment.end
            && (!is_last || *followed)
        {
            let (file, at, what) = (segment.file.clone(), *at as u64, what.clone());
            return (first, Some(Broken { file, at, what, is_gap: false }));
        }
        if let Some(next) = segments.get(i + 1) {
            let fits = segment.frames.last().is_some_and(|last| {
                let chained = next.frames.first().is_none_or(|f| f.header.previous == last.checksum);
                last.header.epoch + 1 == next.first && chained
            });
            if !fits {
                let what = format!("the log from here to {} is missing", next.file);
                return (first, Some(Broken { file: segment.file.clone(), at: segment.len, what, is_gap: true }));
            }
        }
        first = i;
    }
    (first, None)
}

/// The last committed epoch of the run; refuses when something says that there were later ones.
fn last_epoch(found: &Findings, run: usize, broken: Option<&Broken>) -> Result<Option<u64>, Refusal> {
    let last = found.segments[run..].iter().rev().find_map(|s| s.frames.last()).map(|f| f.header.epoch);
    let known = found.snapshots.iter().map(|s| s.epoch).max();
    let ended = found.segments.last().map_or(0, |s| s.first);
    match (last, known) {
        (None, None) if broken.is_none() && ended == 0 => Ok(None),
        (Some(last), _) if known.is_none_or(|known| known <= last) => Ok(Some(last)),
        _ => {
            let until = known.unwrap_or(0).max(ended.saturating_sub(1));
            let what = format!("epoch {until} was committed, and its record is not there");
            Err(missing(found, broken, what))
        }
    }
}

/// The refusal for `what`, pointing at the damage that is behind it.
fn missing(found: &Findings, broken: Option<&Broken>, what: String) -> Refusal {
    let (file, at, cause) = match (broken, found.segments.last()) {
        (Some(broken), _) => (broken.file.clone(), Some(broken.at), Some(&broken.what)),
        (None, Some(Segment { file, end: End::Damaged { at, what, .. }, .. })) => {
            (file.clone(), Some(*at as u64), Some(what))
        }
        (None, Some(segment)) => (segment.file.clone(), Some(segment.len), None),
        (None, None) => ("log".to_string(), None, None),
    };
    let what = cause.map_or(what.clone(), |cause| format!("{cause} ({what})"));
    Refusal::Damaged { file, at, what, instead: None }
}

/// Where each partition starts from, given the first epoch that the log has.
fn bases(
    found: &Findings,
    reaches_back_to: u64,
    broken: Option<&Broken>,
) -> Result<Vec<Option<(usize, usize)>>, Refusal> {
    let mut newest: Vec<Option<(usize, usize)>> = vec![None; found.partitions as usize];
    // Sorted by name, which is by epoch: later ones replace earlier ones.
    for (i, snapshot) in found.snapshots.iter().enumerate() {
        if snapshot.epoch + 1 < reaches_back_to {
            continue;
        }
        for (j, section) in snapshot.sections.iter().flatten().enumerate() {
            if let Some(base) = newest.get_mut(section.partition as usize)
                && section.intact
            {
                *base = Some((i, j));
            }
        }
    }
    if let Some(partition) = newest.iter().position(Option::is_none)
        && reaches_back_to > 0
    {
        let what = format!(
            "the log begins with epoch {reaches_back_to}, and partition {partition} has no intact snapshot before"
        );
        let damage = found.snapshots.iter().rev().find_map(|s| Some((s, damage_of(s).pop()?)));
        return Err(match (broken, damage) {
            (_, Some((snapshot, damage))) => Refusal::Damaged {
                file: snapshot.file.clone(),
                at: None,
                what: format!("{damage} ({what})"),
                instead: None,
            },
            (Some(broken), None) => Refusal::Damaged {
                file: broken.file.clone(),
                at: Some(broken.at),
                what: format!("{} ({what})", broken.what),
                instead: None,
            },
            (None, None) => Refusal::Damaged { file: "state".into(), at: None, what, instead: None },
        });
    }
    Ok(newest)
}

/// What is wrong with a snapshot file, each in a line.
fn damage_of(snapshot: &Snapshot) -> Vec<String> {
    match &snapshot.sections {
        Err(what) => vec![format!("{}: {what}", snapshot.file)],
        Ok(sections) => {
            let damaged = sections.iter().filter(|s| !s.intact);
            damaged.map(|s| format!("{}: partition {} has a wrong checksum", snapshot.file, s.partition)).collect()
        }
    }
}

fn tail(found: &Findings, epoch: u64) -> Option<Tail> {
    let segment = found.segments.len().checked_sub(1)?;
    match &found.segments[segment].end {
        End::Damaged { at, what, short, .. } => {
            Some(Tail { epoch, segment, at: *at as u64, what: what.clone(), short: *short })
        }
        End::Clean | End::Newer(_) => None,
    }
}
