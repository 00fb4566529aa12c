//! The rows of a static side: read as a whole, replaced as a whole, and found by key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::array::ArrayData;
use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::operator::expression::Expressions;
use crate::operator::{Effects, Room, Rows, Transform};
use crate::panics::locked;
use crate::state::row::{Form, RowBuffer, encode};
use crate::state::{Bucket, hash_key};
use crate::{Error, ErrorKind, Result};

/// A static source, as it was last read. Shared by all who join with it.
#[derive(Debug)]
pub struct StaticTable {
    /// The source's name.
    name: Arc<str>,
    schema: SchemaRef,
    lookups: Mutex<Vec<Weak<Lookup>>>,
}

/// How one join finds rows, and what it found them in last.
#[derive(Debug)]
pub(super) struct Lookup {
    /// The join's node.
    pub name: Arc<str>,
    /// What happens to the rows before the join.
    pub steps: Vec<Arc<dyn Transform>>,
    /// By what they are found.
    pub keys: Expressions,
    /// None was read yet.
    pub index: Mutex<Option<Arc<Index>>>,
}

impl StaticTable {
    /// Nothing is read yet.
    pub fn new(name: Arc<str>, schema: SchemaRef) -> Self {
        Self { name, schema, lookups: Mutex::default() }
    }

    /// The source's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// From the next [`StaticTable::replace`] on, as long as it lives, `lookup` has an index.
    pub(super) fn add(&self, lookup: &Arc<Lookup>) {
        // What another thread left behind in a panic is a list all the same.
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(lookup));
    }

    /// Puts `batch` in the place of what was there, for all who join with it, or for none of them; how many bytes of
    /// memory it takes with what finds its rows, which may be `allowed`.
    ///
    /// # Errors
    /// Its columns are others; a row for which a filter, a computed column or a key of a join fails. It takes more:
    /// [`ErrorKind::Quota`].
    pub fn replace(&self, batch: &RecordBatch, allowed: u64) -> Result<u64> {
        let types = |schema: &SchemaRef| schema.fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>();
        if types(&batch.schema()) != types(&self.schema) {
            return Err(Error::internal(format!("`{}` was read with other columns than were planned", self.name)));
        }
        let lookups: Vec<Arc<Lookup>> = locked(&self.lookups)?.iter().filter_map(Weak::upgrade).collect();
        let build = |lookup: &Arc<Lookup>| {
            let built = Index::build(&self.name, batch, &lookup.steps, &lookup.keys, Room::up_to(allowed));
            built.map_err(|e| e.context(format!("operator `{}`", lookup.name)))
        };
        let (mut built, mut memory): (Vec<Index>, _) = (Vec::new(), MemoryCount::default());
        for lookup in &lookups {
            let index = build(lookup)?;
            index.count(&mut memory);
            if memory.bytes() > allowed {
                return Err(Error::new(ErrorKind::Quota, format!("`{}` takes {} bytes", self.name, memory.bytes())));
            }
            built.push(index);
        }
        for (lookup, index) in lookups.iter().zip(built) {
            *locked(&lookup.index)? = Some(Arc::new(index));
        }
        Ok(memory.bytes())
    }
}

/// The rows as one join sees them, by key.
#[derive(Debug)]
pub(super) struct Index {
    pub columns: Vec<ArrayRef>,
    /// Per key the number of its list.
    keys: Bucket,
    /// Rows of list `l` are `rows[starts[l]..starts[l + 1]]`.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Index {
    /// The rows of `batch` that come out of `steps`, by `keys`. Rows with a null among the keys match nothing.
    pub fn build(
        name: &str,
        batch: &RecordBatch,
        steps: &[Arc<dyn Transform>],
        keys: &Expressions,
        room: Room,
    ) -> Result<Self> {
        let mut effects = Effects::default();
        effects.room = room;
        let mut rows = Rows::new(batch.clone());
        for step in steps {
            rows = step.apply(rows, &mut effects)?;
        }
        let (key_columns, rejected) = keys.evaluate(&rows.batch)?;
        let reason = effects.rejects.into_iter().map(|r| r.reason).chain(rejected.into_iter().map(|r| r.reason)).next();
        if let Some(reason) = reason {
            return Err(Error::new(ErrorKind::Data, format!("a row of the static source `{name}` fails: {reason}")));
        }
        let n = rows.len();
        let nulls: Vec<Option<NullBuffer>> = key_columns.iter().map(|k| k.logical_nulls()).collect();
        let null = NullBuffer::union_many(nulls.iter().map(Option::as_ref));
        let mut encoded = RowBuffer::new();
        encode(&key_columns, n, Form::Key, &mut encoded)?;
        let (mut keys, mut list_of, mut lists) = (Bucket::default(), vec![None; n], 0u32);
        for (row, key) in encoded.iter().enumerate() {
            if null.as_ref().is_some_and(|n| n.is_null(row)) {
                continue;
            }
            let hash = hash_key(key);
            let list = keys.get_hashed(hash, key).map(number);
            list_of[row] = Some(list.unwrap_or_else(|| {
                keys.put_hashed(hash, key, &lists.to_le_bytes());
                lists += 1;
                lists - 1
            }));
        }
        let mut starts = vec![0u32; lists as usize + 1];
        list_of.iter().flatten().for_each(|l| starts[*l as usize + 1] += 1);
        for l in 0..lists as usize {
            starts[l + 1] += starts[l];
        }
        let (mut next, mut in_lists) = (starts.clone(), vec![0u32; starts[lists as usize] as usize]);
        for (row, list) in (0u32..).zip(&list_of) {
            if let Some(list) = list {
                in_lists[next[*list as usize] as usize] = row;
                next[*list as usize] += 1;
            }
        }
        Ok(Self { columns: rows.batch.columns().to_vec(), keys, starts, rows: in_lists })
    }

    /// Adds what it takes.
    fn count(&self, memory: &mut MemoryCount) {
        self.columns.iter().for_each(|column| memory.add(&column.to_data()));
        memory.beside += self.keys.memory() + size_of::<u32>() * (self.starts.capacity() + self.rows.capacity());
    }

    /// The rows of `key`, in the order in which they were read.
    pub fn find(&self, key: &[u8]) -> &[u32] {
        match self.keys.get_hashed(hash_key(key), key).map(number) {
            Some(list) => &self.rows[self.starts[list as usize] as usize..self.starts[list as usize + 1] as usize],
            None => &[],
        }
    }

    /// Column `at`, at `rows`.
    pub fn take(&self, at: usize, rows: &UInt32Array) -> Result<ArrayRef> {
        arrow::compute::take(&self.columns[at], rows, None).map_err(crate::operator::rows::arrow_failed)
    }
}

/// Bytes of memory; buffers that several columns or joins share count once.
#[derive(Debug, Default)]
struct MemoryCount {
    buffers: BTreeMap<usize, usize>,
    beside: usize,
}

impl MemoryCount {
    fn add(&mut self, column: &ArrayData) {
        let nulls = column.nulls().map(|nulls| nulls.buffer());
        for buffer in column.buffers().iter().chain(nulls) {
            self.buffers.insert(buffer.data_ptr().as_ptr() as usize, buffer.capacity());
        }
        column.child_data().iter().for_each(|child| self.add(child));
    }

    fn bytes(&self) -> u64 {
        (self.buffers.values().sum::<usize>() + self.beside) as u64
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_le_bytes)
}
