//! Static sources: read as a whole at start, and again when their refresh is due. What cannot be read at start is refused;
//! later the old rows stay, and it is said.

use std::collections::BTreeMap;

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;

use super::environment::OpenSource;
use super::report::{Observer, Silent};
use super::unseen;
use crate::connector::source::Known;
use crate::job::{JobText, StaticSpec};
use crate::plan::{Plan, PlannedStatic};
use crate::record::{SourceRange, StaticVersion};
use crate::{Error, ErrorKind, Result};

/// Reads all static sources for the first time.
///
/// # Errors
/// One of them cannot be read, or has no file.
pub(super) fn read_all(plan: &Plan, open: &OpenSource, now: i64, observer: &dyn Observer) -> Result<Statics> {
    let mut statics = Statics { versions: BTreeMap::new(), tried: BTreeMap::new() };
    for planned in plan.statics.values() {
        let name = &planned.spec.name;
        let version = read(planned, &plan.job.text, open, now, observer).map_err(|e| {
            let e = e.context(format!("static source `{}`", name.value));
            if e.location().is_some() { e } else { e.at(plan.job.text.at(name.span.clone())) }
        })?;
        statics.versions.insert(name.value.clone(), version);
        statics.tried.insert(name.value.clone(), now);
    }
    Ok(statics)
}

/// What the static sources' rows are at present.
#[derive(Debug, Clone, Default)]
pub(super) struct Statics {
    /// Per source.
    pub versions: BTreeMap<String, StaticVersion>,
    /// When they were last read, or tried to be.
    tried: BTreeMap<String, i64>,
}

impl Statics {
    /// At an epoch's start: reads those again whose refresh is due. Returns those that could not be read.
    pub fn refresh(
        &mut self,
        plan: &Plan,
        open: &OpenSource,
        now: i64,
        observer: &dyn Observer,
    ) -> BTreeMap<String, u64> {
        let mut failed = BTreeMap::new();
        for (name, planned) in plan.statics.iter() {
            let Some(refresh) = planned.spec.static_spec.and_then(|spec| spec.refresh) else { continue };
            let tried = self.tried.entry(name.to_string()).or_insert(now);
            if now.saturating_sub(*tried) < refresh {
                continue;
            }
            *tried = now;
            // What its columns lack was said when it was read first.
            match read(planned, &plan.job.text, open, now, &Silent) {
                Ok(version) => drop(self.versions.insert(name.to_string(), version)),
                Err(e) => {
                    observer
                        .message(&format!("static source `{name}` could not be read again, its old rows stay: {e}"));
                    failed.insert(name.to_string(), 1);
                }
            }
        }
        failed
    }
}

/// Reads a source as a whole, and puts its rows in the place of what was there.
fn read(
    planned: &PlannedStatic,
    text: &JobText,
    open: &OpenSource,
    now: i64,
    observer: &dyn Observer,
) -> Result<StaticVersion> {
    let mut source = open(&planned.spec, text)?;
    source.stop_discovery(now, Known::default())?;
    let mut ranges = Vec::new();
    while let Some(range) = source.plan(now, Known::default())? {
        ranges.push(range);
    }
    if ranges.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "there is no file")
            .with_help("a static source is read at start: its files must be there by then"));
    }
    let decoder = source.decoder(&planned.columns)?;
    let mut allowed = Allowed::of(planned);
    let mut batches: Vec<RecordBatch> = Vec::new();
    for range in &ranges {
        let (mut part, mut lines) = (0, 0);
        for chunk in source.read(range)? {
            let chunk = chunk?;
            if chunk.part != part {
                (part, lines) = (chunk.part, 0);
            }
            let decoded = decoder.decode(&chunk)?;
            if let Some(bad) = decoded.bad.first() {
                let place = source.part_name(range, chunk.part);
                let message = format!("{place}, line {}: {}", lines + u64::from(bad.line) + 1, bad.reason);
                return Err(Error::new(ErrorKind::Data, message)
                    .with_help("a static source is taken as a whole: mend the row, or declare its column as utf8"));
            }
            lines += decoded.lines;
            allowed.take(&decoded.batch)?;
            batches.push(decoded.batch);
        }
    }
    unseen::tell(&planned.spec.name.value, &*decoder, observer);
    let schema = planned.table.schema();
    let failed = |e: arrow::error::ArrowError| Error::internal(format!("static rows: {e}")).caused_by(e);
    let whole = match batches.first() {
        Some(first) => concat_batches(&first.schema(), &batches).map_err(failed)?,
        None => RecordBatch::new_empty(schema),
    };
    let rows = whole.num_rows() as u64;
    drop(batches);
    let memory = planned.table.replace(&whole, allowed.bytes).map_err(|e| match e.kind() {
        ErrorKind::Quota => allowed.refuse(),
        _ => e,
    })?;
    Ok(StaticVersion { read: now, digest: digest(&ranges), rows, memory })
}

/// The memory that a source may take.
struct Allowed {
    bytes: u64,
    used: u64,
    rows: u64,
}

impl Allowed {
    fn of(planned: &PlannedStatic) -> Self {
        let bytes = planned.spec.static_spec.map_or(StaticSpec::MAX_MEMORY, |spec| spec.max_memory);
        Self { bytes, used: 0, rows: 0 }
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        self.used = self.used.saturating_add(batch.get_array_memory_size() as u64);
        self.rows += batch.num_rows() as u64;
        if self.used <= self.bytes { Ok(()) } else { Err(self.refuse()) }
    }

    fn refuse(&self) -> Error {
        let message = format!(
            "its rows take more memory than the {} that `max_memory` allows: {} were read",
            shown_bytes(self.bytes),
            self.rows
        );
        Error::new(ErrorKind::Quota, message).with_help(
            "a static source is held whole: set its `max_memory` to what this machine can spare, such as \"8GiB\"; or let its path \
             match fewer files; or read it as a stream, without `static`",
        )
    }
}

fn shown_bytes(bytes: u64) -> String {
    match bytes {
        whole if whole % (1 << 30) == 0 => format!("{} GiB", whole >> 30),
        whole if whole % (1 << 20) == 0 => format!("{} MiB", whole >> 20),
        other => format!("{other} bytes"),
    }
}

fn digest(ranges: &[SourceRange]) -> String {
    let text = serde_json::to_vec(ranges).unwrap_or_default();
    blake3::hash(&text).to_hex().to_string()
}
