//! What the directory says of somebody, and what follows from it: pure rules.

use std::collections::BTreeSet;

use galen_access::Role;
use galen_contracts::ids::UserId;
use galen_kernel::{Pii, Timestamp};

use crate::account::Username;
use crate::role::RoleName;

/// Most groups that are looked at: more are no person's.
const MOST_GROUPS: usize = 2_000;

/// Who somebody is, as the directory has just said.
pub(super) struct Person {
    /// Their name for the directory, for good.
    pub(super) subject: Subject,
    /// What they would like to be called.
    pub(super) username: Option<Pii<String>>,
    /// Their groups.
    pub(super) groups: Vec<String>,
}

/// A name that the directory gives somebody, and nobody else ever: 1 to 255
/// characters of ASCII (OpenID Connect Core 1.0, section 2), none of them a control
/// character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject(Pii<String>);

/// Not a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 255 visible ASCII characters")]
pub(super) struct NoSubject;

impl Subject {
    /// Checks a subject.
    pub(super) fn parse(given: &str) -> Result<Self, NoSubject> {
        let visible = |c: char| c == ' ' || c.is_ascii_graphic();
        if (1..=255).contains(&given.len()) && given.chars().all(visible) {
            Ok(Self(Pii::new(given.to_owned())))
        } else {
            Err(NoSubject)
        }
    }

    /// As it is written.
    pub(super) fn as_str(&self) -> &str {
        self.0.expose()
    }
}

/// Who bound somebody of the directory to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Their first login, which made the account: the directory decides on its roles.
    Provisioned,
    /// An administrator: its roles are given here.
    Linked,
}

impl Origin {
    /// As its column holds it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Provisioned => "PROVISIONED",
            Self::Linked => "LINKED",
        }
    }

    /// Reads its column.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Provisioned, Self::Linked]
            .into_iter()
            .find(|origin| origin.name() == name)
    }
}

/// Somebody of the directory, and their account.
pub(super) struct Bond {
    /// The account.
    pub(super) account: UserId,
    /// Whose doing it is.
    pub(super) origin: Origin,
    /// Since when.
    pub(super) linked_at: Timestamp,
}

/// Which group gives which role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mapping(Vec<(String, RoleName)>);

/// Why a text is not a mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum MappingError {
    /// It has no `=`.
    #[error("must be group=ROLE, separated by semicolons")]
    Form,
    /// Nothing can be called so.
    #[error("{0:?} is not the name of a role")]
    Role(String),
    /// That one comes with a record, which no group has.
    #[error("PATIENT is given by a medical record, not by a group")]
    Patient,
}

