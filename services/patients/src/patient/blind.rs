//! The blind indexes of persons: how sealed records are found.
//!
//! Equal values have equal indexes, so a copy of the database shows which records share
//! a number, a day of birth or the beginning of a name, and how many do; see
//! `SECURITY.md`. What narrows the search is all that is here: an index is kept for what
//! people search by, and for what likely duplicates have in common.

use galen_vault::column::Place;
use galen_vault::{Blind, BlindIndex, Vault};
use jiff::civil::Date;

use super::demographics::Identifier;
use super::name;
use super::person::Person;
use crate::duplicate::Profile;

const NATIONAL_ID: Blind = blind("patient", "national_id_index");
const EMAIL: Blind = blind("patient", "email_index");
const PHONE: Blind = blind("patient", "phone_index");
const BIRTH_DATE: Blind = blind("patient", "birth_date_index");
const NAME: Blind = blind("patient", "name_index");
const BEGINNING: Blind = blind("patient", "beginning_index");
const IDENTIFIER: Blind = blind("patient_identifier", "identifier_index");
/// Shortened, because there are many of them: what they find is opened and compared.
const NAME_TOKEN: Blind = blind("patient_name_token", "token").shortened(8);

/// Letters of a family name that, with the year of birth, bring likely duplicates
/// together.
const BEGINNING_LETTERS: usize = 3;

/// An index of a value that is folded already.
const fn blind(table: &'static str, column: &'static str) -> Blind {
    Blind::new(
        Place {
            schema: "patients",
            table,
            column,
        },
        str::to_owned,
    )
}

/// Everything a person is found by.
pub struct Indexes {
    /// National id.
    pub national_id: Option<BlindIndex>,
    /// Mail address.
    pub email: Option<BlindIndex>,
    /// Telephone number.
    pub phone: Option<BlindIndex>,
    /// Day of birth.
    pub birth_date: BlindIndex,
    /// The whole name.
    pub name: BlindIndex,
    /// Beginning of the family name, and year of birth.
    pub beginning: BlindIndex,
    /// Beginnings of the words of the name.
    pub name_tokens: Vec<BlindIndex>,
    /// Numbers of other systems.
    pub identifiers: Vec<BlindIndex>,
}

impl Indexes {
    /// The indexes of a person.
    #[must_use]
    pub fn of(vault: &Vault, person: &Person) -> Self {
        let profile = Profile::from(&person.demographics);
        let of =
            |blind: &Blind, key: &Option<String>| key.as_deref().map(|key| vault.index(blind, key));
        Self {
            national_id: of(&NATIONAL_ID, &profile.national_id),
            email: of(&EMAIL, &profile.email),
            phone: of(&PHONE, &profile.phone),
            birth_date: birth_date(vault, profile.birth_date),
            name: whole_name(vault, &profile),
            beginning: beginning(vault, &profile.family, profile.birth_date),
            name_tokens: name_tokens(vault, &profile),
            identifiers: identifiers(vault, &person.identifiers),
        }
    }
}

/// The index of a national id without punctuation.
#[must_use]
pub fn national_id(vault: &Vault, key: &str) -> BlindIndex {
    vault.index(&NATIONAL_ID, key)
}

/// The index of a folded mail address.
#[must_use]
pub fn email(vault: &Vault, key: &str) -> BlindIndex {
    vault.index(&EMAIL, key)
}

/// The index of the significant digits of a telephone number.
#[must_use]
pub fn phone(vault: &Vault, key: &str) -> BlindIndex {
    vault.index(&PHONE, key)
}

/// The index of a day of birth.
#[must_use]
pub fn birth_date(vault: &Vault, day: Date) -> BlindIndex {
    vault.index(&BIRTH_DATE, &day.to_string())
}

/// The indexes of numbers of other systems. A bar separates the two parts, which no
/// system has.
#[must_use]
pub fn identifiers(vault: &Vault, identifiers: &[Identifier]) -> Vec<BlindIndex> {
    identifiers
        .iter()
        .map(|Identifier { system, value }| vault.index(&IDENTIFIER, &format!("{system}|{value}")))
        .collect()
}

/// The index of a whole name.
#[must_use]
pub fn whole_name(vault: &Vault, profile: &Profile) -> BlindIndex {
    vault.index(&NAME, &format!("{}|{}", profile.family, profile.given))
}

/// The index of how a name begins, together with the year of birth.
#[must_use]
pub fn beginning(vault: &Vault, name: &str, born: Date) -> BlindIndex {
    let letters: String = name.chars().take(BEGINNING_LETTERS).collect();
    vault.index(&BEGINNING, &format!("{letters}|{}", born.year()))
}

/// The indexes of the beginnings of all words of a name.
#[must_use]
pub fn name_tokens(vault: &Vault, profile: &Profile) -> Vec<BlindIndex> {
    name::beginnings([profile.family.as_str(), profile.given.as_str()])
        .iter()
        .map(|beginning| vault.index(&NAME_TOKEN, beginning))
        .collect()
}

/// The indexes to look under for the words of a search.
#[must_use]
pub fn sought(vault: &Vault, words: &[String]) -> Vec<BlindIndex> {
    name::sought(words)
        .iter()
        .map(|beginning| vault.index(&NAME_TOKEN, beginning))
        .collect()
}

/// To bind a set of indexes to a statement.
#[must_use]
pub fn bytes(indexes: &[BlindIndex]) -> Vec<Vec<u8>> {
    indexes.iter().map(|index| index.bytes().to_vec()).collect()
}
