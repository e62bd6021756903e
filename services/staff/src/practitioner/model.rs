//! A practitioner and the rules of changing one. Pure.

use galen_contracts::ids::{PractitionerId, UserId};
use galen_contracts::staff::v1::{PractitionerChanged, PractitionerRegistered};
use galen_kernel::{Pii, Problem};

/// A number that another system knows a practitioner by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identifier {
    /// Who gave it: a URI or another agreed name.
    pub system: String,
    /// The number.
    pub value: String,
}

/// What is known about a practitioner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Given name.
    pub given_name: Pii<String>,
    /// Family name.
    pub family_name: Pii<String>,
    /// Work address.
    pub email: Option<Pii<String>>,
    /// What they practise.
    pub specialty: String,
    /// Licence to practise.
    pub license_number: Pii<String>,
    /// Where they belong.
    pub department: String,
    /// The account they log in with.
    pub user_id: Option<UserId>,
    /// What other systems call them.
    pub identifiers: Vec<Identifier>,
}

/// What is to be different; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Given name.
    pub given_name: Option<Pii<String>>,
    /// Family name.
    pub family_name: Option<Pii<String>>,
    /// Work address; the inner `None` removes it.
    pub email: Option<Option<Pii<String>>>,
    /// What they practise.
    pub specialty: Option<String>,
    /// Licence to practise.
    pub license_number: Option<Pii<String>>,
    /// Where they belong.
    pub department: Option<String>,
    /// The linked account; the inner `None` unlinks it.
    pub user_id: Option<Option<UserId>>,
    /// All identifiers there are to be.
    pub identifiers: Option<Vec<Identifier>>,
}

/// A registered practitioner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Practitioner {
    /// Its id.
    pub id: PractitionerId,
    /// What is known.
    pub profile: Profile,
    /// Still practises here.
    pub active: bool,
    /// Rises by one with every change.
    pub version: i64,
}

/// Why a command on a practitioner is refused.
#[derive(Debug, thiserror::Error)]
pub enum PractitionerError {
    /// There is none.
    #[error("no such practitioner")]
    Unknown,
    /// Has been deactivated.
    #[error("the practitioner is not active")]
    Inactive,
    /// Somebody else has the licence number.
    #[error("the licence number is registered")]
    LicenseNumberExists,
    /// Somebody else has an identifier.
    #[error("an identifier is registered")]
    IdentifierExists,
    /// Somebody else is linked to the account.
    #[error("the account is linked to another practitioner")]
    UserLinked,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
}

impl From<PractitionerError> for Problem {
    fn from(error: PractitionerError) -> Self {
        match error {
            PractitionerError::Unknown => Self::not_found(),
            PractitionerError::Inactive => {
                Self::conflict("PRACTITIONER_INACTIVE", "The practitioner is not active.")
            }
            PractitionerError::LicenseNumberExists => Self::conflict(
                "LICENSE_NUMBER_EXISTS",
                "Another practitioner has this licence number.",
            ),
            PractitionerError::IdentifierExists => Self::conflict(
                "IDENTIFIER_EXISTS",
                "Another practitioner has one of these identifiers.",
            ),
            PractitionerError::UserLinked => Self::conflict(
                "USER_LINKED",
                "The account belongs to another practitioner.",
            ),
            PractitionerError::Storage(error) => error.into(),
        }
    }
}

impl Profile {
    /// The profile after a change.
    #[must_use]
    pub fn with(&self, change: Change) -> Self {
        let mut identifiers = change
            .identifiers
            .unwrap_or_else(|| self.identifiers.clone());
        identifiers.sort();
        Self {
            given_name: change.given_name.unwrap_or_else(|| self.given_name.clone()),
            family_name: change
                .family_name
                .unwrap_or_else(|| self.family_name.clone()),
            email: change.email.unwrap_or_else(|| self.email.clone()),
            specialty: change.specialty.unwrap_or_else(|| self.specialty.clone()),
            license_number: change
                .license_number
                .unwrap_or_else(|| self.license_number.clone()),
            department: change.department.unwrap_or_else(|| self.department.clone()),
            user_id: change.user_id.unwrap_or(self.user_id),
            identifiers,
        }
    }