impl Mapping {
    /// Reads `group=ROLE; group=ROLE`. Names of groups may hold `=` and commas, as
    /// those of LDAP do: the last `=` counts.
    pub(super) fn parse(text: &str) -> Result<Self, MappingError> {
        text.split(';')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (group, role) = pair.rsplit_once('=').ok_or(MappingError::Form)?;
                let (group, role) = (group.trim(), role.trim());
                let role =
                    RoleName::parse(role).ok_or_else(|| MappingError::Role(role.to_owned()))?;
                match role {
                    _ if group.is_empty() => Err(MappingError::Form),
                    RoleName::BuiltIn(Role::Patient) => Err(MappingError::Patient),
                    role => Ok((group.to_owned(), role)),
                }
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether no group gives anything.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The roles of somebody in these groups; groups that are not mapped give none.
    pub(super) fn roles(&self, groups: &[String]) -> BTreeSet<RoleName> {
        self.0
            .iter()
            .filter(|(group, _)| groups.contains(group))
            .map(|(_, role)| role.clone())
            .collect()
    }
}

/// The groups in a claim: a list of texts, or one text.
pub(super) fn groups_of(claim: Option<&serde_json::Value>) -> Vec<String> {
    use serde_json::Value;
    match claim {
        Some(Value::String(group)) => vec![group.clone()],
        Some(Value::Array(groups)) => groups
            .iter()
            .take(MOST_GROUPS)
            .filter_map(|group| group.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// Names for the account of somebody new, in order of preference: theirs, theirs with
/// a piece of the account's id where somebody has taken that, or one out of the id.
pub(super) fn usernames(wished: Option<&Pii<String>>, account: UserId) -> Vec<Username> {
    let id = account.uuid().simple().to_string();
    let tail = &id[id.len() - 8..];
    let wished = wished.map(|name| name.expose().as_str());
    let names = [
        wished.map(str::to_owned),
        wished.map(|name| format!("{name}-{tail}")),
        Some(format!("directory-{id}")),
    ];
    names
        .into_iter()
        .flatten()
        .filter_map(|name| Username::parse(&name).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn mapping(text: &str) -> Mapping {
        Mapping::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn roles(mapping: &Mapping, groups: &[&str]) -> Vec<String> {
        let groups: Vec<_> = groups.iter().map(|group| (*group).to_owned()).collect();
        mapping
            .roles(&groups)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn groups_give_the_roles_that_they_are_mapped_to_and_no_others() {
        let mapping = mapping("doctors=DOCTOR; CN=it,DC=example=ADMIN ;doctors=WARD_CLERK;");
        assert_eq!(roles(&mapping, &["doctors"]), ["DOCTOR", "WARD_CLERK"]);
        assert_eq!(roles(&mapping, &["CN=it,DC=example", "others"]), ["ADMIN"]);
        assert!(roles(&mapping, &["DOCTOR", "Doctors", "", "doctors "]).is_empty());
        assert!(roles(&Mapping::default(), &["doctors"]).is_empty());
    }

    #[test]
    fn what_is_no_mapping_is_refused() {
        assert_eq!(Mapping::parse("doctors"), Err(MappingError::Form));
        assert_eq!(Mapping::parse("=DOCTOR"), Err(MappingError::Form));
        assert_eq!(
            Mapping::parse("a=doctor"),
            Err(MappingError::Role("doctor".to_owned()))
        );
        assert_eq!(Mapping::parse("a=PATIENT"), Err(MappingError::Patient));
        assert!(mapping(" ; ").is_empty());
    }

    #[test]
    fn groups_are_a_list_or_one_text() {
        assert_eq!(groups_of(Some(&json!(["a", 1, "b"]))), ["a", "b"]);
        assert_eq!(groups_of(Some(&json!("a"))), ["a"]);
        assert!(groups_of(Some(&json!({ "a": true }))).is_empty());
        assert!(groups_of(None).is_empty());
    }

    #[test]
    fn somebody_new_always_finds_a_name() {
        let id = UserId::from_uuid(uuid::Uuid::from_u128(0x1234_5678_9abc_def0));
        let names = |wished: Option<&str>| -> Vec<String> {
            let wished = wished.map(|name| Pii::new(name.to_owned()));
            let names = usernames(wished.as_ref(), id);
            names.iter().map(|name| name.as_str().to_owned()).collect()
        };
        let last = "directory-0000000000000000123456789abcdef0";
        assert_eq!(names(Some("Ada")), ["ada", "ada-9abcdef0", last]);
        assert_eq!(names(Some("Ada Lovelace")), [last]);
        assert_eq!(names(None), [last]);
    }

    #[test]
    fn a_subject_does_not_print_itself() {
        let subject = Subject::parse("ada").expect("a subject");
        assert!(!format!("{subject:?}").contains("ada"));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_as_the_database_would(given in "\\PC{0,300}|[ -~]{0,300}|.{0,20}") {
            let fits = !given.is_empty() && given.len() <= 255 && given.bytes().all(|b| (b' '..=b'~').contains(&b));
            prop_assert_eq!(Subject::parse(&given).is_ok(), fits);
        }

        #[test]
        fn nobody_becomes_a_patient_by_a_group(text in "[a-c=;A-Z_ ]{0,60}", groups in proptest::collection::vec("[a-c]{0,2}", 0..5)) {
            if let Ok(mapping) = Mapping::parse(&text) {
                prop_assert!(!mapping.roles(&groups).contains(&RoleName::BuiltIn(Role::Patient)));
            }
        }
    }
}
