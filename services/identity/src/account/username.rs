//! Login names: normalised, so that one person's name cannot be taken twice in
//! other letters.

use galen_contracts::ids::PatientId;
use galen_kernel::Pii;
use unicode_normalization::UnicodeNormalization as _;

/// Fewest characters.
pub(crate) const SHORTEST: usize = 3;
/// Most characters.
pub(crate) const LONGEST: usize = 64;

/// A login name: 3 to 64 visible ASCII characters (VCHAR of RFC 5234) after NFKC
/// and lower-casing. Letters beyond ASCII are not allowed, because many look like
/// the letters of somebody else's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Username(Pii<String>);

/// Why a text is not a login name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsernameError {
    /// Under 3 or over 64 characters.
    #[error("must have 3 to 64 characters")]
    Length,
    /// A space, a control character, or something that is not ASCII.
    #[error("must consist of visible ASCII characters")]
    Invisible,
}

impl UsernameError {
    /// Stable code of the field error.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Length => "INVALID_LENGTH",
            Self::Invisible => "INVALID_CHARACTER",
        }
    }
}

impl Username {
    /// Normalises and checks a name.
    pub(crate) fn parse(given: &str) -> Result<Self, UsernameError> {
        // Normalising can make one character eighteen; what is too long stays so.
        if given.chars().take(LONGEST + 1).count() > LONGEST {
            return Err(UsernameError::Length);
        }
        let name = given.nfkc().collect::<String>().to_lowercase();
        if !name.chars().all(|c| c.is_ascii_graphic()) {
            return Err(UsernameError::Invisible);
        }
        if !(SHORTEST..=LONGEST).contains(&name.len()) {
            return Err(UsernameError::Length);
        }
        Ok(Self(Pii::new(name)))
    }

    /// Names for a patient's account, in order of preference: the medical record
    /// number, or with a piece of the record's id where somebody has taken that.
    pub(crate) fn for_patient(mrn: &str, patient: PatientId) -> Vec<Self> {
        let id = patient.uuid().simple().to_string();
        let tail = &id[id.len() - 8..];
        let names = [
            mrn.to_owned(),
            format!("{mrn}-{tail}"),
            format!("patient-{id}"),
        ];
        names
            .iter()
            .filter_map(|name| Self::parse(name).ok())
            .collect()
    }

    /// The normalised name.
    pub(crate) fn as_str(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(given: &str) -> Result<String, UsernameError> {
        Username::parse(given).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn case_and_width_do_not_make_another_name() {
        for given in ["nadia.keller", "Nadia.Keller", "ＮＡＤＩＡ.keller"] {
            assert_eq!(parsed(given).as_deref(), Ok("nadia.keller"));
        }
        assert_eq!(
            parsed("Nadia@Example.org").as_deref(),
            Ok("nadia@example.org")
        );
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        for given in [
            "аdmin",
            "ad min",
            "admin\0",
            "admin\u{200b}",
            "\u{fdfa}\u{fdfa}",
        ] {
            assert_eq!(parsed(given), Err(UsernameError::Invisible), "{given:?}");
        }
        assert_eq!(parsed("ab"), Err(UsernameError::Length));
        assert_eq!(parsed(&"a".repeat(65)), Err(UsernameError::Length));
    }

    #[test]
    fn a_patient_always_finds_a_name() {
        let patient = PatientId::from_uuid(uuid::Uuid::from_u128(0x1234_5678_9abc_def0));
        let names: Vec<_> = Username::for_patient("MRN-000042", patient)
            .iter()
            .map(|n| n.as_str().to_owned())
            .collect();
        assert_eq!(
            names,
            [
                "mrn-000042",
                "mrn-000042-9abcdef0",
                "patient-0000000000000000123456789abcdef0"
            ]
        );
        assert_eq!(Username::for_patient("", patient).len(), 2);
        assert_eq!(Username::for_patient("with space", patient).len(), 1);
    }

    #[test]
    fn a_name_does_not_print_itself() {
        assert!(!format!("{:?}", Username::parse("nadia.keller")).contains("nadia"));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(given in "\\PC{0,70}") {
            if let Ok(name) = parsed(&given) {
                prop_assert_eq!(parsed(&name), Ok(name.clone()));
                prop_assert!((SHORTEST..=LONGEST).contains(&name.len()));
            }
        }

        #[test]
        fn every_visible_ascii_text_of_the_right_length_is_a_name(given in "[!-~]{3,64}") {
            prop_assert_eq!(parsed(&given), Ok(given.to_lowercase()));
        }
    }
}
