//! Nothing is lost, nothing overlaps, and nothing leaves the paper.

use proptest::prelude::*;

use super::super::document::{Column, Row, Table};
use super::super::letterhead::{Letterhead, SHORT};
use super::*;

/// Every letter is half as wide as it is high.
struct Typewriter;

impl Measure for Typewriter {
    fn width(&self, _: Face, size: f32, text: &str) -> f32 {
        text.chars().count() as f32 * size * 0.5
    }
}

fn row(cells: [&str; 3], remark: Option<&str>) -> Row {
    Row {
        cells: cells.iter().map(|&cell| cell.to_owned()).collect(),
        remark: remark.map(str::to_owned),
    }
}

fn document(rows: Vec<Row>) -> Document {
    let table = Table {
        columns: vec![
            Column::text("Day", 20.0),
            Column::text("What", 60.0),
            Column::number("Amount", 20.0),
        ],
        rows,
    };
    Document {
        title: "Invoice 1".to_owned(),
        continued: "Invoice 1 of Ada".to_owned(),
        dated: None,
        from: Letterhead::default(),
        to: vec!["Ada Lovelace".to_owned(), "1 High Street".to_owned()],
        facts: vec![("Invoice", "1".to_owned())],
        body: vec![
            Block::Table(table),
            Block::Sums(vec![
                Sum::part("A part", "1.00".to_owned()),
                Sum::result("All", "2.00".to_owned()),
            ]),
            Block::Heading("Further".to_owned()),
            Block::Paragraph("That is all.".to_owned()),
            Block::Remark("Really.".to_owned()),
        ],
    }
}

fn texts(sheets: &[Sheet]) -> Vec<String> {
    let marks = sheets.iter().flat_map(|sheet| &sheet.marks);
    marks
        .filter_map(|mark| match mark {
            Mark::Text { text, .. } => Some(text.clone()),
            Mark::Rule { .. } => None,
        })
        .collect()
}

/// The text with its ends in points, and its base line.
fn boxes(sheet: &Sheet) -> Vec<(f32, f32, f32, f32)> {
    let marks = sheet.marks.iter();
    marks
        .filter_map(|mark| match mark {
            Mark::Text { x, y, style, text } => {
                let width = Typewriter.width(style.face, style.size, text);
                Some((*x, x + width, y - style.size, *y))
            }
            Mark::Rule { .. } => None,
        })
        .collect()
}

#[test]
fn a_short_document_is_one_page() {
    let sheets = lay_out(&document(vec![row(["a", "b", "c"], None)]), &Typewriter);
    assert_eq!(sheets.len(), 1);
    let texts = texts(&sheets);
    for expected in ["Ada Lovelace", "Invoice 1", "b", "2.00", "Page 1 of 1"] {
        assert!(texts.iter().any(|text| text == expected), "{expected}");
    }
}

#[test]
fn a_long_table_goes_on_below_its_heads() {
    let rows: Vec<Row> = (0..200)
        .map(|n| {
            row(
                ["2026-03-02", &format!("Service {n}"), "10.00"],
                Some("why"),
            )
        })
        .collect();
    let sheets = lay_out(&document(rows), &Typewriter);
    assert!(sheets.len() > 4);
    for (sheet, number) in sheets.iter().zip(1..) {
        let texts = texts(std::slice::from_ref(sheet));
        let page = format!("Page {number} of {}", sheets.len());
        assert!(texts.contains(&page));
        let has_title = texts.contains(&"Invoice 1".to_owned());
        let has_short = texts.contains(&"Invoice 1 of Ada".to_owned());
        assert_eq!((has_title, has_short), (number == 1, number > 1), "{page}");
        let has_rows = texts.iter().any(|text| text.starts_with("Service"));
        assert!(!has_rows || texts.contains(&"Amount".to_owned()), "{page}");
    }
}

#[test]
fn what_is_added_up_stays_together() {
    for count in 0..60 {
        let rows = (0..count).map(|_| row(["a", "b", "c"], None)).collect();
        let sheets = lay_out(&document(rows), &Typewriter);
        let page_of = |wanted: &str| page_of(&sheets, wanted);
        assert_eq!(page_of("1.00"), page_of("2.00"), "{count} rows");
        assert_eq!(page_of("Further"), page_of("That is all."), "{count} rows");
    }
}

/// The page on which a text stands.
fn page_of(sheets: &[Sheet], wanted: &str) -> Option<usize> {
    let holds = |sheet: &Sheet| texts(std::slice::from_ref(sheet)).contains(&wanted.to_owned());
    sheets.iter().position(holds)
}

#[test]
fn totals_stand_below_the_last_row() {
    for count in 1..90 {
        let mut rows: Vec<Row> = (1..count).map(|_| row(["a", "b", "c"], None)).collect();
        rows.push(row(["a", "last", "c"], Some("why")));
        let sheets = lay_out(&document(rows), &Typewriter);
        let totals = page_of(&sheets, "1.00");
        assert_eq!(page_of(&sheets, "last"), totals, "{count} rows");
        assert!(totals.is_some());
    }
}

