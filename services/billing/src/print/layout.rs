//! Where on the paper everything stands: A4, the address where the window of an envelope
//! is (DIN 5008), heads of tables on every page, and page numbers. Pure.

mod table;

use super::document::{Block, Document, Sum};

/// Points of a millimetre.
const MM: f32 = 72.0 / 25.4;

/// Width of a page, in points.
pub const WIDTH: f32 = 210.0 * MM;
/// Height of a page, in points.
pub const HEIGHT: f32 = 297.0 * MM;

const LEFT: f32 = 20.0 * MM;
const RIGHT: f32 = WIDTH - 20.0 * MM;
/// Nothing of the body stands below.
const BOTTOM: f32 = HEIGHT - 24.0 * MM;
const FOOT: f32 = HEIGHT - 17.0 * MM;
/// Where the body begins on pages after the first.
const CONTINUED: f32 = 27.0 * MM;
const ADDRESS_TOP: f32 = 46.0 * MM;
const ADDRESS_WIDTH: f32 = 85.0 * MM;
/// Where it is said how to reach the hospital.
const REACH_LEFT: f32 = 120.0 * MM;
const FACTS_LEFT: f32 = 118.0 * MM;
const FACTS_VALUE: f32 = 147.0 * MM;
const TITLE_TOP: f32 = 96.0 * MM;
const SUMS_LEFT: f32 = 105.0 * MM;
/// What joins the parts of words, as of codes of services.
const JOINTS: [char; 4] = ['-', '/', '.', '_'];
/// Between columns.
const GUTTER: f32 = 6.0;
/// Below what is added up.
const BELOW_SUMS: f32 = 4.0 * MM;
/// Below a paragraph.
const BELOW_TEXT: f32 = 2.0 * MM;
/// Above and below the text of a row.
const PADDING: f32 = 3.0;

/// Weight of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// As usual.
    Regular,
    /// What is looked for.
    Bold,
}

/// How dark something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shade {
    /// What matters.
    Black,
    /// What explains.
    Grey,
    /// What separates.
    Light,
}

/// How text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// Weight.
    pub face: Face,
    /// Points.
    pub size: f32,
    /// Darkness.
    pub shade: Shade,
}

impl Style {
    const fn new(face: Face, size: f32, shade: Shade) -> Self {
        Self { face, size, shade }
    }

    /// From one line to the next.
    fn leading(self) -> f32 {
        self.size * 1.35
    }
}

const NAME: Style = Style::new(Face::Bold, 16.0, Shade::Black);
const SENDER: Style = Style::new(Face::Regular, 6.5, Shade::Grey);
const ADDRESS: Style = Style::new(Face::Regular, 10.5, Shade::Black);
const LABEL: Style = Style::new(Face::Regular, 8.5, Shade::Grey);
const FACT: Style = Style::new(Face::Regular, 8.5, Shade::Black);
const TITLE: Style = Style::new(Face::Bold, 15.0, Shade::Black);
const HEADING: Style = Style::new(Face::Bold, 10.5, Shade::Black);
const TEXT: Style = Style::new(Face::Regular, 9.0, Shade::Black);
const STRONG: Style = Style::new(Face::Bold, 9.0, Shade::Black);
const HEAD: Style = Style::new(Face::Bold, 8.0, Shade::Black);
const REMARK: Style = Style::new(Face::Regular, 7.5, Shade::Grey);

/// Something on a page; distances are points from its upper left corner.
#[derive(Clone, PartialEq)]
pub enum Mark {
    /// A text, from where its base line begins.
    Text {
        /// From the left.
        x: f32,
        /// From above.
        y: f32,
        /// How it is set.
        style: Style,
        /// What it says.
        text: String,
    },
    /// A horizontal rule.
    Rule {
        /// Its left end.
        from: f32,
        /// Its right end.
        to: f32,
        /// From above.
        y: f32,
        /// Darkness.
        shade: Shade,
    },
}

/// A page.
#[derive(Clone, Default, PartialEq)]
pub struct Sheet {
    /// What is on it, in the order of reading.
    pub marks: Vec<Mark>,
}

/// How wide texts are.
pub trait Measure {
    /// In points.
    fn width(&self, face: Face, size: f32, text: &str) -> f32;
}

/// Puts a document on pages.
#[must_use]
pub fn lay_out(document: &Document, measure: &impl Measure) -> Vec<Sheet> {
    let mut layout = Layout {
        document,
        measure,
        sheets: vec![Sheet::default()],
        y: 0.0,
    };
    layout.first();
    let mut rest = document.body.as_slice();
    while let [block, after @ ..] = rest {
        layout.block(block, after);
        rest = after;
    }
    layout.feet();
    layout.sheets
}

