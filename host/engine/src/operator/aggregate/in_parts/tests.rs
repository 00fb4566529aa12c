use std::sync::Arc;

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{DataType, Field};
use proptest::prelude::*;

use super::*;

/// What a call may fail with.
#[derive(Debug)]
enum Why {
    TooMuch,
    Bad(String),
    Ours(String),
}

impl Blame for Why {
    fn fault(&self) -> Fault {
        if matches!(self, Self::Ours(_)) { Fault::Caller } else { Fault::Rows }
    }
}

impl From<Error> for Why {
    fn from(e: Error) -> Self {
        Self::Ours(e.message().to_owned())
    }
}

fn texts(values: impl IntoIterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn read(column: &ArrayRef) -> Vec<String> {
    column.as_string::<i32>().iter().map(|t| t.unwrap_or("(null)").to_owned()).collect()
}

/// Merging puts texts one behind the other: their order can be seen. A call takes so many states and bytes.
fn put_together(
    groups: &[u32],
    n: usize,
    states: &[ArrayRef],
    most: usize,
    bytes: usize,
) -> Result<Vec<ArrayRef>, Why> {
    let given = read(&states[0]);
    if given.len() > most.max(2) || (given.len() > 2 && given.iter().map(String::len).sum::<usize>() > bytes) {
        return Err(Why::TooMuch);
    }
    let mut all = vec![String::new(); n];
    groups.iter().zip(&given).for_each(|(g, t)| all[*g as usize] += t);
    Ok(vec![texts(all)])
}

fn told(e: &Why) -> (bool, String) {
    (true, format!("{e:?}"))
}

proptest! {
    #[test]
    fn each_group_that_cannot_be_merged_is_found_and_all_others_are_merged(
        given in prop::collection::vec((0u32..40, any::<bool>()), 1..200),
        most in 2usize..50,
    ) {
        let mut known: Vec<u32> = given.iter().map(|g| g.0).collect();
        known.sort_unstable();
        known.dedup();
        let groups: Vec<u32> = given.iter().map(|g| known.binary_search(&g.0).unwrap() as u32).collect();
        // A bad state can only be put in its place.
        let states = texts(given.iter().enumerate().map(|(i, g)| if g.1 && g.0 % 5 == 0 { "bad ".into() } else { format!("{i} ") }));
        let want = put_together(&groups, known.len(), std::slice::from_ref(&states), usize::MAX, usize::MAX).unwrap();
        let (merged, refused) = merge(&groups, known.len(), &[states], told, |g, n, s, _| {
            let bad = read(&s[0]).iter().enumerate().any(|(i, t)| t.contains("bad") && g.iter().filter(|h| **h == g[i]).count() > 1);
            if bad { Err(Why::Bad("bad".into())) } else { put_together(g, n, s, most, usize::MAX) }
        }).unwrap();
        let (merged, want) = (read(&merged[0]), read(&want[0]));
        let refused: Vec<usize> = refused.into_iter().map(|r| r.0).collect();
        for group in 0..known.len() {
            let is_bad = want[group].contains("bad") && groups.iter().filter(|g| **g as usize == group).count() > 1;
            prop_assert_eq!(refused.contains(&group), is_bad);
            prop_assert!(is_bad || merged[group] == want[group]);
        }
    }

    #[test]
    fn states_are_brought_over_in_parts_or_the_one_that_cannot_be_is_the_error(
        n in 0usize..200,
        most in 1usize..50,
        bad in prop::option::of(0usize..200),
    ) {
        let states = texts((0..n).map(|i| i.to_string()));
        let brought = migrate(&[states], |states, _| {
            let given = read(&states[0]);
            match given.iter().find(|t| bad.is_some_and(|bad| **t == bad.to_string())) {
                Some(text) => Err(Why::Bad(text.clone())),
                None if given.len() > most => Err(Why::TooMuch),
                None => Ok(vec![texts(given.iter().map(|t| format!("<{t}>")))]),
            }
        });
        match (brought, bad.filter(|bad| *bad < n)) {
            (Ok(brought), None) => {
                prop_assert_eq!(read(&brought[0]), (0..n).map(|i| format!("<{i}>")).collect::<Vec<_>>());
            }
            (Err(Why::Bad(text)), Some(bad)) => prop_assert_eq!(text, bad.to_string()),
            (brought, bad) => prop_assert!(false, "{brought:?} {bad:?}"),
        }
    }

    #[test]
    fn merged_in_parts_is_merged_at_once(
        given in prop::collection::vec((0u32..12, 0usize..40), 1..200),
        most in 2usize..50,
        bytes in 1usize..500,
    ) {
        // Groups without a gap, as they are everywhere.
        let mut known: Vec<u32> = given.iter().map(|g| g.0).collect();
        known.sort_unstable();
        known.dedup();
        let groups: Vec<u32> = given.iter().map(|g| known.binary_search(&g.0).unwrap() as u32).collect();
        let states = texts(given.iter().enumerate().map(|(i, g)| format!("{i}{}", "x".repeat(g.1))));
        let want = put_together(&groups, known.len(), std::slice::from_ref(&states), usize::MAX, usize::MAX).unwrap();
        let merged = merge(&groups, known.len(), &[states], told, |g, n, s, _| put_together(g, n, s, most, bytes));
        prop_assert_eq!(read(&merged.unwrap().0[0]), read(&want[0]));
    }

    #[test]
    fn each_state_that_cannot_be_finished_is_found(
        bad in prop::collection::btree_set(0usize..300, 0..80),
        n in 1usize..300,
        most in 1usize..100,
        on_purpose in any::<bool>(),
    ) {
        let states = texts((0..n).map(|i| if bad.contains(&i) { format!("bad {i}") } else { i.to_string() }));
        let bad: Vec<usize> = bad.into_iter().filter(|b| *b < n).collect();
        let output = Fields::from(vec![Field::new("out", DataType::Utf8, true)]);
        let says = |e: &Why| match e {
            Why::TooMuch => (on_purpose, "too much".to_owned()),
            Why::Bad(text) | Why::Ours(text) => (on_purpose, text.clone()),
        };
        let finished = finish(&[states], &output, says, |states, _| {
            let given = read(&states[0]);
            match given.iter().find(|t| t.starts_with("bad")) {
                Some(text) => Err(Why::Bad(text.clone())),
                None if given.len() > most => Err(Why::TooMuch),
                None => Ok(vec![texts(given.iter().map(|t| format!("<{t}>")))]),
            }
        });
        if bad.len() > MOST && !on_purpose {
            prop_assert!(finished.is_err());
        } else {
            let (columns, refused) = finished.unwrap();
            let reasons: Vec<(usize, String)> = bad.iter().map(|b| (*b, format!("bad {b}"))).collect();
            prop_assert_eq!(&refused, &reasons);
            let want = (0..n).map(|i| if bad.contains(&i) { "(null)".to_owned() } else { format!("<{i}>") });
            prop_assert_eq!(read(&columns[0]), want.collect::<Vec<_>>());
        }
    }
}

#[test]
fn calls_keep_to_their_bytes() {
    // 5,500 groups of 4 KB, each stored and once more new; and one of 30 MB in many pieces.
    let groups: Vec<u32> = (0..5500).chain(0..5500).chain(std::iter::repeat_n(5500, 7500)).collect();
    let states = texts(groups.iter().enumerate().map(|(i, _)| format!("{i:0>4096}")));
    let mut largest = 0;
    let merged = merge(&groups, 5501, std::slice::from_ref(&states), told, |g, n, s, attempt| -> Result<_, Why> {
        assert_eq!(attempt, Attempt::First);
        let bytes = read(&s[0]).iter().map(String::len).sum::<usize>();
        // A group that has become large has two states in a call, however large they are.
        if n > 1 || s[0].len() > 2 {
            largest = largest.max(bytes);
        }
        // The later of two numbers is the merged state: states do not grow.
        let given = read(&s[0]);
        let mut all = vec![String::new(); n];
        g.iter().zip(given).for_each(|(g, t)| all[*g as usize] = t);
        Ok(vec![texts(all)])
    });
    assert!(largest <= BYTES_PER_CALL as usize, "{largest}");
    let merged: Vec<usize> = read(&merged.unwrap().0[0]).iter().map(|t| t.parse().unwrap()).collect();
    assert_eq!(merged, (5500..11_000).chain([11_000 + 7499]).collect::<Vec<_>>());
}
