//! Where what a condition says is stored.

use galen_vault::Column;

use super::super::model::Kind;
use super::super::store::{Content, insert_content, select_entries};
use super::model::Condition;

impl Content for Condition {
    const KIND: Kind = Kind::Condition;
    const COLUMN: Column<Self> = Column::new("patients", "condition", "content");
    const INSERT: &'static str = insert_content!("condition");
    const PAGE: &'static str = select_entries!("condition");
}
