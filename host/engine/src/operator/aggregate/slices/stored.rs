//! Pieces that are stored: the merged states of [`super::WHOLE`]'s slices, so that a window of very many slices that is
//! closed an epoch after the one before it merges what has come since, and not all of its slices.
//!
//! What always holds between two epochs: a stored piece is what its slices would give if they were merged now. A row that
//! comes for a slice drops the piece that the slice is in. A piece's bucket is its node's place at that level; that node's
//! shape is the tree's, so that it makes no difference whether a piece is stored.

use std::ops::Range;

use super::{Loading, MANY, WHOLE};
use crate::Result;
use crate::operator::aggregate::touched::PartitionState;
use crate::operator::aggregate::{GroupAggregate, TimeKey};
use crate::state::row::{Form, RowBuffer, encode};
use crate::state::{Key, Partition, hash_key};
use crate::time::window::WindowSpec;

/// The name of the table.
pub(in crate::operator::aggregate) const TABLE: &str = "pieces";

impl GroupAggregate {
    /// The windows whose pieces are stored: of very many slices.
    pub(in crate::operator::aggregate) fn stores_pieces(&self) -> Option<&WindowSpec> {
        match &self.time {
            TimeKey::Window { spec, .. } if !self.stores_windows() && !self.state_types.is_empty() => {
                Some(spec).filter(|spec| spec.slice_index(spec.size()) - spec.slice_index(0) >= MANY)
            }
            _ => None,
        }
    }

    /// Drops the pieces that these slices are in.
    pub(in crate::operator::aggregate) fn drop_touched(&self, pieces: &mut Partition, slices: &[i64]) {
        let Some(spec) = self.stores_pieces() else { return };
        let mut last = None;
        for slice in slices {
            let piece = spec.slice_index(*slice) >> WHOLE;
            if last.replace(piece) != Some(piece) {
                pieces.drop_bucket(piece);
            }
        }
    }

    /// Drops the pieces that no open window has as a whole any more.
    pub(in crate::operator::aggregate) fn drop_passed(&self, pieces: &mut Partition, close: i64) {
        let Some(spec) = self.stores_pieces() else { return };
        let open = spec.slice_index(spec.first_start(close));
        // The first piece that begins at or behind the first open window.
        pieces.drop_buckets((open + (1 << WHOLE) - 1) >> WHOLE);
    }

    /// The pieces that all of the windows from the one that begins at `first` to that at `last` have as a whole: stored
    /// now, if they were not. None, if some cannot be merged.
    pub(super) fn store_middle(
        &self,
        state: &mut PartitionState<'_>,
        spec: &WindowSpec,
        first: i64,
        last: i64,
    ) -> Result<Range<i64>> {
        let PartitionState { groups, pieces: Some(pieces), .. } = state else { return Ok(0..0) };
        let from = (spec.slice_index(last) + (1 << WHOLE) - 1) >> WHOLE;
        let to = spec.slice_index(first + spec.size()) >> WHOLE;
        if from >= to {
            return Ok(0..0);
        }
        let mut loading = Loading::default();
        let missing = |slice: i64| {
            let piece = spec.slice_index(slice) >> WHOLE;
            (from..to).contains(&piece) && pieces.bucket(piece).is_none()
        };
        let slices = groups.scan(first..last + spec.size()).filter(|(slice, _)| missing(*slice));
        let loaded = loading.load(slices.map(|(slice, bucket)| (spec.slice_index(slice), bucket)));
        if loaded.nodes.is_empty() {
            return Ok(from..to);
        }
        let (keys, number_of) = loading.in_order();
        let (mut level, mut states) = self.level(loaded, &number_of)?;
        for _ in 0..WHOLE {
            let (above, part_of) = level.above();
            let refused;
            (states, refused) = self.merge_stored(&part_of, above.keys.len(), &states)?;
            if !refused.is_empty() {
                // Which windows that is to cost is told by their slices alone.
                return Ok(0..0);
            }
            level = above;
        }
        let mut encoded = RowBuffer::new();
        encode(&states, level.keys.len(), Form::Value, &mut encoded)?;
        for node in &level.nodes {
            let entries = (node.from as usize..node.to as usize).map(|entry| {
                let bytes = keys[level.keys[entry] as usize];
                (Key { bucket: node.at, hash: hash_key(bytes), bytes }, encoded.row(entry))
            });
            pieces.put_many(entries, |_, _| {});
        }
        Ok(from..to)
    }
}
