//! A table for people: columns side by side, as wide as what is in the first rows.
//!
//! Rows are written as they come, so that a table of any length takes the memory of its first rows only; what is wider
//! further down sticks out.

use std::io::Write;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use millstream_engine::Result;
use millstream_engine::format::encode::{WIDEST, cut_cell};
use millstream_engine::run::TakeRows;

use super::cannot_write;
use super::values::json_values;

/// Rows by which the columns' widths are chosen.
const FIRST_ROWS: usize = 8192;

/// Writes rows as a table.
pub(super) struct TablePrinter<W> {
    out: W,
    header: Vec<String>,
    /// The first rows, until the widths are chosen.
    first: Vec<Vec<String>>,
    widths: Vec<usize>,
    rows: u64,
    /// Whether a value was wider than a cell may be.
    cut: bool,
}

impl<W: Write + Send> TablePrinter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, header: Vec::new(), first: Vec::new(), widths: Vec::new(), rows: 0, cut: false }
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(|e| cannot_write(e.into()))
    }

    fn line(&self) -> String {
        let dashes: String = self.widths.iter().map(|width| format!("+{}", "-".repeat(width + 2))).collect();
        format!("{dashes}+\n")
    }

    fn row(&self, cells: &[String], to: &mut String) {
        for (cell, width) in cells.iter().zip(&self.widths) {
            let gap = width.saturating_sub(cell.chars().count());
            to.push_str("| ");
            to.push_str(cell);
            to.extend(std::iter::repeat_n(' ', gap + 1));
        }
        to.push_str("|\n");
    }

    /// Chooses the widths, and writes what was held back for them.
    fn begin_table(&mut self) -> Result<()> {
        let first = std::mem::take(&mut self.first);
        self.widths = (0..self.header.len())
            .map(|at| first.iter().chain([&self.header]).map(|row| row[at].chars().count()).max().unwrap_or(0))
            .collect();
        let line = self.line();
        let mut text = line.clone();
        self.row(&self.header, &mut text);
        text.push_str(&line);
        for row in &first {
            self.row(row, &mut text);
        }
        self.write(&text)
    }
}

impl<W: Write + Send> TakeRows for TablePrinter<W> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        self.header = schema.fields().iter().map(|field| plain(field.name())).collect();
        Ok(())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut from = 0;
        while from < batch.num_rows() {
            let part = batch.slice(from, FIRST_ROWS.min(batch.num_rows() - from));
            from += part.num_rows();
            self.rows += part.num_rows() as u64;
            let mut columns: Vec<Vec<String>> = part.columns().iter().map(cells).collect::<Result<_>>()?;
            for cell in columns.iter_mut().flatten() {
                self.cut |= cut_cell(cell);
            }
            let rows = (0..part.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect());
            if self.widths.is_empty() {
                self.first.extend(rows);
                if self.first.len() >= FIRST_ROWS {
                    self.begin_table()?;
                }
                continue;
            }
            let mut text = String::new();
            rows.for_each(|row: Vec<String>| self.row(&row, &mut text));
            self.write(&text)?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.widths.is_empty() {
            self.begin_table()?;
        }
        let rows = if self.rows == 1 { "row" } else { "rows" };
        let mut end = format!("{}{} {rows}\n", self.line(), self.rows);
        if self.cut {
            end += &format!("values that end in … are cut at {WIDEST} characters; --format json has them whole\n");
        }
        self.write(&end)?;
        self.out.flush().map_err(|e| cannot_write(e.into()))
    }
}

/// The values of a column as the JSON encoder writes them, texts without their quotes; a null is empty.
fn cells(column: &ArrayRef) -> Result<Vec<String>> {
    let cell = |value: String| plain(&serde_json::from_str::<String>(&value).unwrap_or(value));
    Ok(json_values(column)?.into_iter().map(cell).collect())
}

/// What is in the data must not steer the terminal, nor break a row.
fn plain(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn a_table_keeps_its_widths_and_its_rows_on_their_lines() {
        let batch = |ids: Vec<i64>, texts: Vec<Option<&str>>| {
            RecordBatch::try_from_iter([
                ("id", Arc::new(Int64Array::from(ids)) as ArrayRef),
                ("text", Arc::new(StringArray::from(texts)) as ArrayRef),
            ])
            .unwrap()
        };
        let mut out = Vec::new();
        let mut printer = TablePrinter::new(&mut out);
        let first = batch(vec![1, 2], vec![Some("a\nb\u{1b}[2J"), None]);
        printer.begin(&first.schema()).unwrap();
        printer.rows(&first).unwrap();
        printer.end().unwrap();
        let want = "+----+----------+\n| id | text     |\n+----+----------+\n| 1  | a\\nb\u{fffd}[2J |\n| 2  |          |\n+----+----------+\n2 rows\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);

        // One wide value makes no table of blanks.
        let mut out = Vec::new();
        let mut printer = TablePrinter::new(&mut out);
        printer.begin(&first.schema()).unwrap();
        printer.rows(&batch(vec![1, 2], vec![Some(&"ä".repeat(1 << 20)), Some("b")])).unwrap();
        printer.end().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(&format!("| 1  | {}… |\n| 2  | b ", "ä".repeat(WIDEST - 1))), "{} bytes", text.len());
        assert!(
            text.ends_with("2 rows\nvalues that end in … are cut at 120 characters; --format json has them whole\n")
        );
        assert!(text.lines().all(|line| line.chars().count() < WIDEST + 20));

        // Many rows: a header once, all rows.
        let mut out = Vec::new();
        let mut printer = TablePrinter::new(&mut out);
        printer.begin(&first.schema()).unwrap();
        for _ in 0..3 {
            printer.rows(&batch((0..5000).collect(), vec![Some("x"); 5000])).unwrap();
        }
        printer.end().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 15_000 + 5);
        assert_eq!(text.matches("| id").count(), 1);
    }
}
