//! Dates, times and kinds of appointments in the language of a text.

use jiff::civil;
use jiff::tz::TimeZone;

use galen_kernel::Timestamp;

use crate::message::model::ServiceType;
use crate::template::Locale;

/// The languages whose months and days Galen knows. Texts in other languages get
/// numbers for dates, which are right everywhere if not pretty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    English,
    German,
    Turkish,
    Spanish,
    Other,
}

fn language(locale: &Locale) -> Language {
    match locale.language() {
        "en" => Language::English,
        "de" => Language::German,
        "tr" => Language::Turkish,
        "es" => Language::Spanish,
        _ => Language::Other,
    }
}

const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const MONTHS_DE: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];
const MONTHS_TR: [&str; 12] = [
    "Ocak", "Şubat", "Mart", "Nisan", "Mayıs", "Haziran", "Temmuz", "Ağustos", "Eylül", "Ekim",
    "Kasım", "Aralık",
];
const MONTHS_ES: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];
const DAYS_EN: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const DAYS_DE: [&str; 7] = [
    "Montag",
    "Dienstag",
    "Mittwoch",
    "Donnerstag",
    "Freitag",
    "Samstag",
    "Sonntag",
];
const DAYS_TR: [&str; 7] = [
    "Pazartesi",
    "Salı",
    "Çarşamba",
    "Perşembe",
    "Cuma",
    "Cumartesi",
    "Pazar",
];
const DAYS_ES: [&str; 7] = [
    "lunes",
    "martes",
    "miércoles",
    "jueves",
    "viernes",
    "sábado",
    "domingo",
];

/// The day of an instant in the hospital's zone: `Tuesday, 3 March 2026`.
#[must_use]
pub fn date(at: Timestamp, zone: &TimeZone, locale: &Locale) -> String {
    let date = zone.to_datetime(at).date();
    let (day, year) = (date.day(), date.year());
    let of = |names: &[&'static str; 12]| names[month_index(date)];
    let weekday = |names: &[&'static str; 7]| names[weekday_index(date)];
    match language(locale) {
        Language::English => format!("{}, {day} {} {year}", weekday(&DAYS_EN), of(&MONTHS_EN)),
        Language::German => format!("{}, {day}. {} {year}", weekday(&DAYS_DE), of(&MONTHS_DE)),
        Language::Turkish => format!("{day} {} {year} {}", of(&MONTHS_TR), weekday(&DAYS_TR)),
        Language::Spanish => format!(
            "{}, {day} de {} de {year}",
            weekday(&DAYS_ES),
            of(&MONTHS_ES)
        ),
        Language::Other => date.to_string(),
    }
}

/// The time of day of an instant in the hospital's zone, 24 hours: `14:30`.
#[must_use]
pub fn time(at: Timestamp, zone: &TimeZone) -> String {
    let time = zone.to_datetime(at).time();
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// What an appointment is for; just an appointment where that is not known.
#[must_use]
pub fn service_type(service: Option<ServiceType>, locale: &Locale) -> &'static str {
    use ServiceType as S;
    match (language(locale), service) {
        (Language::German, None) => "Termin",
        (Language::German, Some(S::Consultation)) => "Sprechstunde",
        (Language::German, Some(S::Surgery)) => "Operation",
        (Language::German, Some(S::Vaccination)) => "Impfung",
        (Language::German, Some(S::FollowUp)) => "Nachuntersuchung",
        (Language::German, Some(S::Procedure)) => "Eingriff",
        (Language::Turkish, None) => "randevu",
        (Language::Turkish, Some(S::Consultation)) => "muayene",
        (Language::Turkish, Some(S::Surgery)) => "ameliyat",
        (Language::Turkish, Some(S::Vaccination)) => "aşı",
        (Language::Turkish, Some(S::FollowUp)) => "kontrol muayenesi",
        (Language::Turkish, Some(S::Procedure)) => "tıbbi işlem",
        (Language::Spanish, None) => "cita",
        (Language::Spanish, Some(S::Consultation)) => "consulta",
        (Language::Spanish, Some(S::Surgery)) => "cirugía",
        (Language::Spanish, Some(S::Vaccination)) => "vacunación",
        (Language::Spanish, Some(S::FollowUp)) => "revisión",
        (Language::Spanish, Some(S::Procedure)) => "procedimiento",
        (_, None) => "appointment",
        (_, Some(S::Consultation)) => "consultation",
        (_, Some(S::Surgery)) => "surgery",
        (_, Some(S::Vaccination)) => "vaccination",
        (_, Some(S::FollowUp)) => "follow-up",
        (_, Some(S::Procedure)) => "procedure",
    }
}

fn month_index(date: civil::Date) -> usize {
    usize::from(date.month().unsigned_abs() - 1)
}

fn weekday_index(date: civil::Date) -> usize {
    usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn locale(text: &str) -> Locale {
        text.parse().expect("a locale")
    }

    #[test]
    fn an_instant_is_written_as_the_hospital_reads_its_clock() {
        let zone = TimeZone::get("Europe/Berlin").expect("the zone database");
        let at: Timestamp = "2026-03-03T13:30:00Z".parse().expect("an instant");
        assert_eq!(date(at, &zone, &locale("en")), "Tuesday, 3 March 2026");
        assert_eq!(date(at, &zone, &locale("de-AT")), "Dienstag, 3. März 2026");
        assert_eq!(date(at, &zone, &locale("tr")), "3 Mart 2026 Salı");
        assert_eq!(date(at, &zone, &locale("es")), "martes, 3 de marzo de 2026");
        assert_eq!(date(at, &zone, &locale("fi")), "2026-03-03");
        assert_eq!(time(at, &zone), "14:30");
        let summer: Timestamp = "2026-07-03T13:30:00Z".parse().expect("an instant");
        assert_eq!(time(summer, &zone), "15:30");
        let late: Timestamp = "2026-03-03T23:30:00Z".parse().expect("an instant");
        assert_eq!(date(late, &zone, &locale("en")), "Wednesday, 4 March 2026");
    }

    proptest! {
        #[test]
        fn every_instant_has_a_date(seconds in -62_000_000_000_i64..250_000_000_000, language in "en|de|tr|es|fi") {
            let at = Timestamp::from_second(seconds).expect("within range");
            prop_assert!(!date(at, &TimeZone::UTC, &locale(&language)).is_empty());
        }
    }
}
