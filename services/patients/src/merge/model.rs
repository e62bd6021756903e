//! The merges of one record: a history of events, and what may come next.

use galen_contracts::ids::{PatientId, UserId};
use galen_kernel::{Id, Problem, Timestamp};

use crate::patient::Status;

/// Marker of the ids of merges.
pub enum Merge {}
/// The id of a merge; its undoing has the same.
pub type MergeId = Id<Merge>;

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was merged into the survivor.
    Merged,
    /// That was undone.
    Unmerged,
}

impl Kind {
    /// The name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Merged => "MERGED",
            Self::Unmerged => "UNMERGED",
        }
    }

    /// Reads [`Kind::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Merged, Self::Unmerged]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// One event of a record's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeEvent {
    /// Which merge.
    pub merge_id: MergeId,
    /// Its place in the history, from 1.
    pub seq: i32,
    /// What happened.
    pub kind: Kind,
    /// The record it happened to.
    pub retired_id: PatientId,
    /// The record that stands for both.
    pub survivor_id: PatientId,
}

/// Who decided, when and why. The reason may be personal: has no `Debug`.
#[derive(Clone)]
pub struct Decision {
    /// Who.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// Why records are not merged or parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The record points to another one already.
    #[error("the record is merged")]
    AlreadyMerged,
    /// The two are one already: the same record, or the other one points here.
    #[error("the other record leads back to this one")]
    Cycle,
    /// The other record points elsewhere.
    #[error("the other record is merged into {0}")]
    TargetMerged(PatientId),
    /// This record is closed.
    #[error("the record is closed")]
    Inactive,
    /// The other record is closed.
    #[error("the other record is closed")]
    TargetInactive,
    /// The record stands on its own.
    #[error("the record is not merged")]
    NotMerged,
}

impl From<MergeError> for Problem {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::AlreadyMerged => {
                Self::conflict("ALREADY_MERGED", "The record was merged into another one.")
            }
            MergeError::Cycle => Self::conflict(
                "MERGE_CYCLE",
                "The other record is this one, or was merged into it.",
            ),
            MergeError::TargetMerged(survivor) => Self::conflict(
                "MERGE_TARGET_MERGED",
                "The other record was merged itself; merge into the one it leads to.",
            )
            .with("mergedIntoId", serde_json::json!(survivor)),
            MergeError::Inactive => Self::conflict("PATIENT_INACTIVE", "The record is closed."),
            MergeError::TargetInactive => {
                Self::conflict("MERGE_TARGET_INACTIVE", "The other record is closed.")
            }
            MergeError::NotMerged => Self::conflict("NOT_MERGED", "The record is not merged."),
        }
    }
}

/// The record to merge into, as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The record.
    pub id: PatientId,
    /// Its state.
    pub status: Status,
    /// At the end of its own chain of merges: itself when it is not merged.
    pub survivor_id: PatientId,
}

/// The merges of one record, folded from its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    record: PatientId,
    seq: i32,
    current: Option<(MergeId, PatientId)>,
}

impl History {
    /// A record that was never merged.
    #[must_use]
    pub const fn new(record: PatientId) -> Self {
        Self {
            record,
            seq: 0,
            current: None,
        }
    }

    /// Takes in what happened next.
    pub const fn apply(&mut self, event: &MergeEvent) {
        self.seq = event.seq;
        self.current = match event.kind {
            Kind::Merged => Some((event.merge_id, event.survivor_id)),
            Kind::Unmerged => None,
        };
    }

    /// The record it points to.
    #[must_use]
    pub fn merged_into(&self) -> Option<PatientId> {
        self.current.map(|(_, survivor)| survivor)
    }

    /// Decides to merge the record, whose own state is given.
    ///
    /// # Errors
    /// When one of the two is merged or closed, or they are one already.
    pub fn merge(
        &self,
        status: Status,
        target: &Target,
        merge_id: MergeId,
    ) -> Result<MergeEvent, MergeError> {
        if target.id == self.record {
            return Err(MergeError::Cycle);
        }
        if self.current.is_some() {
            return Err(MergeError::AlreadyMerged);
        }
        if target.survivor_id == self.record {
            return Err(MergeError::Cycle);
        }
        if target.survivor_id != target.id {
            return Err(MergeError::TargetMerged(target.survivor_id));
        }
        if status == Status::Inactive {
            return Err(MergeError::Inactive);
        }
        if target.status == Status::Inactive {
            return Err(MergeError::TargetInactive);
        }
        Ok(MergeEvent {
            merge_id,
            seq: self.seq + 1,
            kind: Kind::Merged,
            retired_id: self.record,
            survivor_id: target.id,
        })
    }

