//! The roles that every hospital has. What they may is in `policies/`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::policy::{self, Holder};
use crate::{Grants, Permission, Reach};

/// A role of the hospital.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Runs the system: accounts, staff, everything but clinical content.
    Admin,
    /// The front desk.
    Receptionist,
    /// Treats patients.
    Doctor,
    /// Cares for patients.
    Nurse,
    /// Runs the laboratory.
    LabTechnician,
    /// Runs the pharmacy and the store.
    Pharmacist,
    /// Invoices and claims.
    Billing,
    /// On call for the system itself.
    Operator,
    /// Reads what was done.
    Auditor,
    /// Sees their own.
    Patient,
}

impl Role {
    /// Every role.
    pub const ALL: &[Self] = &[
        Self::Admin,
        Self::Receptionist,
        Self::Doctor,
        Self::Nurse,
        Self::LabTechnician,
        Self::Pharmacist,
        Self::Billing,
        Self::Operator,
        Self::Auditor,
        Self::Patient,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Receptionist => "RECEPTIONIST",
            Self::Doctor => "DOCTOR",
            Self::Nurse => "NURSE",
            Self::LabTechnician => "LAB_TECHNICIAN",
            Self::Pharmacist => "PHARMACIST",
            Self::Billing => "BILLING",
            Self::Operator => "OPERATOR",
            Self::Auditor => "AUDITOR",
            Self::Patient => "PATIENT",
        }
    }

    /// How far a permission of this role reaches at most, for a holder to whom a
    /// patient's and a practitioner's record belong; `None` when it has not got it.
    #[must_use]
    pub fn grants(self, permission: Permission) -> Option<Reach> {
        let holder = Holder::new(&[self], &Grants::default(), true, true);
        policy::reach(&holder, permission)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|role| role.name() == s)
            .ok_or(UnknownRole)
    }
}

/// Not the name of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a role")]
pub struct UnknownRole;
