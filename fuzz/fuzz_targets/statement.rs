//! Statements of banks: what is read adds up, and what its entries are about is decided.
#![no_main]

use galen_securepay::reconciliation::{camt, matching};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| {
    let Ok(statement) = camt::read(document) else {
        return;
    };
    assert!(statement.adds_up());
    assert!((1..=35).contains(&statement.id.chars().count()));
    assert!((1..=34).contains(&statement.account.chars().count()));
    assert!(statement.entries.iter().all(|entry| entry.amount > 0));
    assert!(
        statement
            .entries
            .is_sorted_by(|one, next| one.number < next.number)
    );
    let decisions = matching::decide(&statement.entries, &[]);
    assert_eq!(decisions.len(), statement.entries.len());
});
