//! What an operator can set, read once at the start.

use std::sync::LazyLock;

use galen_service::Setting;

use crate::provider::settings as provider;
use crate::webhook::settings as webhook;

/// What can be set.
pub(crate) static SETTINGS: LazyLock<Vec<Setting>> =
    LazyLock::new(|| [webhook::SETTINGS, provider::SETTINGS].concat());
