//! Where what a vital sign says is stored.

use galen_vault::Column;

use super::super::model::Kind;
use super::super::store::{Content, insert_content, select_entries};
use super::model::Vital;

impl Content for Vital {
    const KIND: Kind = Kind::Vital;
    const COLUMN: Column<Self> = Column::new("patients", "vital", "content");
    const INSERT: &'static str = insert_content!("vital");
    const PAGE: &'static str = select_entries!("vital");
}
