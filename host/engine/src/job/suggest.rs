//! "Did you mean …": the nearest of the names that would have been right.

/// Longest list of names that a hint shows whole.
const SHOWN: usize = 24;

/// A hint for `wrong`: the nearest of `names`, if one is near, and the list of them.
pub(crate) fn choices<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    choices_shown(wrong, names, str::to_owned)
}

/// The same, of names that are shown as `shown` gives them.
pub(crate) fn choices_shown<'a>(
    wrong: &str,
    names: impl IntoIterator<Item = &'a str>,
    shown: impl Fn(&str) -> String,
) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() {
        return "there are none".into();
    }
    let list: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{}`", shown(name))).collect();
    let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
    let list = format!("{}{more}", list.join(", "));
    match nearest(wrong, names.iter().copied()).map(shown) {
        Some(name) if names.len() == 1 => format!("did you mean `{name}`?"),
        Some(name) => format!("did you mean `{name}`? There are: {list}"),
        None if names.len() == 1 => format!("there is only {list}"),
        None => format!("there are: {list}"),
    }
}

/// The name nearest to `wrong`, if it is near enough to be what was meant: a third of its letters may differ.
pub(crate) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for name in names {
        let distance = edit_distance(&wrong, &name.to_lowercase());
        let near = distance <= (name.chars().count().max(wrong.chars().count()) / 3).max(1)
            || (wrong.len() >= 3 && name.to_lowercase().starts_with(&wrong));
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// Letters to insert, delete, change or swap with their neighbour (optimal string alignment).
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i);
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("inptu", "input"), 1);
        assert_eq!(edit_distance("same", "same"), 0);
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        assert_eq!(nearest("formt", ["format", "path"]), Some("format"));
        assert_eq!(nearest("jsonl", ["text", "csv", "json", "parquet"]), Some("json"));
        assert_eq!(nearest("banana", ["text", "csv"]), None);
        assert_eq!(nearest("avail", ["available-now", "once"]), Some("available-now"));
    }
}
