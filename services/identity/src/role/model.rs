//! The rules of roles: pure.

use std::fmt;

use galen_access::{Grants, Permission, Principal, Reach, Role, policy};
use galen_kernel::{Problem, Violations};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most characters of a description.
pub(crate) const LONGEST_DESCRIPTION: usize = 500;

/// The name of a role, built-in or the hospital's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RoleName {
    /// One that every hospital has.
    BuiltIn(Role),
    /// One that this hospital made.
    Custom(CustomName),
}

/// The name of a custom role: 3 to 40 capital letters, digits and underscores, of
/// which the first is a letter, and not the name of a built-in role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CustomName(String);

/// Why a text names no custom role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    /// It has another form.
    #[error("must be 3 to 40 capital letters, digits and underscores, and begin with a letter")]
    Form,
    /// It is a built-in role's.
    #[error("is the name of a built-in role")]
    BuiltIn,
}

/// What policies call those who have custom roles.
const RESERVED: &str = "CUSTOM";

impl CustomName {
    /// Checks a name.
    pub(crate) fn parse(given: &str) -> Result<Self, NameError> {
        if given == RESERVED || given.parse::<Role>().is_ok() {
            return Err(NameError::BuiltIn);
        }
        let letters = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let formed = (3..=40).contains(&given.len())
            && given.starts_with(|c: char| c.is_ascii_uppercase())
            && given.chars().all(letters);
        if formed {
            Ok(Self(given.to_owned()))
        } else {
            Err(NameError::Form)
        }
    }

    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl RoleName {
    /// Reads a name; `None` when nothing can have it.
    pub(crate) fn parse(given: &str) -> Option<Self> {
        match given.parse::<Role>() {
            Ok(role) => Some(Self::BuiltIn(role)),
            Err(_) => CustomName::parse(given).ok().map(Self::Custom),
        }
    }

    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::BuiltIn(role) => role.name(),
            Self::Custom(name) => name.as_str(),
        }
    }
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        Self::BuiltIn(role)
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RoleName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RoleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("is not the name of a role"))
    }
}

/// A role that the hospital made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CustomRole {
    /// Its name, for good.
    pub(crate) name: CustomName,
    /// What it is for.
    pub(crate) description: String,
    /// What it permits.
    pub(crate) grants: Grants,
    /// Rises with every change.
    pub(crate) version: i64,
}

/// Somebody would give what they have not got.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nobody can make a role that may more than they: {permission} as far as {reach}", permission = .0.name(), reach = .1.name())]
pub(crate) struct TooWide(Permission, Reach);

impl From<TooWide> for Problem {
    fn from(error: TooWide) -> Self {
        Self::new(
            403,
            "ROLE_TOO_WIDE",
            "The role would permit more than you may.",
        )
        .with_detail(error.to_string())
    }
}

/// Whether somebody may make a role that grants this: only what they may themselves,
/// and no further than that.
pub(crate) fn within(maker: &Principal, grants: &Grants) -> Result<(), TooWide> {
    for (permission, reach) in grants.iter() {
        if maker.reach(permission).is_none_or(|own| own < reach) {
            return Err(TooWide(permission, reach));
        }
    }
    Ok(())
}

/// Reads what a role is to permit: each permission once, and no further than its
/// services can bound it.
pub(crate) fn grants(wrong: &mut Violations, wished: &[(Permission, Reach)]) -> Grants {
    wrong.require(
        !wished.is_empty(),
        "/permissions",
        "EMPTY",
        "must name at least one permission",
    );
    for (place, (permission, reach)) in wished.iter().enumerate() {
        wrong.require(
            !wished[..place].iter().any(|(other, _)| other == permission),
            &format!("/permissions/{place}/permission"),
            "DUPLICATE",
            "is there twice",
        );
        let can = policy::reaches(*permission);
        let names: Vec<&str> = can.iter().map(|reach| reach.name()).collect();
        wrong.require(
            can.contains(reach),
            &format!("/permissions/{place}/reach"),
            "UNSUPPORTED_REACH",
            &format!("must be one of {} for this permission", names.join(", ")),
        );
    }
    wished.iter().copied().collect()
}

