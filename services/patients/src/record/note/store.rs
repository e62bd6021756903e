//! Where what a note says is stored.

use galen_vault::Column;

use super::super::model::Kind;
use super::super::store::{Content, insert_content, select_entries};
use super::model::Note;

impl Content for Note {
    const KIND: Kind = Kind::Note;
    const COLUMN: Column<Self> = Column::new("patients", "note", "content");
    const INSERT: &'static str = insert_content!("note");
    const PAGE: &'static str = select_entries!("note");
}
