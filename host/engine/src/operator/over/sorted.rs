//! Rows parted and put in order, by number.

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::SortOptions;
use arrow::row::{RowConverter, Rows, SortField};

use crate::executor::Workers;
use crate::operator::rows::arrow_failed;
use crate::{Error, Result};

/// Rows in the order of their partitions, and within each of them in its order. Places are counted in that order.
#[derive(Debug)]
pub(super) struct Sorted {
    /// The row at each place.
    pub order: UInt32Array,
    /// Where partitions begin, and where the last one ends.
    pub partitions: Vec<u32>,
    /// Where rows begin that no order tells apart, and where the last of them end.
    pub peers: Vec<u32>,
}

impl Sorted {
    /// `rows` rows by columns of normal floats. Rows that are equal stay in the order in which they came.
    pub fn new(
        partition: &[ArrayRef],
        by: &[ArrayRef],
        options: &[SortOptions],
        rows: usize,
        workers: &Workers,
    ) -> Result<Self> {
        let partition = comparable(partition, &vec![SortOptions::default(); partition.len()])?;
        let by = comparable(by, options)?;
        let compared = |a: u32, b: u32, with: &Option<Rows>| match with {
            Some(rows) => rows.row(a as usize).cmp(&rows.row(b as usize)),
            None => std::cmp::Ordering::Equal,
        };
        let mut order: Vec<u32> = (0..rows as u32).collect();
        if partition.is_some() || by.is_some() {
            workers.sort(&mut order, |a, b| {
                compared(*a, *b, &partition).then_with(|| compared(*a, *b, &by)).then_with(|| a.cmp(b))
            });
        }
        let (mut partitions, mut peers) = (vec![0], vec![0]);
        for (place, pair) in order.windows(2).enumerate() {
            let (a, b, place) = (pair[0], pair[1], place as u32 + 1);
            let parted = compared(a, b, &partition).is_ne();
            if parted {
                partitions.push(place);
            }
            if parted || compared(a, b, &by).is_ne() {
                peers.push(place);
            }
        }
        partitions.push(rows as u32);
        peers.push(rows as u32);
        Ok(Self { order: order.into(), partitions, peers })
    }

    /// The place of each row.
    pub fn back(&self) -> UInt32Array {
        let mut places = vec![0; self.order.len()];
        for (place, row) in self.order.values().iter().enumerate() {
            places[*row as usize] = place as u32;
        }
        places.into()
    }

    /// The partitions: from where to where each goes, and where groups of peers in it begin, with its end.
    pub fn parts(&self) -> impl Iterator<Item = (u32, u32, &[u32])> {
        let mut first = 0;
        self.partitions.windows(2).map(move |pair| {
            let len = self.peers[first..].partition_point(|p| *p < pair[1]);
            let peers = &self.peers[first..=first + len];
            first += len;
            (pair[0], pair[1], peers)
        })
    }
}

/// Columns as rows whose bytes compare as the values do; none of no columns.
fn comparable(columns: &[ArrayRef], options: &[SortOptions]) -> Result<Option<Rows>> {
    if columns.is_empty() {
        return Ok(None);
    }
    let fields = columns.iter().zip(options).map(|(c, o)| SortField::new_with_options(c.data_type().clone(), *o));
    let fields: Vec<SortField> = fields.collect();
    if !RowConverter::supports_fields(&fields) {
        return Err(Error::invalid("OVER cannot part or order rows by a map")
            .with_help("take a key out of it: map_extract(column, 'key')[1]"));
    }
    let converter = RowConverter::new(fields).map_err(arrow_failed)?;
    converter.convert_columns(columns).map(Some).map_err(arrow_failed)
}
