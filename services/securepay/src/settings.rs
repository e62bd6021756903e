//! What an operator can set, read once at the start.

use galen_service::Setting;

/// What can be set.
pub(crate) const SETTINGS: &[Setting] = &crate::provider::settings::SETTINGS;