    /// Decides to undo the merge.
    ///
    /// # Errors
    /// When there is none.
    pub fn unmerge(&self) -> Result<MergeEvent, MergeError> {
        let (merge_id, survivor_id) = self.current.ok_or(MergeError::NotMerged)?;
        Ok(MergeEvent {
            merge_id,
            seq: self.seq + 1,
            kind: Kind::Unmerged,
            retired_id: self.record,
            survivor_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn id<K>(number: usize) -> Id<K> {
        Id::from_uuid(Uuid::from_u128(number as u128 + 1))
    }

    /// Every record with its history: what the tables hold.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Archive(BTreeMap<PatientId, History>);

    impl Archive {
        fn of(records: usize) -> Self {
            Self((0..records).map(|n| (id(n), History::new(id(n)))).collect())
        }

        fn survivor(&self, record: PatientId) -> Option<PatientId> {
            let mut at = record;
            for _ in 0..=self.0.len() {
                match self.0[&at].merged_into() {
                    Some(next) => at = next,
                    None => return Some(at),
                }
            }
            None
        }

        fn status(&self, record: PatientId) -> Status {
            if self.0[&record].merged_into().is_some() {
                Status::Merged
            } else {
                Status::Active
            }
        }

        fn merge(&mut self, retired: PatientId, into: PatientId) -> Result<(), MergeError> {
            let target = Target {
                id: into,
                status: self.status(into),
                survivor_id: self.survivor(into).expect("no cycle so far"),
            };
            let event = self.0[&retired].merge(self.status(retired), &target, id(0))?;
            self.apply(&event);
            Ok(())
        }

        fn unmerge(&mut self, retired: PatientId) -> Result<(), MergeError> {
            let event = self.0[&retired].unmerge()?;
            self.apply(&event);
            Ok(())
        }

        fn apply(&mut self, event: &MergeEvent) {
            self.0
                .get_mut(&event.retired_id)
                .expect("a known record")
                .apply(event);
        }

        fn links(&self) -> Vec<Option<PatientId>> {
            self.0.values().map(History::merged_into).collect()
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let [a, b, c] = [id(0), id(1), id(2)];
        let mut archive = Archive::of(3);
        assert_eq!(archive.unmerge(a), Err(MergeError::NotMerged));
        assert_eq!(archive.merge(a, a), Err(MergeError::Cycle));
        assert_eq!(archive.merge(a, b), Ok(()));
        assert_eq!(archive.merge(a, c), Err(MergeError::AlreadyMerged));
        assert_eq!(archive.merge(b, a), Err(MergeError::Cycle));
        assert_eq!(archive.merge(c, a), Err(MergeError::TargetMerged(b)));
        assert_eq!(archive.merge(b, c), Ok(()));
        assert_eq!(archive.survivor(a), Some(c));
        assert_eq!(archive.merge(c, a), Err(MergeError::Cycle));
    }

    #[test]
    fn closed_records_are_not_merged() {
        let history = History::new(id(0));
        let target = |status| Target {
            id: id(1),
            status,
            survivor_id: id(1),
        };
        assert_eq!(
            history.merge(Status::Inactive, &target(Status::Active), id(9)),
            Err(MergeError::Inactive)
        );
        assert_eq!(
            history.merge(Status::Active, &target(Status::Inactive), id(9)),
            Err(MergeError::TargetInactive)
        );
        assert!(
            history
                .merge(Status::Active, &target(Status::Deceased), id(9))
                .is_ok()
        );
    }

    proptest! {
        /// Whatever clerks try, in whatever order: every record leads to exactly one
        /// that stands on its own, and undoing a merge at once gives back what was.
        #[test]
        fn merging_and_undoing_is_as_if_nothing_had_happened(steps in prop::collection::vec((any::<bool>(), 0_usize..6, 0_usize..6), 0..60)) {
            let mut archive = Archive::of(6);
            for (merge, a, b) in steps {
                if merge {
                    let before = archive.links();
                    if archive.merge(id(a), id(b)).is_ok() {
                        let mut undone = archive.clone();
                        prop_assert_eq!(undone.unmerge(id(a)), Ok(()));
                        prop_assert_eq!(undone.links(), before);
                    } else {
                        prop_assert_eq!(archive.links(), before);
                    }
                } else {
                    _ = archive.unmerge(id(a));
                }
                for record in archive.0.keys() {
                    let survivor = archive.survivor(*record);
                    prop_assert!(survivor.is_some_and(|s| archive.0[&s].merged_into().is_none()));
                }
            }
        }

        /// The history alternates, which is what its table checks.
        #[test]
        fn a_merge_is_followed_by_its_undoing(again in 1_usize..8) {
            let mut history = History::new(id(0));
            let target = Target { id: id(1), status: Status::Active, survivor_id: id(1) };
            for round in 0..again {
                let merged = history.merge(Status::Active, &target, id(100 + round)).expect("not merged");
                history.apply(&merged);
                let unmerged = history.unmerge().expect("merged");
                history.apply(&unmerged);
                prop_assert_eq!(merged.seq % 2, 1);
                prop_assert_eq!((unmerged.merge_id, unmerged.seq), (merged.merge_id, merged.seq + 1));
            }
        }
    }
}
