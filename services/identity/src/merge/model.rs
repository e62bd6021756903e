//! The rules of merging and unmerging: pure.
//!
//! The survivor keeps its account; if it has none it gets the retired record's,
//! else that one is locked, or, where it is also a colleague's, loses its record
//! only. Undoing a merge undoes this, unless the account has been given to another
//! record or unlocked by an administrator since. A survivor that gives an account
//! back is left without one.

use galen_access::Role;
use galen_contracts::ids::{PatientId, UserId};
use galen_kernel::Id;

use crate::account::{Account, LockReason};

/// A merge of two patient records.
pub(crate) enum Merge {}
/// [`Merge`]'s id.
pub(crate) type MergeId = Id<Merge>;

/// What a merge did to the retired record's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It belongs to the survivor now.
    Repointed,
    /// It is locked.
    Locked,
    /// It belongs to no record.
    Unlinked,
}

impl Effect {
    /// As its column holds it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Repointed => "REPOINTED",
            Self::Locked => "LOCKED",
            Self::Unlinked => "UNLINKED",
        }
    }

    /// Reads its column.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Repointed, Self::Locked, Self::Unlinked]
            .into_iter()
            .find(|effect| effect.name() == name)
    }
}

/// What was done, for undoing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MergeEffect {
    /// The merge.
    pub(crate) merge: MergeId,
    /// The account of the retired record.
    pub(crate) account: UserId,
    /// The record that stays.
    pub(crate) survivor: PatientId,
    /// The record that went into it.
    pub(crate) retired: PatientId,
    /// What was done to the account.
    pub(crate) effect: Effect,
}

/// The retired record's account after the merge.
pub(crate) fn merge(
    account: &Account,
    survivor: PatientId,
    survivor_has_account: bool,
) -> (Account, Effect) {
    let mut after = account.clone();
    let only_a_patient = account.roles.is_only(Role::Patient);
    let effect = match (survivor_has_account, only_a_patient) {
        (false, _) => {
            after.patient = Some(survivor);
            Effect::Repointed
        }
        (true, true) => {
            // A lock of an administrator is not weakened to one that unmerging opens.
            after.lock = account.lock.or(Some(LockReason::Merged));
            Effect::Locked
        }
        (true, false) => {
            after.patient = None;
            Effect::Unlinked
        }
    };
    (after, effect)
}

/// The account after the merge is undone.
pub(crate) fn unmerge(account: &Account, done: &MergeEffect) -> Account {
    let mut after = account.clone();
    match done.effect {
        Effect::Repointed if account.patient == Some(done.survivor) => {
            after.patient = Some(done.retired);
        }
        Effect::Unlinked if account.patient.is_none() => after.patient = Some(done.retired),
        Effect::Locked if account.lock == Some(LockReason::Merged) => after.lock = None,
        _ => {}
    }
    after
}

#[cfg(test)]
mod tests {
    use galen_kernel::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::account::{RoleSet, Username};

    fn account(patient: u128, lock: Option<LockReason>) -> Account {
        let username = Username::parse("mrn-1").expect("a name");
        let id = UserId::from_uuid(uuid::Uuid::nil());
        let new = Account::new(
            id,
            username,
            RoleSet::only(Role::Patient),
            Timestamp::UNIX_EPOCH,
        );
        Account {
            patient: Some(patient_id(patient)),
            lock,
            ..new
        }
    }

    fn patient_id(n: u128) -> PatientId {
        PatientId::from_uuid(uuid::Uuid::from_u128(n))
    }

    proptest! {
        #[test]
        fn unmerging_undoes_merging(survivor_has_account: bool, locked: bool, colleague: bool) {
            let mut before = account(1, locked.then_some(LockReason::Administrator));
            if colleague {
                before.roles = RoleSet::new([Role::Patient, Role::Admin]).expect("two roles");
            }
            let (after, effect) = merge(&before, patient_id(2), survivor_has_account);
            prop_assert_eq!(effect == Effect::Locked, survivor_has_account && !colleague);
            prop_assert!(!colleague || after.lock == before.lock, "a colleague can go on working");
            prop_assert!(after.lock.is_some() || after.patient != Some(patient_id(1)));
            let done = MergeEffect {
                merge: MergeId::from_uuid(uuid::Uuid::nil()),
                account: before.id,
                survivor: patient_id(2),
                retired: patient_id(1),
                effect,
            };
            prop_assert_eq!(unmerge(&after, &done), before);
        }
    }

    #[test]
    fn what_was_changed_since_is_left_alone() {
        let done = MergeEffect {
            merge: MergeId::from_uuid(uuid::Uuid::nil()),
            account: UserId::from_uuid(uuid::Uuid::nil()),
            survivor: patient_id(2),
            retired: patient_id(1),
            effect: Effect::Repointed,
        };
        let elsewhere = account(3, None);
        assert_eq!(unmerge(&elsewhere, &done), elsewhere);
        let relocked = account(1, Some(LockReason::Administrator));
        assert_eq!(
            unmerge(
                &relocked,
                &MergeEffect {
                    effect: Effect::Locked,
                    ..done
                }
            ),
            relocked
        );
    }
}
