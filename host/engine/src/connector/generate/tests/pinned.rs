//! What jobs have read before they must read again, whatever the version: these rows may not change.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};

use super::kinds::{all, of};
use super::spec;
use crate::connector::generate::{AccessLogs, RowsOf};

/// A digest of all values (FNV-1a), column by column.
fn digest(batch: &RecordBatch) -> u64 {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            digest = (digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    };
    for column in batch.columns() {
        assert_eq!(column.null_count(), 0);
        match column.data_type() {
            DataType::Utf8 => column.as_string::<i32>().iter().flatten().for_each(|text| {
                add(text.as_bytes());
                add(&[0xff]);
            }),
            DataType::Int32 => column.as_primitive::<Int32Type>().values().iter().for_each(|v| add(&v.to_le_bytes())),
            DataType::Int64 => column.as_primitive::<Int64Type>().values().iter().for_each(|v| add(&v.to_le_bytes())),
            DataType::Timestamp(..) => {
                let values = column.as_primitive::<TimestampMicrosecondType>().values();
                values.iter().for_each(|v| add(&v.to_le_bytes()));
            }
            DataType::Decimal128(..) => {
                column.as_primitive::<Decimal128Type>().values().iter().for_each(|v| add(&v.to_le_bytes()));
            }
            DataType::Boolean => column.as_boolean().iter().flatten().for_each(|yes| add(&[u8::from(yes)])),
            other => panic!("no column is of type {other}"),
        }
    }
    digest
}

#[test]
fn access_logs_stay_as_they_are() {
    let logs = AccessLogs::new(&spec()).unwrap();
    let digests = [(0, 10_000), (1_000_000_007, 1_000_001_007)].map(|(from, to)| digest(&logs.batch(from, to)));
    assert_eq!(digests, [1_694_121_659_159_467_478, 14_620_153_686_629_809_014]);
}

#[test]
fn other_rows_stay_as_they_are() {
    let digests = [RowsOf::Cards, RowsOf::Persons, RowsOf::Auctions, RowsOf::Bids].map(|rows_of| {
        [(0, 2000), (1_000_000_007, 1_000_001_007)].map(|(from, to)| digest(&all(&of(rows_of), from, to)))
    });
    let expected = [
        [10_556_858_699_338_095_203, 13_020_167_763_565_218_614],
        [9_977_514_121_817_653_330, 3_596_157_949_706_869_220],
        [5_626_992_377_548_108_250, 3_170_920_177_616_248_106],
        [793_856_491_737_687_908, 6_860_256_715_163_766_304],
    ];
    assert_eq!(digests, expected);
}
