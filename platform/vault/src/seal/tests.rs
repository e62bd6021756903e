//! What a sealed value promises, for any value, place and damage.

use proptest::prelude::*;

use super::*;

const BODY: Column<String> = Column::new("patients", "note", "body");
const TITLE: Column<String> = Column::new("patients", "note", "title");
const OTHER_TABLE: Column<String> = Column::new("patients", "letter", "body");
/// Runs together with [`BODY`] when lengths do not count.
const SHIFTED: Column<String> = Column::new("patientsnote", "", "body");

fn key(id: u128, subject: u128) -> Arc<DataKey> {
    let secret = Secret::derived_for_tests(id);
    Arc::new(DataKey::new(
        Uuid::from_u128(id),
        Uuid::from_u128(subject).into(),
        &secret,
    ))
}

fn ring(keys: &[&Arc<DataKey>]) -> Keyring {
    let mut ring = Keyring::default();
    for key in keys {
        ring.add(Arc::clone(key));
    }
    ring
}

fn row(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

proptest! {
    #[test]
    fn what_was_sealed_opens(text in ".{0,200}", id: u128, subject: u128, at: u128) {
        let key = key(id, subject);
        let sealed = key.seal(&BODY, row(at), &text).expect("sealed");
        let opened = ring(&[&key]).open(&BODY, key.subject(), row(at), &sealed).expect("opened");
        prop_assert_eq!(opened.expose(), &text);
    }

    #[test]
    fn any_flipped_bit_refuses(text in ".{0,40}", bit: prop::sample::Index) {
        let key = key(1, 2);
        let mut bytes = key.seal(&BODY, row(3), &text).expect("sealed").bytes().to_vec();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let opened = ring(&[&key]).open(&BODY, key.subject(), row(3), &Sealed::of(bytes));
        prop_assert!(opened.is_err());
    }

    #[test]
    fn any_shortened_value_refuses(text in ".{0,40}", length: prop::sample::Index) {
        let key = key(1, 2);
        let mut bytes = key.seal(&BODY, row(3), &text).expect("sealed").bytes().to_vec();
        bytes.truncate(length.index(bytes.len()));
        let opened = ring(&[&key]).open(&BODY, key.subject(), row(3), &Sealed::of(bytes));
        prop_assert!(opened.is_err());
    }

    #[test]
    fn noise_is_never_taken_for_a_value(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let key = key(1, 2);
        let opened = ring(&[&key]).open(&BODY, key.subject(), row(3), &Sealed::of(bytes));
        prop_assert!(opened.is_err());
    }

    #[test]
    fn another_row_refuses(text in ".{0,40}", here: u128, there: u128) {
        prop_assume!(here != there);
        let key = key(1, 2);
        let sealed = key.seal(&BODY, row(here), &text).expect("sealed");
        let opened = ring(&[&key]).open(&BODY, key.subject(), row(there), &sealed);
        prop_assert!(matches!(opened, Err(Error::Refused(_))));
    }

    #[test]
    fn another_subject_refuses(text in ".{0,40}", owner: u128, other: u128) {
        prop_assume!(owner != other);
        let (own, foreign) = (key(1, owner), key(2, other));
        let sealed = own.seal(&BODY, row(3), &text).expect("sealed");
        let both = ring(&[&own, &foreign]);
        prop_assert!(matches!(
            both.open(&BODY, foreign.subject(), row(3), &sealed),
            Err(Error::OtherSubject(_))
        ));
        // Naming the other's key does not help either.
        let mut bytes = sealed.bytes().to_vec();
        bytes[1..17].copy_from_slice(foreign.id().as_bytes());
        prop_assert!(matches!(
            both.open(&BODY, foreign.subject(), row(3), &Sealed::of(bytes)),
            Err(Error::Refused(_))
        ));
    }

    #[test]
    fn lengths_are_rounded_up(a in "[a-z]{0,30}", b in "[a-z]{0,30}") {
        let key = key(1, 2);
        let length = |text: &String| key.seal(&BODY, row(3), text).expect("sealed").bytes().len();
        prop_assert_eq!(length(&a), length(&b));
    }
}

#[test]
fn another_column_refuses() {
    let key = key(1, 2);
    let sealed = key.seal(&BODY, row(3), &"x".to_owned()).expect("sealed");
    for column in [&TITLE, &OTHER_TABLE, &SHIFTED] {
        let opened = ring(&[&key]).open(column, key.subject(), row(3), &sealed);
        assert!(
            matches!(opened, Err(Error::Refused(_))),
            "{}",
            column.place()
        );
    }
}

#[test]
fn the_same_value_is_never_sealed_the_same() {
    let key = key(1, 2);
    let seal = || key.seal(&BODY, row(3), &"x".to_owned()).expect("sealed");
    assert_ne!(seal(), seal());
}

#[test]
fn a_value_without_its_key_is_an_error() {
    let key = key(1, 2);
    let sealed = key.seal(&BODY, row(3), &"x".to_owned()).expect("sealed");
    assert!(matches!(
        Keyring::default().open(&BODY, key.subject(), row(3), &sealed),
        Err(Error::UnknownKey(_))
    ));
    let mut erased = Keyring::default();
    erased.add_erased(key.id());
    assert!(matches!(
        erased.open(&BODY, key.subject(), row(3), &sealed),
        Err(Error::Erased)
    ));
}

#[test]
fn plaintext_in_a_sealed_column_is_an_error() {
    let key = key(1, 2);
    let plain =
        Sealed::of(br#""The patient feels well and has no complaints whatsoever.""#.to_vec());
    assert!(matches!(
        ring(&[&key]).open(&BODY, key.subject(), row(3), &plain),
        Err(Error::NotSealed(_))
    ));
}

#[test]
fn nothing_prints_what_is_inside() {
    let key = key(1, 2);
    let sealed = key
        .seal(&BODY, row(3), &"canary".to_owned())
        .expect("sealed");
    let opened = ring(&[&key]).open(&BODY, key.subject(), row(3), &sealed);
    let printed = format!("{sealed:?} {opened:?} {key:?}");
    assert!(!printed.contains("canary"), "{printed}");
}
