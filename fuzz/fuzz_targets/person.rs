//! Names, telephone numbers and e-mail addresses: what is read fits its column, and
//! normalising it again changes nothing.
#![no_main]

use galen_patients::patient::contact::{CallingCode, Email, Phone};
use galen_patients::patient::name;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let key = name::key(text);
    assert!((1..=200).contains(&key.chars().count()));
    assert!(!key.contains(['%', '_', '\\', '\0']));
    assert_eq!(name::key(&key), key);
    for token in name::tokens(text) {
        assert!(!token.is_empty() && !token.contains(' '));
    }

    let home: Option<CallingCode> = "49".parse().ok();
    for home in [None, home.as_ref()] {
        if let Ok(phone) = Phone::parse(text, home) {
            assert!((1..=40).contains(&phone.as_str().chars().count()));
            assert!(!phone.key().is_empty());
            let again = Phone::parse(phone.as_str(), home);
            assert!(
                again.is_ok_and(|again| again == phone),
                "{}",
                phone.as_str()
            );
        }
    }

    if let Ok(email) = text.parse::<Email>() {
        assert!((3..=254).contains(&email.as_str().chars().count()));
        assert!(
            !email.as_str().contains(char::is_control),
            "a header could be written"
        );
        assert!(
            !email.as_str().contains(['<', '>', ',', ';', ':', '"']),
            "another recipient"
        );
        let again: Result<Email, _> = email.as_str().parse();
        assert!(again.is_ok_and(|again| again.key() == email.key()));
    }
});
