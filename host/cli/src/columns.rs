//! Texts in columns, as wide as what is in them.

/// On which side of its column a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    /// Of numbers.
    Right,
}

/// What a column is called, and on which side its texts stand.
pub(crate) type Column = (&'static str, Side);

/// A line with the names of `columns`, then one per row.
pub(crate) fn lines<const N: usize>(columns: &[Column; N], rows: &[[String; N]]) -> Vec<String> {
    let head = columns.map(|(name, _)| name.to_owned());
    let all = || std::iter::once(&head).chain(rows);
    let width = |at: usize| all().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(columns).zip(&widths).map(|((text, (_, side)), width)| match side {
            Side::Left => format!("{text:<width$}"),
            Side::Right => format!("{text:>width$}"),
        });
        plain(cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    all().map(line).collect()
}

/// A line for a terminal, which what is in it must not steer.
pub(crate) fn plain(line: &str) -> String {
    line.replace(char::is_control, "\u{fffd}")
}
