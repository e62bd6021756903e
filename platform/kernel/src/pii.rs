//! Personal data that does not print itself.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value about a person. `Debug` hides it, so that a stray log line or panic
/// message cannot spill it; reading it is always spelled out with [`Pii::expose`].
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Marks a value as personal.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Reads the value, deliberately.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Takes the value out, deliberately.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}
