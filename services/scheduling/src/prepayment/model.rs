//! A prepayment as it is seen from an appointment. Pure.

use galen_kernel::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::price::Pricing;

/// Where a prepayment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AppointmentPrepaymentStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It is asked for.
    Requested,
    /// It is there.
    Held,
    /// The patient could not pay.
    Refused,
    /// It paid for an invoice.
    Applied,
    /// It went back to the patient.
    Released,
    /// A part or all of it was kept as a fee.
    Forfeited,
    /// It went on to the appointment that takes the place of this one.
    Moved,
}

impl Status {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Requested,
        Self::Held,
        Self::Refused,
        Self::Applied,
        Self::Released,
        Self::Forfeited,
        Self::Moved,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Held => "HELD",
            Self::Refused => "REFUSED",
            Self::Applied => "APPLIED",
            Self::Released => "RELEASED",
            Self::Forfeited => "FORFEITED",
            Self::Moved => "MOVED",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What a patient is asked to pay before an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prepayment {
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub status: Status,
}

impl Prepayment {
    /// What is asked for at a price, if anything is.
    #[must_use]
    pub fn asked(pricing: Pricing) -> Option<Self> {
        Some(Self {
            amount: pricing.quote()?.asked()?,
            status: Status::Requested,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_name_everywhere() {
        for status in Status::ALL {
            assert_eq!(Status::named(status.name()), Some(status));
            let json = serde_json::to_value(status).ok();
            assert_eq!(json, Some(status.name().into()));
        }
        assert_eq!(Status::named("held"), None);
    }
}
