//! How far a permission goes.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How far a granted permission reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reach {
    /// What is the principal's own: their patient record, their practitioner record.
    Own,
    /// The patients the principal cares or cared for, and what is their own.
    Care,
    /// Everything.
    Any,
}

impl Reach {
    /// From the narrowest to the widest.
    pub const ALL: &[Self] = &[Self::Own, Self::Care, Self::Any];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "OWN",
            Self::Care => "CARE",
            Self::Any => "ANY",
        }
    }
}

impl FromStr for Reach {
    type Err = UnknownReach;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|reach| reach.name() == s)
            .ok_or(UnknownReach)
    }
}

/// Not the name of a reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a reach")]
pub struct UnknownReach;
