//! What a printed document says, before anybody knows where on the paper.
//!
//! Holds names and addresses: no `Debug`, and never stored.

use jiff::civil::Date;

use super::letterhead::Letterhead;

/// A document for a patient.
#[derive(Clone)]
pub struct Document {
    /// What it is, with its number.
    pub title: String,
    /// What stands above its other pages, so that they are not mixed up.
    pub continued: String,
    /// The day it is of; files that are to be kept have one.
    pub dated: Option<Date>,
    /// Who it is from.
    pub from: Letterhead,
    /// Who it is for: the lines of an envelope.
    pub to: Vec<String>,
    /// What is looked for first: names and values.
    pub facts: Vec<(&'static str, String)>,
    /// The rest, from top to bottom.
    pub body: Vec<Block>,
}

/// A part of a document.
#[derive(Clone)]
pub enum Block {
    /// A heading within it.
    Heading(String),
    /// Running text.
    Paragraph(String),
    /// Running text that matters less.
    Remark(String),
    /// Rows below heads, which are repeated on every page.
    Table(Table),
    /// Amounts below each other, on one page.
    Sums(Vec<Sum>),
}

/// Rows of cells below heads.
#[derive(Clone)]
pub struct Table {
    /// From left to right.
    pub columns: Vec<Column>,
    /// From top to bottom.
    pub rows: Vec<Row>,
}

/// A column of a table.
#[derive(Clone)]
pub struct Column {
    /// What is in it.
    pub head: &'static str,
    /// Its part of the width, compared with the other columns.
    pub width: f32,
    /// Where its cells stand.
    pub align: Align,
}

/// Where text stands in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// From the left.
    Left,
    /// Up to the right.
    Right,
}

/// A row of a table.
#[derive(Clone)]
pub struct Row {
    /// One for each column.
    pub cells: Vec<String>,
    /// What is said about it, below it.
    pub remark: Option<String>,
}

/// A line of an addition.
#[derive(Clone)]
pub struct Sum {
    /// Of what.
    pub label: String,
    /// How much.
    pub amount: String,
    /// What the others lead to.
    pub is_result: bool,
}

impl Column {
    /// Text.
    #[must_use]
    pub const fn text(head: &'static str, width: f32) -> Self {
        Self {
            head,
            width,
            align: Align::Left,
        }
    }

    /// Numbers.
    #[must_use]
    pub const fn number(head: &'static str, width: f32) -> Self {
        Self {
            head,
            width,
            align: Align::Right,
        }
    }
}

impl Sum {
    /// A part.
    #[must_use]
    pub fn part(label: impl Into<String>, amount: String) -> Self {
        Self {
            label: label.into(),
            amount,
            is_result: false,
        }
    }

    /// What the parts above lead to.
    #[must_use]
    pub fn result(label: impl Into<String>, amount: String) -> Self {
        Self {
            label: label.into(),
            amount,
            is_result: true,
        }
    }
}
