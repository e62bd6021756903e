//! Tables: their heads stand on every page, and never without a row.

use super::super::document::{Align, Block, Column, Row, Table};
use super::{
    BELOW_SUMS, BELOW_TEXT, GUTTER, HEAD, LEFT, Layout, MM, Measure, PADDING, REMARK, RIGHT, Shade,
    Style, TEXT,
};

/// Below a table.
const BELOW: f32 = 3.0 * MM;
/// As much of what is said below totals at least begins on their page.
const LONG_STORY: f32 = 40.0 * MM;

/// A row, broken into lines.
struct Lines {
    cells: Vec<Vec<String>>,
    remark: Vec<String>,
    remark_left: f32,
}

impl Lines {
    /// With what is around them.
    fn height(&self) -> f32 {
        let remark = self.remark.len() as f32 * REMARK.leading();
        most(&self.cells) * TEXT.leading() + remark + 2.0 * PADDING
    }
}

/// How many lines the highest of some cells has.
fn most(cells: &[Vec<String>]) -> f32 {
    cells.iter().map(Vec::len).max().unwrap_or(0) as f32
}

impl<M: Measure> Layout<'_, M> {
    /// How much of a table stands together at least.
    pub(super) fn least_of_table(&self, table: &Table, after: &[Block]) -> f32 {
        let places = places(&table.columns);
        let heads = self.heads_height(&table.columns, &places);
        match &*table.rows {
            [] => heads + self.closing(after),
            [only] => heads + self.lines(table, &places, only).height() + self.closing(after),
            [first, ..] => heads + self.lines(table, &places, first).height(),
        }
    }

    /// What stands on the page of a table's last row: what is added up, and what is said
    /// about that, or how it begins.
    fn closing(&self, after: &[Block]) -> f32 {
        let (sums, texts) = match after {
            [Block::Sums(sums), texts @ ..] => (self.sums_height(sums) + BELOW_SUMS, texts),
            texts => (0.0, texts),
        };
        let texts = texts.iter().map_while(|block| match block {
            Block::Paragraph(text) => Some(self.flow_height(TEXT, text) + BELOW_TEXT),
            Block::Remark(text) => Some(self.flow_height(REMARK, text) + BELOW_TEXT),
            Block::Heading(_) | Block::Table(_) | Block::Sums(_) => None,
        });
        BELOW + sums + texts.sum::<f32>().min(LONG_STORY)
    }

    pub(super) fn table(&mut self, table: &Table, after: &[Block]) {
        let places = places(&table.columns);
        let (heads, closing) = (
            self.heads_height(&table.columns, &places),
            self.closing(after),
        );
        let mut is_begun = false;
        for (row, left) in table.rows.iter().zip((0..table.rows.len()).rev()) {
            let lines = self.lines(table, &places, row);
            let above = if is_begun { 0.0 } else { heads };
            let below = if left == 0 { closing } else { 0.0 };
            if self.room(above + lines.height() + below) || !is_begun {
                self.heads(&table.columns, &places);
            }
            is_begun = true;
            self.row(table, &places, &lines);
        }
        if !is_begun {
            self.room(heads + closing);
            self.heads(&table.columns, &places);
        }
        self.y += BELOW;
    }

    fn heads_height(&self, columns: &[Column], places: &[(f32, f32)]) -> f32 {
        let cells: Vec<String> = columns.iter().map(|c| c.head.to_owned()).collect();
        let lines = self.cells(HEAD, columns, &cells, places);
        most(&lines) * HEAD.leading() + 2.0 * PADDING
    }

    fn heads(&mut self, columns: &[Column], places: &[(f32, f32)]) {
        let cells: Vec<String> = columns.iter().map(|c| c.head.to_owned()).collect();
        let lines = self.cells(HEAD, columns, &cells, places);
        self.put(HEAD, columns, places, &lines);
        self.y += most(&lines) * HEAD.leading() + PADDING;
        self.rule(LEFT, RIGHT, self.y, Shade::Grey);
        self.y += PADDING;
    }

    /// The lines of cells; numbers are not broken.
    fn cells(
        &self,
        style: Style,
        columns: &[Column],
        cells: &[String],
        places: &[(f32, f32)],
    ) -> Vec<Vec<String>> {
        let columns = columns.iter().zip(places);
        cells
            .iter()
            .zip(columns)
            .map(|(text, (column, (left, right)))| match column.align {
                Align::Right if !text.contains(' ') => vec![text.clone()],
                Align::Left | Align::Right => self.wrap(style, right - left, text),
            })
            .collect()
    }

    fn put(
        &mut self,
        style: Style,
        columns: &[Column],
        places: &[(f32, f32)],
        cells: &[Vec<String>],
    ) {
        for ((column, (left, right)), lines) in columns.iter().zip(places).zip(cells) {
            let mut top = self.y;
            for text in lines {
                match column.align {
                    Align::Left => self.line((*left, top), style, text),
                    Align::Right => {
                        // A number that is too long becomes smaller.
                        let fits = (right - left) / self.width(style, text).max(1.0);
                        let size = style.size * fits.min(1.0);
                        self.line_to((*right, top), Style { size, ..style }, text);
                    }
                }
                top += style.leading();
            }
        }
    }

    /// A row, broken into lines.
    fn lines(&self, table: &Table, places: &[(f32, f32)], row: &Row) -> Lines {
        // What is said about a row stands below everything but its first cell.
        let left = places.get(1).map_or(LEFT, |(left, _)| *left);
        let remark = row.remark.as_deref().unwrap_or_default();
        Lines {
            cells: self.cells(TEXT, &table.columns, &row.cells, places),
            remark: self.wrap(REMARK, RIGHT - left, remark),
            remark_left: left,
        }
    }

    fn row(&mut self, table: &Table, places: &[(f32, f32)], row: &Lines) {
        self.put(TEXT, &table.columns, places, &row.cells);
        self.y += most(&row.cells) * TEXT.leading();
        for text in &row.remark {
            self.line((row.remark_left, self.y), REMARK, text);
            self.y += REMARK.leading();
        }
        self.y += PADDING;
        self.rule(LEFT, RIGHT, self.y, Shade::Light);
        self.y += PADDING;
    }
}

/// Where columns begin and end.
fn places(columns: &[Column]) -> Vec<(f32, f32)> {
    let gutters = columns.len().saturating_sub(1) as f32 * GUTTER;
    let all: f32 = columns.iter().map(|column| column.width).sum();
    let unit = (RIGHT - LEFT - gutters) / all;
    let mut left = LEFT;
    columns
        .iter()
        .map(|column| {
            let right = left + column.width * unit;
            let place = (left, right);
            left = right + GUTTER;
            place
        })
        .collect()
}
