//! Where what an allergy says is stored.

use galen_vault::Column;

use super::super::model::Kind;
use super::super::store::{Content, insert_content, select_entries};
use super::model::Allergy;

impl Content for Allergy {
    const KIND: Kind = Kind::Allergy;
    const COLUMN: Column<Self> = Column::new("patients", "allergy", "content");
    const INSERT: &'static str = insert_content!("allergy");
    const PAGE: &'static str = select_entries!("allergy");
}
