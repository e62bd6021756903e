//! Who is asking.

use galen_contracts::ids::{PatientId, PractitionerId, SessionId, UserId};

use crate::policy::{self, Holder};
use crate::{Grants, Permission, Reach, Role};

/// An authenticated caller, as the access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub user_id: UserId,
    /// The login.
    pub session_id: SessionId,
    /// Its built-in roles.
    pub roles: Vec<Role>,
    /// What its custom roles grant.
    pub grants: Grants,
    /// The patient this account belongs to.
    pub patient_id: Option<PatientId>,
    /// The practitioner this account belongs to.
    pub practitioner_id: Option<PractitionerId>,
}

/// How far the caller's permission for one request reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Any,
    /// The patients the caller cares or cared for. Only the service that owns the data
    /// can tell which those are, by its own read model; without one, it reaches no
    /// further than [`Scope::Own`].
    Care {
        /// The caller's practitioner record.
        practitioner: PractitionerId,
        /// The caller's own patient record, where the permission reaches it as well.
        patient: Option<PatientId>,
    },
    /// Only what belongs to these records.
    Own {
        /// The caller's patient record.
        patient: Option<PatientId>,
        /// The caller's practitioner record.
        practitioner: Option<PractitionerId>,
    },
}

impl Principal {
    /// This caller as the policies see them.
    #[must_use]
    pub fn holder(&self) -> Holder {
        Holder::new(
            &self.roles,
            &self.grants,
            self.patient_id.is_some(),
            self.practitioner_id.is_some(),
        )
    }

    /// How far a permission reaches for this caller; `None` when no policy grants it.
    #[must_use]
    pub fn reach(&self, permission: Permission) -> Option<Reach> {
        policy::reach(&self.holder(), permission)
    }

    /// As [`Principal::reach`], with the records that bound it.
    #[must_use]
    pub fn scope(&self, permission: Permission) -> Option<Scope> {
        match self.reach(permission)? {
            Reach::Any => Some(Scope::Any),
            Reach::Care => Some(self.practitioner_id.map_or(
                Scope::Own {
                    patient: self.patient_id,
                    practitioner: None,
                },
                |practitioner| Scope::Care {
                    practitioner,
                    patient: self.patient_id,
                },
            )),
            Reach::Own => Some(Scope::Own {
                patient: self.patient_id,
                practitioner: self.practitioner_id,
            }),
        }
    }

    /// Whether a permission reaches everything.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.scope(permission) == Some(Scope::Any)
    }
}

impl Scope {
    /// The caller's own patient record, where the scope is bounded and reaches it.
    #[must_use]
    pub const fn own_patient(&self) -> Option<PatientId> {
        match self {
            Self::Any => None,
            Self::Care { patient, .. } | Self::Own { patient, .. } => *patient,
        }
    }

    /// Whether a patient's things are within reach for certain. Under
    /// [`Scope::Care`] the service must look itself whom the caller cares for.
    #[must_use]
    pub fn covers_patient(&self, id: PatientId) -> bool {
        match self {
            Self::Any => true,
            Self::Care { patient, .. } | Self::Own { patient, .. } => *patient == Some(id),
        }
    }

    /// Whether a practitioner's things are within reach.
    #[must_use]
    pub fn covers_practitioner(&self, id: PractitionerId) -> bool {
        match self {
            Self::Any => true,
            Self::Care { practitioner, .. } => *practitioner == id,
            Self::Own { practitioner, .. } => *practitioner == Some(id),
        }
    }
}
