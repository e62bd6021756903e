//! The rules of accounts: pure.

use std::collections::BTreeSet;

use galen_access::{Grants, Principal, Role};
use galen_contracts::ids::{PatientId, PractitionerId, SessionId, UserId};
use galen_kernel::Timestamp;

use super::{Email, Username};
use crate::password::PasswordHash;
use crate::role::RoleName;

/// At least one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleSet(BTreeSet<RoleName>);

/// Nobody has no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must name at least one role")]
pub(crate) struct NoRole;

impl RoleSet {
    /// Only this role.
    pub(crate) fn only(role: Role) -> Self {
        Self(BTreeSet::from([role.into()]))
    }

    /// These roles, each once.
    pub(crate) fn new(
        roles: impl IntoIterator<Item = impl Into<RoleName>>,
    ) -> Result<Self, NoRole> {
        let roles: BTreeSet<RoleName> = roles.into_iter().map(Into::into).collect();
        if roles.is_empty() {
            Err(NoRole)
        } else {
            Ok(Self(roles))
        }
    }

    /// The built-in ones in the order of [`Role::ALL`], then the hospital's own.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &RoleName> {
        self.0.iter()
    }

    /// The built-in ones.
    pub(crate) fn built_in(&self) -> impl Iterator<Item = Role> {
        self.0.iter().filter_map(|name| match name {
            RoleName::BuiltIn(role) => Some(*role),
            RoleName::Custom(_) => None,
        })
    }

    /// The names of the hospital's own.
    pub(crate) fn custom(&self) -> Vec<&str> {
        let custom = |name: &&RoleName| matches!(name, RoleName::Custom(_));
        self.0.iter().filter(custom).map(RoleName::as_str).collect()
    }

    /// Whether a role is among them.
    pub(crate) fn contains(&self, role: Role) -> bool {
        self.0.contains(&role.into())
    }

    /// Whether it is the only one.
    pub(crate) fn is_only(&self, role: Role) -> bool {
        self.0.len() == 1 && self.contains(role)
    }
}

/// Why an account cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockReason {
    /// An administrator locked it.
    Administrator,
    /// Its patient record was merged into one that has an account.
    Merged,
}

impl LockReason {
    /// As its column holds it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "ADMINISTRATOR",
            Self::Merged => "MERGED",
        }
    }

    /// Reads its column.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Administrator, Self::Merged]
            .into_iter()
            .find(|reason| reason.name() == name)
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// Identity.
    pub(crate) id: UserId,
    /// Login name.
    pub(crate) username: Username,
    /// Where its owner is reached; patients are reached through their record.
    pub(crate) email: Option<Email>,
    /// `None` until its owner has chosen a password.
    pub(crate) password: Option<PasswordHash>,
    /// What it may.
    pub(crate) roles: RoleSet,
    /// `None`: not locked.
    pub(crate) lock: Option<LockReason>,
    /// The medical record it belongs to.
    pub(crate) patient: Option<PatientId>,
    /// The practitioner it belongs to.
    pub(crate) practitioner: Option<PractitionerId>,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// Rises with every change.
    pub(crate) version: i64,
}

/// What an administrator wishes to be otherwise; `None`: as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// New roles.
    pub(crate) roles: Option<RoleSet>,
    /// Lock or unlock.
    pub(crate) locked: Option<bool>,
    /// New address, or none.
    pub(crate) email: Option<Option<Email>>,
    /// New practitioner, or none.
    pub(crate) practitioner: Option<Option<PractitionerId>>,
}

/// The change would leave nobody who can administer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the last administrator who can log in cannot be locked or demoted")]
pub(crate) struct LastAdministrator;

