//! Tables for people: columns as wide as their widest cell, numbers to the right.
use std::io::{self, Write};

/// Space between columns.
const GAP: &str = "  ";

/// Rows under a head.
#[derive(Clone, Debug, Default)]
pub struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns and no rows.
    #[must_use]
    pub fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; cells that are missing are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Writes head and rows, each line after `indent`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write, indent: &str) -> io::Result<()> {
        let columns: Vec<Column> = (0..self.head.len()).map(|index| self.column(index)).collect();
        let head: Vec<String> = self.head.iter().map(ToString::to_string).collect();
        for row in std::iter::once(&head).chain(&self.rows) {
            let cells = columns.iter().enumerate().map(|(index, column)| column.pad(cell(row, index)));
            let line = cells.collect::<Vec<_>>().join(GAP);
            writeln!(out, "{indent}{}", line.trim_end())?;
        }
        Ok(())
    }

    fn column(&self, index: usize) -> Column {
        let cells = || self.rows.iter().map(|row| cell(row, index));
        let head = self.head.get(index).map_or(0, |head| head.chars().count());
        Column {
            width: cells().map(|cell| cell.chars().count()).max().unwrap_or(0).max(head),
            is_numeric: cells().all(|cell| cell == "-" || cell.parse::<f64>().is_ok()),
        }
    }
}

struct Column {
    width: usize,
    is_numeric: bool,
}

impl Column {
    fn pad(&self, cell: &str) -> String {
        let width = self.width;
        if self.is_numeric { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    }
}

fn cell(row: &[String], index: usize) -> &str {
    row.get(index).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_numbers_stand_right() {
        let mut table = Table::new(&["NAME", "N"]);
        table.row(["a".into(), "1".into()]);
        table.row(["longer".into(), "-".into()]);
        table.row(["b".into(), "100".into()]);
        let mut out = Vec::new();
        table.write(&mut out, " ").unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            " NAME      N\n a         1\n longer    -\n b       100\n"
        );
    }
}