/// Reads a description: one line or more of visible text.
pub(crate) fn description(wrong: &mut Violations, given: &str) -> String {
    let text = given.trim();
    wrong.require(
        (1..=LONGEST_DESCRIPTION).contains(&text.chars().count()),
        "/description",
        "INVALID_LENGTH",
        "must have 1 to 500 characters",
    );
    wrong.require(
        !text.chars().any(|c| c.is_control() && c != '\n'),
        "/description",
        "INVALID_CHARACTER",
        "must hold no control characters",
    );
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use galen_contracts::ids::{SessionId, UserId};
    use proptest::prelude::*;
    use proptest::sample::select;
    use uuid::Uuid;

    use super::*;

    fn holder(roles: Vec<Role>) -> Principal {
        Principal {
            user_id: UserId::from_uuid(Uuid::nil()),
            session_id: SessionId::from_uuid(Uuid::nil()),
            roles,
            grants: Grants::default(),
            patient_id: None,
            practitioner_id: None,
        }
    }

    #[test]
    fn names_have_one_form() {
        for name in ["WARD_CLERK", "A12", "X__"] {
            assert_eq!(CustomName::parse(name).map(|n| n.0), Ok(name.to_owned()));
        }
        for name in ["", "AB", "ward", "1AB", "_AB", "A B C", "ÄRZTE", "A\u{0}B"] {
            assert_eq!(CustomName::parse(name), Err(NameError::Form), "{name}");
        }
        assert_eq!(CustomName::parse(&"A".repeat(41)), Err(NameError::Form));
        for role in Role::ALL {
            assert_eq!(CustomName::parse(role.name()), Err(NameError::BuiltIn));
        }
        assert_eq!(CustomName::parse("CUSTOM"), Err(NameError::BuiltIn));
    }

    fn some_grants() -> impl Strategy<Value = Grants> {
        let grant = (select(Permission::ALL), select(Reach::ALL));
        proptest::collection::vec(grant, 0..6).prop_map(Grants::from_iter)
    }

    proptest! {
        #[test]
        fn a_role_within_its_makers_adds_nothing_to_them(role in select(Role::ALL), grants in some_grants()) {
            let maker = holder(vec![role]);
            let mut wider = maker.clone();
            wider.grants = grants.clone();
            let adds = Permission::ALL.iter().any(|p| wider.reach(*p) > maker.reach(*p));
            prop_assert_eq!(within(&maker, &grants).is_err(), adds);
        }
    }

    #[test]
    fn what_a_role_permits_is_read_precisely() {
        let read = |wished: &[(Permission, Reach)]| {
            let mut wrong = Violations::new();
            let granted = grants(&mut wrong, wished);
            wrong
                .finish()
                .map(|()| granted.to_claim())
                .map_err(|problem| {
                    let errors = problem.errors.iter();
                    errors
                        .map(|e| (e.pointer.clone(), e.code))
                        .collect::<Vec<_>>()
                })
        };
        use Permission::{LeaveRead, PatientRead, UserRead};
        assert_eq!(
            read(&[(LeaveRead, Reach::Own), (PatientRead, Reach::Care)]),
            Ok("PATIENT_READ:CARE LEAVE_READ:OWN".to_owned())
        );
        let wrong = |pointer: &str, code| Err(vec![(pointer.to_owned(), code)]);
        assert_eq!(read(&[]), wrong("/permissions", "EMPTY"));
        for (permission, reach) in [(UserRead, Reach::Own), (LeaveRead, Reach::Care)] {
            assert_eq!(
                read(&[(permission, reach)]),
                wrong("/permissions/0/reach", "UNSUPPORTED_REACH")
            );
        }
        assert_eq!(
            read(&[(LeaveRead, Reach::Own), (LeaveRead, Reach::Any)]),
            wrong("/permissions/1/permission", "DUPLICATE")
        );
    }
}
