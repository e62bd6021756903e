//! Roles and what they may.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Permission;

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

/// How far a granted permission reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// What is the principal's own: their patient record, their practitioner record.
    Own,
    /// The patients the principal cares or cared for, and what is their own.
    Care,
    /// Everything.
    Any,
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

    /// How far this role's permission reaches; `None` when it has not got it.
    #[must_use]
    pub const fn grants(self, permission: Permission) -> Option<Reach> {
        use Permission as P;
        use Reach::{Any, Care, Own};
        match (self, permission) {
            (Self::Admin, P::RecordRead | P::RecordWrite | P::BreakGlass | P::AppointmentTreat) => {
                None
            }
            (Self::Admin, _) => Some(Any),
            (
                Self::Receptionist,
                P::PatientRead
                | P::PatientWrite
                | P::PatientMerge
                | P::StaffRead
                | P::SlotRead
                | P::AppointmentRead
                | P::AppointmentBook
                | P::AppointmentAttend
                | P::NotificationRead
                | P::PreferenceManage
                | P::StreamRead,
            ) => Some(Any),
            (
                Self::Doctor,
                P::PatientRead
                | P::RecordRead
                | P::RecordWrite
                | P::StaffRead
                | P::SlotRead
                | P::AppointmentRead
                | P::AppointmentBook
                | P::AppointmentAttend
                | P::AppointmentTreat
                | P::StreamRead,
            ) => Some(Any),
            (Self::Doctor, P::BreakGlass) => Some(Care),
            (Self::Doctor, P::LeaveRead | P::LeaveRequest) => Some(Own),
            (
                Self::Nurse,
                P::PatientRead
                | P::RecordRead
                | P::RecordWrite
                | P::StaffRead
                | P::SlotRead
                | P::AppointmentRead
                | P::AppointmentAttend
                | P::StreamRead,
            ) => Some(Any),
            (Self::Nurse, P::LeaveRead | P::LeaveRequest) => Some(Own),
            (Self::LabTechnician | Self::Pharmacist, P::PatientRead | P::StaffRead) => Some(Any),
            (
                Self::Billing,
                P::PatientRead | P::StaffRead | P::AppointmentRead | P::NotificationRead,
            ) => Some(Any),
            (
                Self::Operator,
                P::OpsRead
                | P::OpsManage
                | P::NotificationRead
                | P::NotificationManage
                | P::UserRead
                | P::StreamRead,
            ) => Some(Any),
            (
                Self::Auditor,
                P::UserRead
                | P::PatientRead
                | P::AccessLogRead
                | P::BreakGlassReview
                | P::StaffRead
                | P::LeaveRead
                | P::AppointmentRead
                | P::NotificationRead
                | P::OpsRead
                | P::AuditRead,
            ) => Some(Any),
            (Self::Patient, P::SlotRead) => Some(Any),
            (
                Self::Patient,
                P::PatientRead
                | P::PatientWrite
                | P::RecordRead
                | P::AccessLogRead
                | P::AppointmentRead
                | P::AppointmentBook
                | P::PreferenceManage
                | P::NotificationRead
                | P::StreamRead,
            ) => Some(Own),
            _ => None,
        }
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
