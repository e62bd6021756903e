//! Examples and properties of the score.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn person(given: &str, family: &str, birth_date: Date, sex: Sex) -> Profile {
    Profile {
        given: name::key(given),
        family: name::key(family),
        birth_date,
        sex,
        phone: None,
        email: None,
        national_id: None,
        address: None,
    }
}

fn anna() -> Profile {
    person("Anna", "Schmidt", date(1985, 3, 12), Sex::Female)
}

fn score(a: &Profile, b: &Profile) -> f64 {
    compare(a, b).score
}

#[test]
fn one_person_written_twice_is_likely() {
    let changed = |change: fn(&mut Profile)| {
        let mut other = anna();
        change(&mut other);
        compare(&anna(), &other)
    };
    for (found, reason) in [
        (changed(|_| {}), Reason::SameName),
        (changed(|p| p.given = "ana".to_owned()), Reason::SimilarName),
        (
            changed(|p| p.family = "schmitt".to_owned()),
            Reason::SimilarName,
        ),
        (
            changed(|p| std::mem::swap(&mut p.given, &mut p.family)),
            Reason::NamesSwapped,
        ),
        (
            changed(|p| p.birth_date = date(1985, 12, 3)),
            Reason::DayMonthSwapped,
        ),
        (changed(|p| p.sex = Sex::Unknown), Reason::SameBirthDate),
    ] {
        assert!(LIKELY <= found.score, "{found:?}");
        assert!(found.reasons.contains(&reason), "{found:?}");
    }
}

#[test]
fn new_contact_data_do_not_hide_a_person() {
    let (mut a, mut b) = (anna(), anna());
    (a.phone, a.email) = (Some("12345678".to_owned()), Some("a@b.c".to_owned()));
    (b.phone, b.email) = (Some("87654321".to_owned()), Some("d@e.f".to_owned()));
    assert!(LIKELY <= score(&a, &b));
}

#[test]
fn a_family_is_not_one_person() {
    let at_home = |mut p: Profile| {
        (p.phone, p.email, p.address) = (
            Some("12345678".to_owned()),
            Some("s@b.c".to_owned()),
            Some("hauptstr 1 berlin".to_owned()),
        );
        p
    };
    let me = at_home(anna());
    for (who, other) in [
        (
            "twin sister",
            person("Clara", "Schmidt", date(1985, 3, 12), Sex::Female),
        ),
        (
            "twin brother",
            person("Paul", "Schmidt", date(1985, 3, 12), Sex::Male),
        ),
        (
            "daughter of the same name",
            person("Anna", "Schmidt", date(2010, 7, 30), Sex::Female),
        ),
        (
            "husband",
            person("Karl", "Schmidt", date(1983, 11, 5), Sex::Male),
        ),
    ] {
        assert!(score(&me, &at_home(other)) < LIKELY, "{who}");
    }
}

#[test]
fn strangers_of_one_birthday_are_not_even_possible() {
    assert!(
        score(
            &anna(),
            &person("Joseph", "Kowalski", date(1985, 3, 12), Sex::Male)
        ) < POSSIBLE
    );
}

#[test]
fn a_birth_date_with_one_wrong_digit_is_worth_a_look() {
    let mut other = anna();
    other.birth_date = date(1985, 3, 17);
    let found = score(&anna(), &other);
    assert!((POSSIBLE..LIKELY).contains(&found), "{found}");
    let phone = Some("12345678".to_owned());
    let (a, b) = (
        Profile {
            phone: phone.clone(),
            ..anna()
        },
        Profile { phone, ..other },
    );
    assert!(LIKELY <= score(&a, &b));
}

#[test]
fn people_of_one_name_and_birthday_with_different_national_ids_are_two() {
    let with = |id: &str| Profile {
        national_id: Some(id.to_owned()),
        ..anna()
    };
    assert!(score(&with("999974496"), &with("123456789")) < LIKELY);
    assert!(LIKELY <= score(&with("999974496"), &with("999974469")));
}

#[test]
fn marriage_is_found_by_the_national_id() {
    let with = |family: &str| Profile {
        family: family.to_owned(),
        national_id: Some("999974496".to_owned()),
        ..anna()
    };
    assert!(LIKELY <= score(&with("schmidt"), &with("oconnell")));
}

/// The fields of a profile, in a form that may be printed.
type Fields = ((String, String), (i16, i8, i8), u8, [Option<String>; 4]);

fn fields() -> impl Strategy<Value = Fields> {
    let name = prop::sample::select(vec![
        "anna",
        "ana",
        "hanna",
        "schmidt",
        "schmitt",
        "smith",
        "o",
        "李",
        "maria elena",
        "?",
    ])
    .prop_map(str::to_owned);
    let optional = |pattern: &'static str| prop::option::of(pattern);
    (
        (name.clone(), name),
        (1984_i16..1987, 1_i8..13, 1_i8..29),
        0_u8..4,
        [
            optional("[0-1]{2}"),
            optional("[ab]@c"),
            optional("[0-1]{3}"),
            optional("[ab]{1,3} st"),
        ],
    )
}

fn profile(
    ((given, family), (year, month, day), sex, [phone, email, national_id, address]): Fields,
) -> Profile {
    let sex = [Sex::Male, Sex::Female, Sex::Other, Sex::Unknown][usize::from(sex)];
    Profile {
        given,
        family,
        birth_date: date(year, month, day),
        sex,
        phone,
        email,
        national_id,
        address,
    }
}

proptest! {
    #[test]
    fn the_order_does_not_matter(a in fields(), b in fields()) {
        let (a, b) = (profile(a), profile(b));
        prop_assert!((score(&a, &b) - score(&b, &a)).abs() < 1e-9);
    }

    #[test]
    fn a_score_lies_between_0_and_1(a in fields(), b in fields()) {
        prop_assert!((0.0..=1.0).contains(&score(&profile(a), &profile(b))));
    }

    #[test]
    fn a_record_is_itself(a in fields()) {
        let a = profile(a);
        prop_assert!((score(&a, &a) - 1.0).abs() < 1e-9);
    }

    /// Making one field equal never makes two records less alike. The two names are
    /// one field here: a half-repaired swap is no improvement.
    #[test]
    fn agreement_never_counts_against(a in fields(), b in fields(), field in 0_usize..7) {
        let (a, mut closer) = (profile(a), profile(b));
        let before = score(&a, &closer);
        match field {
            0 => (closer.given, closer.family) = (a.given.clone(), a.family.clone()),
            1 => closer.birth_date = a.birth_date,
            2 => closer.sex = a.sex,
            3 if a.phone.is_some() => closer.phone = a.phone.clone(),
            4 if a.email.is_some() => closer.email = a.email.clone(),
            5 if a.national_id.is_some() => closer.national_id = a.national_id.clone(),
            6 if a.address.is_some() => closer.address = a.address.clone(),
            _ => {}
        }
        prop_assert!(before <= score(&a, &closer) + 1e-9);
    }

    #[test]
    fn any_names_can_be_compared(a in any::<String>(), b in any::<String>()) {
        let (a, b) = (person(&a, &b, date(2000, 1, 1), Sex::Other), person(&b, &a, date(2000, 1, 2), Sex::Other));
        prop_assert!((0.0..=1.0).contains(&score(&a, &b)));
    }
}
