//! Backup codes, and what somebody types where a code is asked for: pure rules.

use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::authenticator;
use crate::secret::SecretHash;

/// How many somebody gets at a time.
pub(crate) const HOW_MANY: usize = 10;
/// 80 random bits: as good as unguessable, so that a fast hash is enough.
const CHARACTERS: usize = 16;
/// Crockford's base32: no letter is taken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// What is longer is not looked at.
pub(crate) const LONGEST_TYPED: usize = 64;

/// A backup code on its way to its owner.
pub(crate) struct BackupCode(SecretString);

impl BackupCode {
    /// Draws one.
    pub(crate) fn generate() -> Self {
        let mut bytes = [0_u8; CHARACTERS];
        rand::rng().fill_bytes(&mut bytes);
        let code: String = bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
            .collect();
        Self(code.into())
    }

    /// As its owner gets it, deliberately: `XXXX-XXXX-XXXX-XXXX`.
    pub(crate) fn expose(&self) -> String {
        let code = self.0.expose_secret();
        let groups: Vec<&str> = (0..CHARACTERS)
            .step_by(4)
            .filter_map(|start| code.get(start..start + 4))
            .collect();
        groups.join("-")
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

/// What somebody typed.
pub(crate) enum Typed {
    /// A code of an authenticator: six digits.
    OneTime(SecretString),
    /// A backup code.
    Backup(SecretHash),
}

impl Typed {
    /// Reads a code, however it is spaced and written; `None` when it is of no kind.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST_TYPED {
            return None;
        }
        let code: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect();
        if code.len() == usize::from(authenticator::DIGITS)
            && code.bytes().all(|b| b.is_ascii_digit())
        {
            return Some(Self::OneTime(code.into()));
        }
        let code: String = code.chars().map(meant).collect::<Option<_>>()?;
        (code.len() == CHARACTERS).then(|| Self::Backup(SecretHash::of(&code.into())))
    }
}

/// The character of a code that somebody means.
fn meant(typed: char) -> Option<char> {
    let meant = match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let known = u8::try_from(meant).is_ok_and(|byte| ALPHABET.contains(&byte));
    known.then_some(meant)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_backup(typed: &str, expected: SecretHash) -> bool {
        matches!(Typed::read(typed), Some(Typed::Backup(hash)) if hash == expected)
    }

    #[test]
    fn a_backup_code_is_read_however_it_is_written() {
        for _ in 0..200 {
            let code = BackupCode::generate();
            let shown = code.expose();
            assert_eq!(shown.len(), 19);
            assert!(is_backup(&shown, code.hash()));
            assert!(is_backup(&shown.to_lowercase(), code.hash()));
            assert!(is_backup(&shown.replace('-', " "), code.hash()));
            assert!(is_backup(
                &shown.replace('-', "").replace('0', "o").replace('1', "l"),
                code.hash()
            ));
        }
    }

    #[test]
    fn no_two_codes_are_the_same_and_all_characters_occur() {
        let codes: Vec<String> = (0..500).map(|_| BackupCode::generate().expose()).collect();
        let mut distinct = codes.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), codes.len());
        let all = codes.concat();
        assert!(ALPHABET.iter().all(|c| all.contains(char::from(*c))));
    }

    #[test]
    fn six_digits_are_a_one_time_code() {
        for typed in ["123456", "123 456", " 12-34-56 "] {
            let Some(Typed::OneTime(code)) = Typed::read(typed) else {
                panic!("{typed} is not read");
            };
            assert_eq!(code.expose_secret(), "123456");
        }
        for typed in ["", "12345", "1234567", "١٢٣٤٥٦", "UUUU-UUUU-UUUU-UUUU"] {
            assert!(Typed::read(typed).is_none(), "{typed}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_typed(text in "\\PC{0,80}") {
            let _ = Typed::read(&text);
        }
    }
}
