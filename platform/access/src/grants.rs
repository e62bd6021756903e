//! What the hospital's own roles permit, as it travels with their holder.

use std::collections::BTreeMap;

use crate::policy;
use crate::{Permission, Reach};

/// Permissions of custom roles, each as far as the widest of them reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Grants(BTreeMap<Permission, Reach>);

impl Grants {
    /// Whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of [`Permission::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Permission, Reach)> {
        self.0
            .iter()
            .map(|(permission, reach)| (*permission, *reach))
    }

    /// As a claim: `PATIENT_READ:CARE STAFF_READ:ANY`, which with every permission is
    /// well below a kilobyte.
    #[must_use]
    pub fn to_claim(&self) -> String {
        let words: Vec<String> = self
            .iter()
            .map(|(permission, reach)| format!("{}:{}", permission.name(), reach.name()))
            .collect();
        words.join(" ")
    }

    /// Reads a claim. What this version does not know, or cannot bound, grants nothing.
    #[must_use]
    pub fn from_claim(claim: &str) -> Self {
        claim
            .split_ascii_whitespace()
            .filter_map(|word| {
                let (permission, reach) = word.split_once(':')?;
                Some((permission.parse().ok()?, reach.parse().ok()?))
            })
            .collect()
    }
}

/// Of two grants of a permission the wider one stays; a reach that a permission cannot
/// have is left out.
impl FromIterator<(Permission, Reach)> for Grants {
    fn from_iter<I: IntoIterator<Item = (Permission, Reach)>>(granted: I) -> Self {
        let mut widest = BTreeMap::new();
        for (permission, reach) in granted {
            if policy::reaches(permission).contains(&reach) {
                let held = widest.entry(permission).or_insert(reach);
                *held = reach.max(*held);
            }
        }
        Self(widest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Any grants that can be.
    pub(crate) fn grants() -> impl Strategy<Value = Grants> {
        proptest::collection::vec(
            (select(Permission::ALL), select(Reach::ALL)),
            0..Permission::ALL.len(),
        )
        .prop_map(Grants::from_iter)
    }

    proptest! {
        #[test]
        fn a_claim_is_read_as_it_was_written(granted in grants()) {
            prop_assert_eq!(Grants::from_claim(&granted.to_claim()), granted);
        }

        #[test]
        fn no_claim_is_read_as_more_than_it_says(text in ".{0,80}") {
            for (permission, _) in Grants::from_claim(&text).iter() {
                prop_assert!(text.contains(permission.name()));
            }
        }
    }

    #[test]
    fn what_cannot_be_bounded_is_not_granted() {
        let granted =
            Grants::from_claim("USER_MANAGE:OWN LEAVE_READ:CARE KING:ANY STAFF_READ:ANY X");
        assert_eq!(granted.to_claim(), "STAFF_READ:ANY");
    }

    #[test]
    fn every_permission_fits_into_a_token() {
        let all = Permission::ALL.iter().map(|p| (*p, Reach::Any));
        assert!(Grants::from_iter(all).to_claim().len() < 1000);
    }
}
