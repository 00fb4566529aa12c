//! The lines of a user's text around the place of an error, as they are shown. Columns are counted in characters, as
//! editors do; a line that is too long to be looked at is cut around the place.

use std::ops::Range;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use millstream_engine::error::Location;

/// Lines shown before and after the place.
pub(crate) const CONTEXT: usize = 2;

/// Characters of a line that are shown: a query of some lines, written in one, is still looked at as it is.
const LONGEST: usize = 240;

/// Characters before the place in a line that is cut.
const BEFORE: usize = 80;

const CUT: &str = "…";
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What is shown of a text.
#[derive(Debug)]
pub(crate) struct Excerpt {
    name: String,
    text: String,
    /// The place in `text`.
    pub(crate) span: Range<usize>,
    /// How many lines stand before `text`.
    first_line: usize,
    /// The place's column, from 0.
    column: usize,
}

impl Excerpt {
    pub(crate) fn of(place: &Location) -> Self {
        let whole: &str = &place.text;
        let (from, to) = (place.span.start.min(whole.len()), place.span.end.min(whole.len()));
        let line_of = |at: usize| whole.bytes().take(at).filter(|byte| *byte == b'\n').count();
        let shown = line_of(from).saturating_sub(CONTEXT)..line_of(to) + CONTEXT + 1;
        let mut excerpt = Self {
            name: place.file.display().to_string(),
            text: String::new(),
            span: 0..0,
            first_line: shown.start,
            column: 0,
        };
        let mut at = 0;
        for (number, line) in whole.split_inclusive('\n').enumerate() {
            let range = at..at + line.len();
            at = range.end;
            if !shown.contains(&number) {
                continue;
            }
            // A place at the end of the text belongs to its last line.
            let is_in = |place: usize| range.contains(&place) || (place == range.end && place == whole.len());
            let start = is_in(from).then(|| from - range.start);
            let added = excerpt.text.len();
            let window = Window::of(line, start.unwrap_or(0));
            excerpt.text.push_str(&window.text);
            if let Some(start) = start {
                excerpt.span.start = added + window.place(start);
                excerpt.column = line[..start].chars().filter(|c| *c != BYTE_ORDER_MARK).count();
            }
            if is_in(to) || range.contains(&to.saturating_sub(1)) {
                excerpt.span.end = added + window.place(to - range.start);
            }
        }
        excerpt.span.end = excerpt.span.end.max(excerpt.span.start);
        excerpt
    }
}

/// What is shown of one line.
struct Window {
    text: String,
    /// Bytes of the line that are shown.
    kept: Range<usize>,
    /// Bytes put before them.
    before: usize,
}

impl Window {
    /// `line` with its end, cut so that byte `place` is in what is left.
    fn of(line: &str, place: usize) -> Self {
        let skipped = if line.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        let end = line.trim_end_matches(['\n', '\r']).len();
        let byte_of = |n: usize| line.char_indices().nth(n).map_or(end, |(at, _)| at.min(end));
        let all = line[..end].chars().count();
        let (mut kept, mut before, mut after) = (skipped..end, "", "");
        if all > LONGEST {
            let first = line[..place.min(end)].chars().count().saturating_sub(BEFORE).min(all - LONGEST);
            kept = byte_of(first).max(skipped)..byte_of(first + LONGEST);
            (before, after) = (if first > 0 { CUT } else { "" }, if kept.end < end { CUT } else { "" });
        }
        let text = format!("{before}{}{after}{}", &line[kept.clone()], &line[end..]);
        Self { text, kept, before: before.len() }
    }

    /// Where byte `at` of the line is now; what was cut off is at the nearest end.
    fn place(&self, at: usize) -> usize {
        self.before + at.clamp(self.kept.start, self.kept.end) - self.kept.start
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.read_span(span, before, after)?;
        // Without lines around it this is the place itself, whose line and column are told.
        let column = if before == 0 { self.column } else { found.column() };
        let line = found.line() + self.first_line;
        let contents = MietteSpanContents::new_named(
            self.name.clone(),
            found.data(),
            *found.span(),
            line,
            column,
            found.line_count(),
        );
        Ok(Box::new(contents.with_language("TOML")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, what: &str) -> Excerpt {
        let at = text.find(what).expect("it is in the text");
        Excerpt::of(&Location { file: "job.toml".into(), text: text.into(), span: at..at + what.len() })
    }

    #[test]
    fn columns_are_characters_and_a_byte_order_mark_is_none() {
        let excerpt = of("a\nb\nc\nd = \"größe €\", int65\ne\n", "int65");
        assert_eq!((excerpt.first_line, excerpt.column), (1, 15));
        assert_eq!(
            (&excerpt.text[excerpt.span.clone()], excerpt.text.as_str()),
            ("int65", "b\nc\nd = \"größe €\", int65\ne\n")
        );
        let excerpt = of("\u{feff}foo = 1\n", "foo");
        assert_eq!((excerpt.column, excerpt.text.as_str(), excerpt.span), (0, "foo = 1\n", 0..3));
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!(
            "# {}\r\nsql = \"SELECT {} nope {}\"\r\nz = 1\r\n",
            "x".repeat(9000),
            "ä, ".repeat(900),
            "b, ".repeat(900)
        );
        let excerpt = of(&text, "nope");
        assert_eq!(&excerpt.text[excerpt.span.clone()], "nope");
        assert!(excerpt.text.lines().all(|line| line.chars().count() <= LONGEST + 2), "{}", excerpt.text);
        assert_eq!((excerpt.text.lines().count(), excerpt.text.matches(CUT).count()), (3, 3));
        // A place that is itself too long is shown by its beginning.
        let excerpt = of(&text, &"x".repeat(9000));
        assert!(excerpt.text[excerpt.span.clone()].chars().all(|c| c == 'x') && excerpt.span.len() > 100);
    }

    #[test]
    fn places_at_the_ends_of_the_text_are_shown() {
        for text in ["", "a", "a\n", "ä\nb"] {
            let excerpt = Excerpt::of(&Location { file: "f".into(), text: text.into(), span: text.len()..text.len() });
            assert!(excerpt.span.end <= excerpt.text.len(), "{text:?}");
            assert!(excerpt.read_span(&excerpt.span.clone().into(), CONTEXT, CONTEXT).is_ok(), "{text:?}");
        }
    }
}
