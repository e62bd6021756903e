//! What an appointment is for, and who is to pay.

use galen_contracts::scheduling::v1 as contract;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an appointment is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceType {
    /// Seeing a practitioner.
    Consultation,
    /// An operation.
    Surgery,
    /// An injection and its papers.
    Vaccination,
    /// A short visit after another.
    FollowUp,
    /// Anything done to a patient short of surgery.
    Procedure,
}

impl ServiceType {
    /// Every type.
    pub const ALL: &[Self] = &[
        Self::Consultation,
        Self::Surgery,
        Self::Vaccination,
        Self::FollowUp,
        Self::Procedure,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consultation => "CONSULTATION",
            Self::Surgery => "SURGERY",
            Self::Vaccination => "VACCINATION",
            Self::FollowUp => "FOLLOW_UP",
            Self::Procedure => "PROCEDURE",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// How many minutes it usually takes: the grid of free slots.
    #[must_use]
    pub const fn minutes(self) -> i16 {
        match self {
            Self::Consultation => 30,
            Self::Surgery => 120,
            Self::Vaccination => 10,
            Self::FollowUp => 15,
            Self::Procedure => 60,
        }
    }

    /// The same as a length of time.
    #[must_use]
    pub fn length(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.minutes()))
    }

    /// As events carry it.
    #[must_use]
    pub const fn to_wire(self) -> contract::ServiceType {
        match self {
            Self::Consultation => contract::ServiceType::Consultation,
            Self::Surgery => contract::ServiceType::Surgery,
            Self::Vaccination => contract::ServiceType::Vaccination,
            Self::FollowUp => contract::ServiceType::FollowUp,
            Self::Procedure => contract::ServiceType::Procedure,
        }
    }
}

/// Who is to pay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentMode {
    /// The patient.
    #[default]
    SelfPay,
    /// The patient's insurer, as far as the plan goes.
    Insurance,
}

impl PaymentMode {
    /// Every mode.
    pub const ALL: &[Self] = &[Self::SelfPay, Self::Insurance];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SelfPay => "SELF_PAY",
            Self::Insurance => "INSURANCE",
        }
    }

    /// The mode of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.name() == name)
    }

    /// As events carry it.
    #[must_use]
    pub const fn to_wire(self) -> contract::PaymentMode {
        match self {
            Self::SelfPay => contract::PaymentMode::SelfPay,
            Self::Insurance => contract::PaymentMode::Insurance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_one_name_everywhere() {
        for kind in ServiceType::ALL {
            assert_eq!(ServiceType::named(kind.name()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).ok(), Some(kind.name().into()));
            assert_eq!(
                kind.to_wire().as_str_name(),
                format!("SERVICE_TYPE_{}", kind.name())
            );
        }
        assert_eq!(ServiceType::named("SURGERIES"), None);
    }

    #[test]
    fn every_mode_has_one_name_everywhere() {
        for mode in PaymentMode::ALL {
            assert_eq!(PaymentMode::named(mode.name()), Some(*mode));
            assert_eq!(serde_json::to_value(mode).ok(), Some(mode.name().into()));
            assert_eq!(
                mode.to_wire().as_str_name(),
                format!("PAYMENT_MODE_{}", mode.name())
            );
        }
    }
}