    /// Whether others must hear that this became `after`: licence, address and
    /// identifiers are nobody's business but ours.
    #[must_use]
    pub fn differs_for_others(&self, after: &Self) -> bool {
        self.given_name != after.given_name
            || self.family_name != after.family_name
            || self.specialty != after.specialty
            || self.department != after.department
            || self.user_id != after.user_id
    }
}

impl Practitioner {
    /// Changes the profile; `None` when it already is as wished.
    #[must_use]
    pub fn change(&self, change: Change) -> Option<Self> {
        let profile = self.profile.with(change);
        (profile != self.profile).then(|| Self {
            profile,
            version: self.version + 1,
            ..*self
        })
    }

    /// Ends the practice here. Shifts and leave stay as history; nobody can book any more.
    ///
    /// # Errors
    /// [`PractitionerError::Inactive`] when it has ended before.
    pub fn deactivate(&self) -> Result<Self, PractitionerError> {
        if !self.active {
            return Err(PractitionerError::Inactive);
        }
        Ok(Self {
            active: false,
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The event of a registration.
    #[must_use]
    pub fn registered(&self) -> PractitionerRegistered {
        PractitionerRegistered {
            practitioner_id: self.id.to_string(),
            specialty: self.profile.specialty.clone(),
            department: self.profile.department.clone(),
        }
    }

    /// The event of a change that others must hear.
    #[must_use]
    pub fn changed(&self) -> PractitionerChanged {
        PractitionerChanged {
            practitioner_id: self.id.to_string(),
            specialty: self.profile.specialty.clone(),
            department: self.profile.department.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use galen_kernel::Clock;
    use proptest::prelude::*;

    use super::*;

    fn practitioner() -> Practitioner {
        Practitioner {
            id: Clock::system().id(),
            profile: Profile {
                given_name: Pii::new("Ada".into()),
                family_name: Pii::new("Yılmaz".into()),
                email: Some(Pii::new("ada@example.org".into())),
                specialty: "Cardiology".into(),
                license_number: Pii::new("L-1".into()),
                department: "Heart".into(),
                user_id: None,
                identifiers: vec![Identifier {
                    system: "npi".into(),
                    value: "1".into(),
                }],
            },
            active: true,
            version: 3,
        }
    }

    #[test]
    fn what_is_as_wished_is_not_changed() {
        let ada = practitioner();
        assert_eq!(ada.change(Change::default()), None);
        assert_eq!(
            ada.change(Change {
                specialty: Some("Cardiology".into()),
                ..Change::default()
            }),
            None
        );
    }

    #[test]
    fn null_removes_and_absence_keeps() {
        let ada = practitioner();
        let changed = ada
            .change(Change {
                email: Some(None),
                ..Change::default()
            })
            .expect("differs");
        assert_eq!(changed.profile.email, None);
        assert_eq!(changed.profile.given_name, ada.profile.given_name);
        assert_eq!(changed.version, ada.version + 1);
    }

    #[test]
    fn a_licence_is_nobody_elses_business() {
        let before = practitioner().profile;
        let private = before.with(Change {
            license_number: Some(Pii::new("L-2".into())),
            email: Some(None),
            ..Change::default()
        });
        assert!(!before.differs_for_others(&private));
        let public = before.with(Change {
            department: Some("Surgery".into()),
            ..Change::default()
        });
        assert!(before.differs_for_others(&public));
    }

    #[test]
    fn practising_ends_once() {
        let ended = practitioner().deactivate().expect("is active");
        assert!(!ended.active && ended.version == 4);
        assert!(matches!(
            ended.deactivate(),
            Err(PractitionerError::Inactive)
        ));
    }

    #[test]
    fn nothing_personal_is_printed() {
        let printed = format!("{:?}", practitioner());
        for personal in ["Ada", "Yılmaz", "ada@example.org", "L-1"] {
            assert!(!printed.contains(personal), "{personal} in {printed}");
        }
    }

    proptest! {
        #[test]
        fn changing_twice_the_same_way_changes_once(specialty in proptest::option::of("[a-c]"), department in proptest::option::of("[a-c]")) {
            let change = Change { specialty, department, ..Change::default() };
            if let Some(changed) = practitioner().change(change.clone()) {
                prop_assert_eq!(changed.change(change), None);
            }
        }
    }
}
