//! A plan drawn as trees: titles at the branches, facts in a column beside them, long ones wrapped.

use millstream_engine::plan::{Branch, Explained, Fact};

/// Columns of a line; what has no blank in it may be longer.
const WIDTH: usize = 112;
/// Columns of what a fact is about.
const ABOUT: usize = 13;

/// The trees of `plan`; with the facts if they are wanted.
pub(crate) fn draw(plan: &Explained, facts: bool) -> String {
    let mut out = format!("job {}, from its sinks down to its sources\n", plan.job);
    for tree in &plan.trees {
        out.push('\n');
        branch(tree, "", "", facts, &mut out);
    }
    out
}

/// `first` stands before the title, `rest` before the lines below it.
fn branch(tree: &Branch, first: &str, rest: &str, facts: bool, out: &mut String) {
    let again = if tree.is_again { " (above)" } else { "" };
    line(out, first, &format!("{}{again}", tree.title));
    if facts {
        let side = if tree.inputs.is_empty() { "   " } else { "│  " };
        tree.facts.iter().for_each(|f| fact(f, &format!("{rest}{side}"), out));
    }
    for (at, input) in tree.inputs.iter().enumerate() {
        let is_last = at + 1 == tree.inputs.len();
        let (corner, side) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        branch(input, &format!("{rest}{corner}"), &format!("{rest}{side}"), facts, out);
    }
}

fn fact(fact: &Fact, before: &str, out: &mut String) {
    let indent = if fact.is_detail { "  " } else { "" };
    let mut about = format!("{indent}{}", fact.about);
    let room = WIDTH.saturating_sub(before.chars().count() + ABOUT).max(40);
    for text in wrapped(&fact.items, room) {
        line(out, before, &format!("{about:ABOUT$}{text}"));
        about.clear();
    }
}

/// `items` as a list in lines of `room` columns: a line ends behind an item, or at a blank where one is too long.
fn wrapped(items: &[String], room: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for (at, item) in items.iter().enumerate() {
        let comma = if at + 1 < items.len() { "," } else { "" };
        let item = format!("{item}{comma}");
        let fits = |line: &str, word: &str| line.is_empty() || columns(line) + 1 + columns(word) <= room;
        if !fits(&line, &item) {
            lines.push(std::mem::take(&mut line));
        }
        let words = if columns(&item) <= room { vec![item.as_str()] } else { words(&item) };
        for word in words {
            if !fits(&line, word) {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.push(line);
    lines
}

/// The pieces at whose ends a line may end: a number stays with its unit.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut from) = (Vec::new(), 0);
    for (at, _) in text.match_indices(' ') {
        if !text[from..at].ends_with(|c: char| c.is_ascii_digit()) {
            words.push(&text[from..at]);
            from = at + 1;
        }
    }
    words.push(&text[from..]);
    words
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

fn line(out: &mut String, before: &str, text: &str) {
    out.push_str(before);
    out.push_str(text.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(title: &str) -> Branch {
        Branch { title: title.to_owned(), ..Branch::default() }
    }

    #[test]
    fn branches_hang_below_what_takes_their_rows() {
        let fact = |about, is_detail, items: &[&str]| Fact {
            about,
            is_detail,
            items: items.iter().map(|i| (*i).to_owned()).collect(),
        };
        let join = Branch {
            facts: vec![fact("columns", false, &["a int64", "b utf8"]), fact("state", true, &["one row"])],
            inputs: vec![Branch { inputs: vec![leaf("x")], ..leaf("left") }, Branch { is_again: true, ..leaf("y") }],
            ..leaf("join")
        };
        let tree = Branch { inputs: vec![join], ..leaf("sink") };
        let plan = Explained { job: "j".into(), trees: vec![tree] };
        assert_eq!(
            draw(&plan, false),
            "job j, from its sinks down to its sources\n\nsink\n└─ join\n   ├─ left\n   │  └─ x\n   └─ y (above)\n"
        );
        let told = "   │  columns      a int64, b utf8\n   │    state      one row\n";
        assert_eq!(draw(&plan, true), draw(&plan, false).replace("join\n", &format!("join\n{told}")));
    }

    #[test]
    fn lines_end_behind_items_and_long_items_at_blanks() {
        let items = ["a int64", "b utf8", "one two 3 minutes four"].map(str::to_owned);
        assert_eq!(wrapped(&items, 15), ["a int64,", "b utf8,", "one two", "3 minutes four"]);
        assert_eq!(wrapped(&items, 16), ["a int64, b utf8,", "one two", "3 minutes four"]);
    }
}
