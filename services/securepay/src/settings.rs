//! What an operator can set, read once at the start.

use galen_service::Setting;

use crate::webhook::settings as webhook;

/// What can be set.
pub(crate) const SETTINGS: &[Setting] = &[webhook::SETTINGS[0], webhook::SETTINGS[1]];
