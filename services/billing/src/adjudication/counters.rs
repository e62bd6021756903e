//! What was counted so far under a policy.

use std::collections::BTreeMap;

/// For whom something is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// A member.
    Individual(String),
    /// All members of a contract.
    Family(String),
}

/// What is counted, for whom, and in which period.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which accumulator of the plan.
    pub accumulator: String,
    /// For whom.
    pub scope: Scope,
    /// The first day of the year, the day, the visit; empty for a lifetime.
    pub period: String,
}

/// A change of an accumulator by a line: a row of its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// What is counted.
    pub key: Key,
    /// By how much.
    pub by: i64,
}

/// A sum, and what added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted(pub i64);

/// What was counted so far; what is not there is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters(BTreeMap<Key, Counted>);

impl Counters {
    /// Sums of the histories.
    #[must_use]
    pub fn new(sums: impl IntoIterator<Item = (Key, i64)>) -> Self {
        Self(
            sums.into_iter()
                .map(|(key, sum)| (key, Counted(sum)))
                .collect(),
        )
    }

    /// What was counted.
    #[must_use]
    pub fn get(&self, key: &Key) -> i64 {
        self.0.get(key).copied().unwrap_or_default().0
    }

    /// Counts more.
    pub fn add(&mut self, key: &Key, by: i64) {
        if by != 0 {
            self.0.entry(key.clone()).or_default().0 += by;
        }
    }

    /// Applies what an adjudication says, once it is final.
    pub fn apply(&mut self, deltas: &[Delta]) {
        for delta in deltas {
            self.add(&delta.key, delta.by);
        }
    }

    /// Undoes what an adjudication said: its claim is replaced or void.
    pub fn reverse(&mut self, deltas: &[Delta]) {
        for delta in deltas {
            self.add(&delta.key, -delta.by);
        }
    }

    /// What was counted since an earlier state, in the order of the keys.
    #[must_use]
    pub fn since(&self, before: &Self) -> Vec<Delta> {
        self.0
            .iter()
            .filter_map(|(key, now)| {
                let by = now.0 - before.get(key);
                (by != 0).then(|| Delta {
                    key: key.clone(),
                    by,
                })
            })
            .collect()
    }
}
