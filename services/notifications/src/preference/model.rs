//! What is switched off, when it is quiet, and in which language.

use std::collections::BTreeSet;

use crate::preference::QuietHours;
use crate::template::{Category, Channel, Locale};

/// How a patient wants to be told. The default: everything, at any time, in the
/// language on record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preferences {
    /// Instead of the language on record.
    pub language: Option<Locale>,
    /// When telephones should not ring.
    pub quiet: Option<QuietHours>,
    /// What is switched off.
    pub muted: BTreeSet<(Category, Channel)>,
}

impl Preferences {
    /// The categories that can be switched off.
    pub const CATEGORIES: &[Category] = &[
        Category::Appointment,
        Category::Reminder,
        Category::Waitlist,
    ];

    /// Whether a message of this category may come this way. Messages about the
    /// account itself always may: who forgot a password needs them. So may those about
    /// who opened the record: nobody else may switch them off for the patient.
    #[must_use]
    pub fn wants(&self, category: Category, channel: Channel) -> bool {
        matches!(category, Category::Account | Category::Privacy)
            || !self.muted.contains(&(category, channel))
    }
}
