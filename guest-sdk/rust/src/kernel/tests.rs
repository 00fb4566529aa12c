//! The helpers against the obvious way of doing the same, on columns that end, start and break off everywhere.

use super::*;
use crate::{
    Batch, Bitmap, Column,
    builder::{ColumnBuilder, Float64Builder, Int64Builder, Utf8Builder},
    kind::{Float64, Int64, Kind, Utf8},
    operator::Expander,
};

/// A small generator of pseudo-random numbers (xorshift), so that tests are the same every time.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

/// Texts over few letters, so that hits are frequent and many run over the end of a row.
fn texts(dice: &mut Dice, rows: usize, nulls: bool) -> (Vec<Option<String>>, Column) {
    let mut texts = Vec::new();
    let mut builder = Utf8Builder::default();
    let mut validity = Vec::new();
    for _ in 0..rows {
        let text: String = (0..dice.below(9)).map(|_| ['a', 'a', 'b', ' ', 'ü'][dice.below(5)]).collect();
        // Null rows hold text too: it must not count.
        builder.push(&text);
        let valid = !nulls || dice.below(4) > 0;
        validity.push(valid);
        texts.push(valid.then_some(text));
    }
    let validity = nulls.then(|| validity.into_iter().collect::<Bitmap>());
    (texts, builder.finish().with_validity(validity))
}

#[test]
fn searching_the_whole_buffer_is_searching_row_by_row() {
    let mut dice = Dice::new(1);
    for turn in 0..300 {
        let rows = [0, 1, 7, 31, 32, 33, 100][turn % 7];
        let (texts, column) = texts(&mut dice, rows, turn % 2 == 0);
        let view = Utf8::view(&column).unwrap();
        for needle in ["", "a", "aa", "ab", "aaa", "ü", " ", "b a", "x", "aaaaaaa", "aaaaaaaa", "abaaaaaab"] {
            let naive = |test: fn(&str, &str) -> bool| -> Bitmap {
                texts.iter().map(|text| text.as_ref().is_some_and(|text| test(text, needle))).collect()
            };
            assert_eq!(contains(&view, needle), naive(|text, needle| text.contains(needle)), "{needle:?} in {texts:?}");
            assert_eq!(starts_with(&view, needle), naive(|text, needle| text.starts_with(needle)));
            assert_eq!(ends_with(&view, needle), naive(|text, needle| text.ends_with(needle)));
            assert_eq!(equals(&view, needle), naive(|text, needle| text == needle));
            assert_eq!(select_text(&view, |text| text < needle), naive(|text, needle| text < needle));
        }
    }
}

#[test]
fn splitting_the_whole_buffer_is_splitting_row_by_row_however_often_it_stops() {
    let mut dice = Dice::new(2);
    for turn in 0..300 {
        let rows = [0, 1, 2, 20, 65][turn % 5];
        let (texts, column) = texts(&mut dice, rows, turn % 2 == 0);
        for separator in ["a", "aa", " ", "ü", "ab", "x"] {
            let naive: Vec<_> = texts
                .iter()
                .enumerate()
                .flat_map(|(row, text)| text.iter().flat_map(|text| text.split(separator)).map(move |word| (row, word)))
                .collect();
            for (max_rows, max_bytes) in [(1, 1000), (3, 1000), (1000, 1), (1000, 5), (1000, 1000)] {
                let words = expand(&column, rows, max_rows, max_bytes, |_, batch, out| {
                    out.split(&batch.at::<Utf8>(0), separator)
                });
                let words: Vec<_> = words.iter().map(|(row, word)| (*row, word.as_str())).collect();
                assert_eq!(words, naive, "{texts:?} by {separator:?}, {max_rows} rows and {max_bytes} bytes a call");
            }
        }
    }
}

#[test]
fn the_nth_part_is_what_split_says() {
    let mut dice = Dice::new(7);
    for turn in 0..200 {
        let rows = [0, 1, 2, 20, 65][turn % 5];
        let (mut texts, mut column) = texts(&mut dice, rows, turn % 2 == 0);
        if turn % 3 == 0 {
            // Longer than what is looked at a turn.
            texts = texts.into_iter().map(|text| text.map(|text| text.repeat(30))).collect();
            let mut builder = Utf8Builder::default();
            texts.iter().for_each(|text| builder.push_option(text.as_deref()));
            column = builder.finish();
        }
        let view = Utf8::view(&column).unwrap();
        for separator in ["a", " ", "ü", "ab", "x"] {
            for index in [0, 1, 2, 9] {
                let naive: Vec<_> = texts.iter().map(|text| text.as_ref()?.split(separator).nth(index)).collect();
                let found = nth_part(&view, separator, index);
                let found: Vec<_> = Utf8::view(&found).unwrap().iter().collect();
                assert_eq!(found, naive, "part {index} of {texts:?} by {separator:?}");
            }
        }
    }
}

