//! Medical record numbers: what is read is written in one way, which is read again.
#![no_main]

use galen_patients::mrn::{Mrn, Prefix};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = text.parse::<Prefix>();
    if let Ok(mrn) = text.parse::<Mrn>() {
        let written = mrn.to_string();
        assert!((12..=18).contains(&written.len()), "{written}");
        assert_eq!(written.parse(), Ok(mrn));
    }
});