impl Account {
    /// A new account without a password.
    pub(crate) const fn new(
        id: UserId,
        username: Username,
        roles: RoleSet,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            username,
            email: None,
            password: None,
            roles,
            lock: None,
            patient: None,
            practitioner: None,
            created_at,
            version: 1,
        }
    }

    /// Whether it can log in and administer.
    pub(crate) fn administers(&self) -> bool {
        self.roles.contains(Role::Admin) && self.lock.is_none() && self.password.is_some()
    }

    /// Whether a message can reach its owner.
    pub(crate) const fn is_reachable(&self) -> bool {
        self.email.is_some() || self.patient.is_some()
    }

    /// Its principal in a session, with what its custom roles grant.
    pub(crate) fn principal(&self, session: SessionId, grants: Grants) -> Principal {
        Principal {
            user_id: self.id,
            session_id: session,
            roles: self.roles.built_in().collect(),
            grants,
            patient_id: self.patient,
            practitioner_id: self.practitioner,
        }
    }

    /// The account as wished. `others` says whether any other account administers.
    pub(crate) fn change(&self, wished: Change, others: bool) -> Result<Self, LastAdministrator> {
        let mut changed = self.clone();
        if let Some(roles) = wished.roles {
            changed.roles = roles;
        }
        match wished.locked {
            Some(true) => changed.lock = Some(LockReason::Administrator),
            Some(false) => changed.lock = None,
            None => {}
        }
        if let Some(email) = wished.email {
            changed.email = email;
        }
        if let Some(practitioner) = wished.practitioner {
            changed.practitioner = practitioner;
        }
        if self.administers() && !changed.administers() && !others {
            return Err(LastAdministrator);
        }
        Ok(changed)
    }

    /// Whether sessions that were opened before must not go on: the account was locked,
    /// its roles are others, or it lost a record that its tokens name. Who only gained
    /// a record goes on, and has it with the next token.
    pub(crate) fn ends_sessions_of(&self, before: &Self) -> bool {
        (self.lock.is_some() && before.lock.is_none())
            || self.roles != before.roles
            || (before.patient.is_some() && self.patient != before.patient)
            || (before.practitioner.is_some() && self.practitioner != before.practitioner)
    }

    /// Whether others must hear of the difference: what it may, or whose it is.
    pub(crate) fn acts_differently_from(&self, other: &Self) -> bool {
        self.roles != other.roles
            || self.lock.is_some() != other.lock.is_some()
            || self.patient != other.patient
            || self.practitioner != other.practitioner
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn roles() -> impl Strategy<Value = RoleSet> {
        proptest::sample::subsequence(Role::ALL.to_vec(), 1..=Role::ALL.len())
            .prop_map(|roles| RoleSet::new(roles).expect("not empty"))
    }

    fn account() -> impl Strategy<Value = Account> {
        (roles(), any::<bool>(), any::<bool>()).prop_map(|(roles, locked, password)| Account {
            lock: locked.then_some(LockReason::Merged),
            password: password.then(|| PasswordHash::stored("$argon2id$".to_owned())),
            ..Account::new(
                UserId::from_uuid(uuid::Uuid::nil()),
                Username::parse("somebody").expect("a name"),
                roles,
                Timestamp::UNIX_EPOCH,
            )
        })
    }

    fn change() -> impl Strategy<Value = Change> {
        (
            proptest::option::of(roles()),
            proptest::option::of(any::<bool>()),
        )
            .prop_map(|(roles, locked)| Change {
                roles,
                locked,
                ..Change::default()
            })
    }

    proptest! {
        #[test]
        fn an_administrator_always_remains(account in account(), change in change(), others: bool) {
            let before = account.administers() || others;
            if let Ok(changed) = account.change(change, others) {
                prop_assert_eq!(changed.administers() || others || !before, true);
            } else {
                prop_assert!(account.administers() && !others);
            }
        }

        #[test]
        fn changing_nothing_is_always_allowed(account in account()) {
            let same = account.change(Change::default(), false).expect("nothing changes");
            prop_assert!(!same.acts_differently_from(&account));
            prop_assert_eq!(same, account);
        }

        #[test]
        fn sessions_end_only_with_what_others_hear_of(account in account(), change in change(), others: bool) {
            if let Ok(changed) = account.change(change, others) {
                let ends = changed.ends_sessions_of(&account);
                prop_assert!(!ends || changed.acts_differently_from(&account));
                let unlocked = account.lock.is_some() && changed.lock.is_none();
                prop_assert_eq!(ends, changed.acts_differently_from(&account) && !(unlocked && changed.roles == account.roles));
            }
        }

        #[test]
        fn unlocking_clears_any_reason(account in account(), others: bool) {
            let change = Change { locked: Some(false), ..Change::default() };
            prop_assert_eq!(account.change(change, others).expect("unlocking harms nobody").lock, None);
        }
    }

    #[test]
    fn nobody_has_no_role() {
        assert_eq!(RoleSet::new(Vec::<Role>::new()), Err(NoRole));
    }
}