#[test]
fn rows_pushed_one_by_one_come_once_however_often_it_stops() {
    let mut dice = Dice::new(3);
    for turn in 0..100 {
        let rows = [0, 1, 2, 20][turn % 4];
        let (texts, column) = texts(&mut dice, rows, true);
        let naive: Vec<_> = texts
            .iter()
            .enumerate()
            .flat_map(|(row, text)| text.iter().flat_map(|text| text.chars()).map(move |c| (row, c.to_string())))
            .collect();
        for (max_rows, max_bytes) in [(1, 1000), (3, 1000), (1000, 1), (1000, 5), (1000, 1000)] {
            let chars = expand(&column, rows, max_rows, max_bytes, |start, _, out| {
                out.each_row(|row, chars| {
                    for c in texts[start + row].iter().flat_map(|text| text.chars()) {
                        chars.push(c.to_string());
                        if chars.is_stopped() {
                            break;
                        }
                    }
                })
            });
            assert_eq!(chars, naive, "{texts:?}, {max_rows} rows and {max_bytes} bytes a call");
        }
    }
}

/// Calls as the host does, until all rows are dealt with.
fn expand(
    column: &Column,
    rows: usize,
    max_rows: usize,
    max_bytes: usize,
    call: impl Fn(usize, &Batch, Expander) -> crate::Expanded,
) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    let (mut start, mut resume) = (0, None);
    loop {
        let batch = Batch { rows: (rows - start) as u32, columns: vec![rest(column, start, rows)] };
        let expanded = call(start, &batch, Expander { rows: rows - start, resume, max_rows, max_bytes });
        assert!(expanded.parents.len() <= max_rows);
        let word = Utf8::view(&expanded.columns[0]).unwrap();
        words.extend(
            expanded
                .parents
                .to_vec()
                .iter()
                .enumerate()
                .map(|(i, parent)| (start + *parent as usize, word.get(i).unwrap().to_owned())),
        );
        let progress = expanded.consumed > 0 || !expanded.parents.is_empty();
        (start, resume) = (start + expanded.consumed as usize, expanded.resume);
        if start == rows {
            assert_eq!(resume, None);
            return words;
        }
        assert!(progress, "no progress at row {start}");
    }
}

fn rest(column: &Column, start: usize, rows: usize) -> Column {
    let view = Utf8::view(column).unwrap();
    let mut builder = Utf8Builder::default();
    (start..rows).for_each(|row| builder.push_option(view.get(row)));
    builder.finish()
}

#[test]
fn numbers_are_mapped_and_selected_as_one_by_one() {
    let mut dice = Dice::new(4);
    for rows in [0, 1, 31, 32, 33, 64, 100] {
        for nulls in [false, true] {
            let mut ints = Int64Builder::with_capacity(rows);
            let mut floats = Float64Builder::with_capacity(rows);
            for _ in 0..rows {
                ints.push_option((!nulls || dice.below(3) > 0).then_some(dice.below(100) as i64 - 50));
                floats.push_option((!nulls || dice.below(3) > 0).then_some(dice.below(100) as f64 / 8.0));
            }
            let (ints, floats) = (ints.finish(), floats.finish());
            let (a, b) = (Int64::view(&ints).unwrap(), Float64::view(&floats).unwrap());
            let mapped = map_f64(&a, |x| x as f64 / 2.0);
            let zipped = zip_f64(&a, &b, |x, y| x as f64 * y);
            let counted = map_i64(&b, |y| y as i64);
            let (mapped, zipped) = (Float64::view(&mapped).unwrap(), Float64::view(&zipped).unwrap());
            let counted = Int64::view(&counted).unwrap();
            for row in 0..rows {
                assert_eq!(mapped.get(row), a.get(row).map(|x| x as f64 / 2.0));
                assert_eq!(zipped.get(row), a.get(row).zip(b.get(row)).map(|(x, y)| x as f64 * y));
                assert_eq!(counted.get(row), b.get(row).map(|y| y as i64));
            }
            assert_eq!(select(&a, |x| x > 0), a.iter().map(|x| x.is_some_and(|x| x > 0)).collect());
            assert_eq!(a.null_count(), a.iter().filter(Option::is_none).count());
        }
    }
}

