//! How amounts, days and reasons are written for people.

use galen_kernel::{Currency, Money};
use jiff::civil::Date;

/// An amount with its thousands apart: `1,234.50`.
#[must_use]
pub fn amount(minor: i64, currency: Currency) -> String {
    let plain = Money { minor, currency }.to_string();
    let (sign, plain) = plain
        .strip_prefix('-')
        .map_or(("", &*plain), |rest| ("-", rest));
    let (whole, fraction) = plain
        .split_once('.')
        .map_or((plain, None), |(w, f)| (w, Some(f)));
    let mut grouped = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(fraction) = fraction {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

/// An amount with its currency: `EUR 1,234.50`.
#[must_use]
pub fn money(minor: i64, currency: Currency) -> String {
    format!("{} {}", currency.code(), amount(minor, currency))
}

/// A day: `2 March 2026`.
#[must_use]
pub fn day(date: Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

/// What a claim adjustment reason code (X12 CARC) means to a patient.
#[must_use]
pub fn reason(code: &str) -> String {
    let meaning = match code {
        "1" => "deductible",
        "2" => "your share (coinsurance)",
        "3" => "fixed share (copayment)",
        "18" => "asked for twice",
        "23" => "paid by another insurer",
        "26" => "before the policy began",
        "27" => "after the policy ended",
        "29" => "claimed too late",
        "45" => "reduction agreed with the insurer",
        "96" => "not covered",
        "119" => "maximum of the policy reached",
        "179" => "within the waiting period",
        "197" => "not authorised beforehand",
        "204" => "excluded by the policy",
        code => return format!("insurer's reason {code}"),
    };
    meaning.to_owned()
}

/// With a capital letter.
#[must_use]
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next();
    first
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        for (minor, code, expected) in [
            (0, "EUR", "EUR 0.00"),
            (5, "EUR", "EUR 0.05"),
            (123_450, "EUR", "EUR 1,234.50"),
            (-123_456_789, "EUR", "EUR -1,234,567.89"),
            (100_000, "JPY", "JPY 100,000"),
            (999, "JPY", "JPY 999"),
            (1_234_567, "KWD", "KWD 1,234.567"),
            (i64::MIN, "EUR", "EUR -92,233,720,368,547,758.08"),
        ] {
            let currency = code.parse().expect("a currency");
            assert_eq!(money(minor, currency), expected);
        }
    }

    #[test]
    fn a_day_is_written_out() {
        assert_eq!(day(Date::constant(2026, 3, 2)), "2 March 2026");
    }

    #[test]
    fn every_reason_of_a_plan_is_explained() {
        use crate::adjudication::Reason;
        for known in Reason::ALL {
            assert!(!reason(known.code()).contains(known.code()), "{known:?}");
        }
        assert_eq!(reason("B7"), "insurer's reason B7");
        assert_eq!(capital("über"), "Über");
    }
}
