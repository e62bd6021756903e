//! What a note says.

use galen_kernel::{Text, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::model::Entry;
use super::super::view::EntryView;

/// A note: what is sealed of it. Fields may be added as optional ones, and bounds be
/// widened; whatever was ever recorded has to be read.
#[derive(Clone, Serialize, Deserialize)]
pub struct Note {
    /// What it is about.
    pub title: Option<Text<200>>,
    /// What it says.
    pub text: Text<20_000>,
}

impl Note {
    /// What it is about, or how it begins.
    #[must_use]
    pub fn heading(&self) -> String {
        match &self.title {
            Some(title) => title.as_str().to_owned(),
            None => self.text.as_str().chars().take(80).collect(),
        }
    }
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
            title: note.title.map(String::from),
            text: note.text.into(),
            effective_at,
        }
    }
}