#[test]
fn groups_are_aggregated_as_one_by_one() {
    let mut dice = Dice::new(5);
    for rows in [0, 1, 15, 16, 17, 40, 100] {
        for nulls in [false, true] {
            let groups: Vec<u32> = (0..rows).map(|_| dice.below(6) as u32).collect();
            let mut builder = Int64Builder::default();
            (0..rows)
                .for_each(|_| builder.push_option((!nulls || dice.below(3) > 0).then_some(dice.below(90) as i64 - 45)));
            let column = builder.finish();
            let view = Int64::view(&column).unwrap();
            let floats = map_f64(&view, |x| x as f64);
            let float_view = Float64::view(&floats).unwrap();
            let grouped = Groups::new(&groups, 7);
            let ids = groups.as_slice();
            let of = |group: u32| (0..rows).filter(move |row| ids[*row] == group);
            let ints = |column: &Column| -> Vec<_> { Int64::view(column).unwrap().iter().collect() };
            let reals = |column: &Column| -> Vec<_> { Float64::view(column).unwrap().iter().collect() };
            let naive = |f: fn(i64, i64) -> i64| -> Vec<_> {
                (0..7).map(|group| of(group).filter_map(|row| view.get(row)).reduce(f)).collect()
            };
            let as_reals = |of: Vec<Option<i64>>| -> Vec<_> { of.into_iter().map(|x| x.map(|x| x as f64)).collect() };
            assert_eq!(ints(&grouped.sum_i64(&view).unwrap()), naive(|a, b| a + b));
            assert_eq!(ints(&grouped.min_i64(&view)), naive(i64::min));
            assert_eq!(ints(&grouped.max_i64(&view)), naive(i64::max));
            assert_eq!(reals(&grouped.sum_f64(&float_view)), as_reals(naive(|a, b| a + b)));
            assert_eq!(reals(&grouped.min_f64(&float_view)), as_reals(naive(i64::min)));
            assert_eq!(reals(&grouped.max_f64(&float_view)), as_reals(naive(i64::max)));
            let rows_of: Vec<_> = (0..7).map(|group| Some(of(group).count() as i64)).collect();
            assert_eq!(ints(&grouped.count_rows()), rows_of);
            let valid: Vec<_> = (0..7).map(|g| Some(of(g).filter(|row| view.is_valid(*row)).count() as i64)).collect();
            assert_eq!(ints(&grouped.count_valid(view.validity())), valid);
            let (sums, counts) = grouped.sum_count_i64(&view).unwrap();
            assert_eq!((ints(&sums), ints(&counts)), (naive(|a, b| a + b), valid.clone()));
            let (sums, counts) = grouped.sum_count_f64(&float_view);
            assert_eq!((reals(&sums), ints(&counts)), (as_reals(naive(|a, b| a + b)), valid));
        }
    }
}

#[test]
fn nan_is_greater_than_all_numbers_and_a_sum_beyond_int64_is_an_error() {
    let column = Column::float64(vec![f64::NAN, 1.0, f64::NAN, f64::INFINITY]);
    let view = Float64::view(&column).unwrap();
    let groups = Groups::new(&[0, 0, 1, 2], 3);
    let (least, greatest) = (groups.min_f64(&view), groups.max_f64(&view));
    let (least, greatest) = (Float64::view(&least).unwrap(), Float64::view(&greatest).unwrap());
    assert_eq!((least.get(0), greatest.get(2)), (Some(1.0), Some(f64::INFINITY)));
    assert!(greatest.get(0).unwrap().is_nan() && least.get(1).unwrap().is_nan());

    let sum = |values: Vec<i64>| {
        let column = Column::int64(values);
        let (view, groups) = (Int64::view(&column).unwrap(), Groups::new(&[0, 0], 1));
        assert_eq!(groups.sum_i64(&view).is_ok(), groups.sum_count_i64(&view).is_ok());
        groups.sum_i64(&view).is_ok()
    };
    assert!(sum(vec![i64::MAX, -1]) && sum(vec![i64::MIN, i64::MAX]));
    assert!(!sum(vec![i64::MAX, 1]) && !sum(vec![i64::MIN, -1]));
}