struct Layout<'a, M> {
    document: &'a Document,
    measure: &'a M,
    sheets: Vec<Sheet>,
    /// Where the next thing stands on the last sheet.
    y: f32,
}

impl<M: Measure> Layout<'_, M> {
    fn mark(&mut self, mark: Mark) {
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.marks.push(mark);
        }
    }

    fn rule(&mut self, from: f32, to: f32, y: f32, shade: Shade) {
        self.mark(Mark::Rule { from, to, y, shade });
    }

    /// A line of text whose upper edge is at `top`.
    fn line(&mut self, (x, top): (f32, f32), style: Style, text: &str) {
        if !text.is_empty() {
            self.mark(Mark::Text {
                x,
                y: top + style.size,
                style,
                text: text.to_owned(),
            });
        }
    }

    fn line_to(&mut self, (right, top): (f32, f32), style: Style, text: &str) {
        let x = right - self.width(style, text);
        self.line((x, top), style, text);
    }

    fn width(&self, style: Style, text: &str) -> f32 {
        self.measure.width(style.face, style.size, text)
    }

    /// Lines that are at most so wide: broken between words, and within those that are
    /// wider themselves, if possible where their parts are joined.
    fn wrap(&self, style: Style, width: f32, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = if line.is_empty() {
                word.to_owned()
            } else {
                format!("{line} {word}")
            };
            if self.width(style, &longer) <= width {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for letter in word.chars() {
                line.push(letter);
                if self.width(style, &line) > width && line.chars().count() > 1 {
                    let fits = line.len() - letter.len_utf8();
                    let joint = line[..fits].rfind(JOINTS).map(|joint| joint + 1);
                    let next = line.split_off(joint.unwrap_or(fits));
                    lines.push(std::mem::replace(&mut line, next));
                }
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    /// As much of a text as fits on a line.
    fn begin(&self, style: Style, width: f32, text: &str) -> String {
        let lines = self.wrap(style, width, text);
        lines.into_iter().next().unwrap_or_default()
    }

    /// The letterhead, the address, the facts and the title.
    fn first(&mut self) {
        let document = self.document;
        let from = &document.from;
        let mut name_end = 16.0 * MM;
        for text in self.wrap(NAME, REACH_LEFT - LEFT - GUTTER, &from.name) {
            self.line((LEFT, name_end), NAME, &text);
            name_end += NAME.leading();
        }
        let mut top = 14.0 * MM;
        for text in from.address.iter().chain(&from.contact) {
            for text in self.wrap(REMARK, RIGHT - REACH_LEFT, text) {
                self.line_to((RIGHT, top), REMARK, &text);
                top += REMARK.leading();
            }
        }
        let below = top.max(name_end).max(26.0 * MM) + 2.0 * MM;
        self.rule(LEFT, RIGHT, below, Shade::Light);

        let sender: Vec<&str> = std::iter::once(&from.name)
            .chain(&from.address)
            .map(String::as_str)
            .collect();
        let mut top = ADDRESS_TOP.max(below + 4.0 * MM);
        let facts_top = top;
        for text in self.wrap(SENDER, ADDRESS_WIDTH, &sender.join(" · ")) {
            self.line((LEFT, top), SENDER, &text);
            top += SENDER.leading();
        }
        top += 2.0 * MM;
        for text in &document.to {
            for text in self.wrap(ADDRESS, ADDRESS_WIDTH, text) {
                self.line((LEFT, top), ADDRESS, &text);
                top += ADDRESS.leading();
            }
        }
        let address_end = top;

        let mut top = facts_top;
        for (label, value) in &document.facts {
            self.line((FACTS_LEFT, top), LABEL, label);
            for text in self.wrap(FACT, RIGHT - FACTS_VALUE, value) {
                self.line((FACTS_VALUE, top), FACT, &text);
                top += FACT.leading();
            }
            top += 1.5;
        }
        self.y = TITLE_TOP.max(address_end + 6.0 * MM).max(top + 6.0 * MM);
        for text in self.wrap(TITLE, RIGHT - LEFT, &document.title) {
            self.line((LEFT, self.y), TITLE, &text);
            self.y += TITLE.leading();
        }
        self.y += 2.0 * MM;
    }

    fn next_page(&mut self) {
        let document = self.document;
        self.sheets.push(Sheet::default());
        let half = (RIGHT - LEFT - GUTTER) / 2.0;
        let name = self.begin(REMARK, half, &document.from.name);
        self.line((LEFT, 14.0 * MM), REMARK, &name);
        let title = self.begin(REMARK, half, &document.continued);
        self.line_to((RIGHT, 14.0 * MM), REMARK, &title);
        self.rule(LEFT, RIGHT, 20.0 * MM, Shade::Light);
        self.y = CONTINUED;
    }

    /// Turns the page when there is less room than that; one on which nothing stands has
    /// as much as there is.
    fn room(&mut self, height: f32) -> bool {
        let turn = self.y > CONTINUED && self.y + height > BOTTOM;
        if turn {
            self.next_page();
        }
        turn
    }

    /// Puts a block on the page, and knows what comes after it.
    fn block(&mut self, block: &Block, after: &[Block]) {
        match block {
            Block::Heading(text) => {
                self.room(self.heading(text) + self.least(after));
                self.y += 3.0 * MM;
                self.flow(HEADING, text);
                self.y += 1.0 * MM;
            }
            Block::Paragraph(text) => {
                self.flow(TEXT, text);
                self.y += BELOW_TEXT;
            }
            Block::Remark(text) => {
                self.flow(REMARK, text);
                self.y += BELOW_TEXT;
            }
            Block::Table(table) => self.table(table, after),
            Block::Sums(sums) => self.sums(sums),
        }
    }

    /// How much of what begins here stands together on a page: no heading stands without
    /// what it is of, no heads without a row, and no totals without the last row.
    fn least(&self, blocks: &[Block]) -> f32 {
        let Some((block, after)) = blocks.split_first() else {
            return 0.0;
        };
        match block {
            Block::Heading(text) => self.heading(text) + self.least(after),
            Block::Paragraph(_) => TEXT.leading(),
            Block::Remark(_) => REMARK.leading(),
            Block::Table(table) => self.least_of_table(table, after),
            Block::Sums(sums) => self.sums_height(sums),
        }
    }

    fn heading(&self, text: &str) -> f32 {
        self.flow_height(HEADING, text) + 4.0 * MM
    }

    fn flow_height(&self, style: Style, text: &str) -> f32 {
        self.wrap(style, RIGHT - LEFT, text).len() as f32 * style.leading()
    }

    fn flow(&mut self, style: Style, text: &str) {
        for text in self.wrap(style, RIGHT - LEFT, text) {
            self.room(style.leading());
            self.line((LEFT, self.y), style, &text);
            self.y += style.leading();
        }
    }

    /// The lines of what is added up.
    fn sum_lines(&self, sums: &[Sum]) -> Vec<Vec<String>> {
        let label = |sum: &Sum| {
            let amount = self.width(style(sum), &sum.amount);
            self.wrap(style(sum), RIGHT - SUMS_LEFT - amount - GUTTER, &sum.label)
        };
        sums.iter().map(label).collect()
    }

    fn sums_height(&self, sums: &[Sum]) -> f32 {
        let lines = self.sum_lines(sums);
        let height = |(sum, lines): (&Sum, &Vec<String>)| {
            lines.len() as f32 * style(sum).leading() + PADDING
        };
        sums.iter().zip(&lines).map(height).sum()
    }

    fn sums(&mut self, sums: &[Sum]) {
        self.room(self.sums_height(sums));
        let lines = self.sum_lines(sums);
        for (sum, lines) in sums.iter().zip(&lines) {
            if sum.is_result {
                self.rule(SUMS_LEFT, RIGHT, self.y, Shade::Grey);
                self.y += PADDING;
            }
            let top = self.y;
            for text in lines {
                self.line((SUMS_LEFT, self.y), style(sum), text);
                self.y += style(sum).leading();
            }
            self.line_to((RIGHT, top), style(sum), &sum.amount);
        }
        self.y += BELOW_SUMS;
    }

    /// What stands at the foot of every page; only now it is known how many there are.
    fn feet(&mut self) {
        let count = self.sheets.len();
        let sheets = std::mem::take(&mut self.sheets);
        for (sheet, number) in sheets.into_iter().zip(1..) {
            self.sheets.push(sheet);
            self.rule(LEFT, RIGHT, FOOT, Shade::Light);
            let page = format!("Page {number} of {count}");
            let room = RIGHT - LEFT - self.width(REMARK, &page) - 2.0 * GUTTER;
            let mut top = FOOT + PADDING;
            for text in self.wrap(REMARK, room, &self.document.from.foot()) {
                self.line((LEFT, top), REMARK, &text);
                top += REMARK.leading();
            }
            self.line_to((RIGHT, FOOT + PADDING), REMARK, &page);
        }
    }
}

/// How what is added up is set.
const fn style(sum: &Sum) -> Style {
    if sum.is_result { STRONG } else { TEXT }
}

#[cfg(test)]
mod tests;