#[test]
fn what_is_said_about_totals_begins_below_them() {
    for said in ["First, please pay.".to_owned(), "First ".repeat(2000)] {
        for count in 1..60 {
            let rows = (0..count).map(|_| row(["a", "b", "c"], None)).collect();
            let mut document = document(rows);
            document.body.truncate(2);
            document.body.push(Block::Paragraph(said.clone()));
            let sheets = lay_out(&document, &Typewriter);
            let begins = |text: &String| text.starts_with("First");
            let first = texts(&sheets).into_iter().find(begins);
            let said_on = page_of(&sheets, &first.expect("it is said"));
            assert_eq!(said_on, page_of(&sheets, "1.00"), "{count} rows");
        }
    }
}

#[test]
fn codes_are_broken_where_their_parts_are_joined() {
    let code = "IMAGING-OF-".repeat(12);
    let sheets = lay_out(&document(vec![row(["a", &code, "c"], None)]), &Typewriter);
    let lines = texts(&sheets);
    let parts = lines.iter().filter(|text| text.contains("IMAGING"));
    let parts: Vec<&String> = parts.collect();
    assert!(parts.len() > 1);
    assert!(parts.iter().all(|part| part.ends_with('-')), "{parts:?}");
}

#[test]
fn no_heads_stand_without_a_row_and_no_heading_without_what_follows() {
    let tall = "many words ".repeat(60);
    for before in 0..120 {
        let mut document = document(vec![
            row(["first", &tall, "1.00"], Some(&tall)),
            row(["second", "b", "2.00"], None),
        ]);
        let heading = Block::Heading("What was done".to_owned());
        document.body.insert(0, heading);
        let filling = (0..before).map(|_| Block::Remark("filling".to_owned()));
        document.body.splice(0..0, filling);
        let sheets = lay_out(&document, &Typewriter);
        let first = page_of(&sheets, "first");
        assert_eq!(page_of(&sheets, "Day"), first, "{before} lines before");
        assert_eq!(
            page_of(&sheets, "What was done"),
            first,
            "{before} lines before"
        );
        let is_empty = |sheet: &Sheet| sheet.marks.len() < 5;
        assert!(!sheets.iter().any(is_empty), "{before} lines before");
    }
}

#[test]
fn numbers_stand_below_each_other() {
    let rows = vec![
        row(["a", "b", "1.00"], None),
        row(["a", "b", "1,000.00"], None),
    ];
    let sheets = lay_out(&document(rows), &Typewriter);
    let ends: Vec<f32> = sheets[0]
        .marks
        .iter()
        .filter_map(|mark| match mark {
            Mark::Text { x, text, style, .. } if text.ends_with("0.00") || text == "1.00" => {
                Some(x + Typewriter.width(style.face, style.size, text))
            }
            _ => None,
        })
        .collect();
    assert!(ends.len() > 2);
    assert!(
        ends.iter().all(|end| (end - RIGHT).abs() < 0.01),
        "{ends:?}"
    );
}

proptest! {
    #[test]
    fn nothing_is_lost_or_leaves_the_paper(
        rows in prop::collection::vec(("[a-z]{0,30}( [a-z]{1,30}){0,12}", "[0-9]{1,40}", prop::option::of("[a-z ]{0,200}")), 0..60),
        to in prop::collection::vec("[A-Za-z]{0,120}( [A-Za-z]{0,60}){0,3}", 0..6),
        title in "[A-Z]{1,60}( [a-z]{0,40}){0,4}",
        name in "[A-Z]{1,120}|([A-Z]{1,8} ){1,13}",
        reach in prop::collection::vec("[A-Z]{1,120}|([A-Z]{1,8} ){1,13}", 0..5),
    ) {
        let wanted: Vec<String> = rows.iter().map(|(what, ..)| what.replace(' ', "")).collect();
        let mut document = document(
            rows.iter().map(|(what, amount, remark)| row(["2026-03-02", what, amount], remark.as_deref())).collect(),
        );
        document.to = to;
        document.title = title;
        document.from.address.clone_from(&reach);
        document.from.contact = reach;
        document.from.tax_number = Some("T".repeat(SHORT));
        document.from.account = Some("4".repeat(SHORT));
        document.from.name = name;
        let sheets = lay_out(&document, &Typewriter);
        let all: String = texts(&sheets).concat().replace(' ', "");
        let mut rest = all.as_str();
        for wanted in &wanted {
            // A row that is broken over lines is still in its order; what stands between
            // are the other cells.
            for letter in wanted.chars() {
                let at = rest.find(letter);
                prop_assert!(at.is_some(), "{wanted} is lost");
                rest = &rest[at.unwrap_or_default() + letter.len_utf8()..];
            }
        }
        for sheet in &sheets {
            let boxes = boxes(sheet);
            for (n, (left, right, top, base)) in boxes.iter().enumerate() {
                prop_assert!(*left >= LEFT - 0.1 && *right <= RIGHT + 0.1 && *top >= 0.0 && *base <= HEIGHT - 5.0 * MM);
                for (other_left, other_right, other_top, other_base) in &boxes[n + 1..] {
                    let apart = right <= other_left || other_right <= left || base <= other_top || other_base <= top;
                    prop_assert!(apart, "texts overlap on a page");
                }
            }
        }
    }
}
