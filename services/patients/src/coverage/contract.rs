//! Contracts: what is the same for all who are insured under one number of one plan, and
//! says nothing of the number. What insurers count for a family is counted under it.

use galen_vault::column::Place;
use galen_vault::{Blind, Vault};

use super::model::CoverageTerms;

const CONTRACT: Blind = Blind::new(
    Place {
        schema: "patients",
        table: "coverage",
        column: "contract",
    },
    str::to_owned,
);

/// The contract of a coverage, in hexadecimal digits. A bar separates plan and number.
#[must_use]
pub fn contract(vault: &Vault, terms: &CoverageTerms) -> String {
    let number = folded(terms.card.policy_number.as_str());
    let index = vault.index(&CONTRACT, &format!("{}|{number}", terms.plan_id));
    index
        .bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A number as it is compared: cards of one family are typed with and without blanks,
/// hyphens and capitals.
fn folded(number: &str) -> String {
    let folded: String = number
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .collect();
    if folded.is_empty() {
        number.to_owned()
    } else {
        folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_however_they_are_typed() {
        assert_eq!(folded("ab 12-3"), folded("AB123"));
        assert_ne!(folded("AB123"), folded("AB124"));
        assert_eq!(folded("--"), "--");
    }
}
