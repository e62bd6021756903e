//! What a note says.

use galen_kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::model::Entry;
use super::super::view::EntryView;

/// Most characters of a note.
pub const LONGEST: usize = 20_000;

/// A note.
#[derive(Clone)]
pub struct Note {
    /// What it is about.
    pub title: Option<String>,
    /// What it says.
    pub text: String,
}

/// A note in the record.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Note)]
pub struct NoteView {
    /// The entry.
    #[serde(flatten)]
    entry: EntryView,
    /// What it is about.
    title: Option<String>,
    /// What it says.
    text: String,
    /// When it was true of the patient.
    effective_at: Timestamp,
}

impl From<(Entry, Note)> for NoteView {
    fn from((entry, note): (Entry, Note)) -> Self {
        let effective_at = entry.happened_at;
        Self {
            entry: entry.into(),
            title: note.title,
            text: note.text,
            effective_at,
        }
    }
}
