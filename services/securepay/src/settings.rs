//! What an operator can set, read once at the start.

use galen_service::Setting;

use crate::provider::settings as provider;
use crate::webhook::settings as webhook;

/// What can be set.
pub(crate) const SETTINGS: &[Setting] = &[
    webhook::SETTINGS[0],
    webhook::SETTINGS[1],
    provider::SETTINGS[0],
    provider::SETTINGS[1],
    provider::SETTINGS[2],
    provider::SETTINGS[3],
    provider::SETTINGS[4],
    provider::SETTINGS[5],
    provider::SETTINGS[6],
];
