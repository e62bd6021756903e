//! A medical record number: facility prefix, number, check digits.
//!
//! `G-0000123-58`: the digits at the end are those of ISO/IEC 7064 MOD 97-10 over
//! prefix and number, letters counting from A = 10 as in an IBAN (ISO 13616). A pure
//! system with a prime modulus finds every single wrong character and every swap of
//! two neighbours; the one-digit MOD 11-10 would miss some swaps.

use std::fmt;
use std::str::FromStr;

/// Digits that a number is filled up to.
const WIDTH: usize = 7;
/// Digits of the largest number.
const MAX_WIDTH: usize = 10;

/// What the numbers of one facility begin with: one to four letters A to Z.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

/// Not a prefix of record numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one to four letters A to Z")]
pub struct PrefixError;

impl Prefix {
    /// The letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Prefix {
    /// `G`, for Galen.
    fn default() -> Self {
        Self("G".to_owned())
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PrefixError)
        }
    }
}

/// A well-formed medical record number with matching check digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mrn(String);

/// Why a text is not a medical record number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MrnError {
    /// Not of the form prefix, number, check digits.
    #[error("is not a record number, such as G-0000001-36")]
    Malformed,
    /// Something was mistyped.
    #[error("has check digits that do not match: something is mistyped")]
    CheckDigits,
}

impl Mrn {
    /// The number at a place of a facility's series.
    ///
    /// # Panics
    /// On a number of more than ten digits, which no series hands out.
    #[must_use]
    pub fn issue(prefix: &Prefix, number: u64) -> Self {
        let number = format!("{number:0WIDTH$}");
        assert!(
            number.len() <= MAX_WIDTH,
            "a series ends before eleven digits"
        );
        let check = 98 - remainder(prefix.0.bytes().chain(number.bytes()).chain(*b"00"));
        Self(format!("{}-{number}-{check:02}", prefix.0))
    }

    /// As written on labels.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Mrn {
    type Err = MrnError;

    /// Reads what a person typed: hyphens and blanks may be missing, letters small.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let compact: Vec<u8> = text
            .trim()
            .bytes()
            .filter(|b| !matches!(b, b'-' | b' '))
            .map(|b| b.to_ascii_uppercase())
            .collect();
        let letters = compact
            .iter()
            .take_while(|b| b.is_ascii_uppercase())
            .count();
        let digits = compact.len() - letters;
        let well_formed = (1..=4).contains(&letters)
            && (WIDTH + 2..=MAX_WIDTH + 2).contains(&digits)
            && compact[letters..].iter().all(u8::is_ascii_digit)
            && (digits == WIDTH + 2 || compact[letters] != b'0');
        if !well_formed {
            return Err(MrnError::Malformed);
        }
        if remainder(compact.iter().copied()) != 1 {
            return Err(MrnError::CheckDigits);
        }
        let text = String::from_utf8(compact).map_err(|_| MrnError::Malformed)?;
        let (body, check) = text.split_at(text.len() - 2);
        let (prefix, number) = body.split_at(letters);
        Ok(Self(format!("{prefix}-{number}-{check}")))
    }
}

impl fmt::Display for Mrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The remainder by 97 of digits and capital letters read as one decimal number.
fn remainder(characters: impl Iterator<Item = u8>) -> u32 {
    characters.fold(0, |rest, c| {
        if c.is_ascii_digit() {
            (rest * 10 + u32::from(c - b'0')) % 97
        } else {
            (rest * 100 + u32::from(c - b'A') + 10) % 97
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn issued() -> impl Strategy<Value = Mrn> {
        ("[A-Z]{1,4}", 1_u64..10_000_000_000)
            .prop_map(|(prefix, number)| Mrn::issue(&prefix.parse().expect("a prefix"), number))
    }

    #[test]
    fn the_first_numbers_are_known() {
        let prefix: Prefix = "G".parse().expect("a prefix");
        assert_eq!(Mrn::issue(&prefix, 1).as_str(), "G-0000001-36");
        assert_eq!(
            Mrn::issue(&prefix, 12_345_678).as_str().len(),
            "G-12345678-00".len()
        );
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in [
            "",
            "G",
            "G-1-11",
            "0000001-36",
            "GGGGG-0000001-36",
            "G-00000001-36",
            "G-0000001-1x",
            "G-0000001-1é",
            "G-0000001-\0\0",
        ] {
            assert_eq!(text.parse::<Mrn>(), Err(MrnError::Malformed), "{text}");
        }
        assert_eq!("G-0000001-37".parse::<Mrn>(), Err(MrnError::CheckDigits));
    }

    #[test]
    fn a_prefix_is_one_to_four_capital_letters() {
        for text in ["", "g", "ABCDE", "A1", "Ä"] {
            assert_eq!(text.parse::<Prefix>(), Err(PrefixError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_issued_number_reads_as_itself(mrn in issued()) {
            let typed = mrn.as_str().replace('-', "").to_lowercase();
            prop_assert_eq!(mrn.as_str().parse::<Mrn>(), Ok(mrn.clone()));
            prop_assert_eq!(typed.parse::<Mrn>(), Ok(mrn));
        }

        #[test]
        fn every_wrong_digit_is_found(mrn in issued()) {
            let text = mrn.as_str();
            for (place, right) in text.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
                for wrong in ('0'..='9').filter(|wrong| *wrong != right) {
                    let mistyped = format!("{}{wrong}{}", &text[..place], &text[place + 1..]);
                    prop_assert!(mistyped.parse::<Mrn>().is_err(), "{} for {}", mistyped, text);
                }
            }
        }

        #[test]
        fn every_wrong_letter_is_found(mrn in issued()) {
            let text = mrn.as_str();
            for (place, right) in text.char_indices().filter(|(_, c)| c.is_ascii_uppercase()) {
                for wrong in ('A'..='Z').filter(|wrong| *wrong != right) {
                    let mistyped = format!("{}{wrong}{}", &text[..place], &text[place + 1..]);
                    prop_assert!(mistyped.parse::<Mrn>().is_err(), "{} for {}", mistyped, text);
                }
            }
        }

        #[test]
        fn every_swap_of_neighbours_is_found(mrn in issued()) {
            let text: Vec<char> = mrn.as_str().chars().filter(|c| *c != '-').collect();
            for place in 1..text.len() {
                if text[place - 1] != text[place] {
                    let mut swapped = text.clone();
                    swapped.swap(place - 1, place);
                    let swapped: String = swapped.into_iter().collect();
                    prop_assert!(swapped.parse::<Mrn>().is_err(), "{} for {}", swapped, mrn);
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            if let Ok(mrn) = text.parse::<Mrn>() {
                let again = mrn.as_str().parse::<Mrn>();
                prop_assert_eq!(again, Ok(mrn));
            }
        }
    }
}
