//! How likely two records are one person.
//!
//! A record linkage score after Fellegi and Sunter (1969): every field that both
//! records know adds evidence in bits, `log2(m/u)` when it agrees and `log2((1-m)/(1-u))`
//! when it does not, where `m` is the chance of agreement within one person and `u`
//! between two people. Names and birth dates agree by degrees, and the evidence lies in
//! between. The bits below come from that formula with rounded frequencies of a general
//! hospital, for instance a birth date: m = 0.98, u = 1/25,000 or so, cut to 12 bits
//! because birth dates of strangers are far from evenly spread.
//!
//! | Field | agrees | disagrees | in between |
//! |---|---|---|---|
//! | given name | +6 | −6 | Jaro-Winkler from 0.7 to 1 |
//! | family name | +8 | −5 (people marry) | Jaro-Winkler from 0.7 to 1 |
//! | birth date | +12 | −8 | day and month swapped 0.85, one digit off 0.7 |
//! | sex | +1 | −3 | nothing when one is unknown |
//! | national id | +14 | −8 | one character off 0.6 |
//! | telephone | +3 | −1 | |
//! | electronic mail | +4 | −1 | |
//! | address | +3 | −0.5 | Jaro-Winkler from 0.9 to 1 |
//!
//! Given and family name written in each other's field count as 0.95 of agreement.
//! Telephone, mail and address are shared by families; together they add at most 4
//! bits, so that they cannot make siblings or twins one person. The score is the sum
//! divided by the 27 bits of four agreeing core fields, cut to 0 to 1.

use jiff::civil::Date;

use crate::named::named;
use crate::patient::demographics::Sex;
use crate::patient::{Demographics, name};

/// From this score on a registration is stopped and the candidates are shown.
pub const LIKELY: f64 = 0.80;
/// From this score on a pair is put into the queue for somebody to look at.
pub const POSSIBLE: f64 = 0.65;

/// Bits of a field when it agrees, and when it does not.
struct Weight {
    agrees: f64,
    disagrees: f64,
}

const GIVEN: Weight = Weight {
    agrees: 6.0,
    disagrees: 6.0,
};
const FAMILY: Weight = Weight {
    agrees: 8.0,
    disagrees: 5.0,
};
const BIRTH_DATE: Weight = Weight {
    agrees: 12.0,
    disagrees: 8.0,
};
const SEX: Weight = Weight {
    agrees: 1.0,
    disagrees: 3.0,
};
const NATIONAL_ID: Weight = Weight {
    agrees: 14.0,
    disagrees: 8.0,
};
const PHONE: Weight = Weight {
    agrees: 3.0,
    disagrees: 1.0,
};
const EMAIL: Weight = Weight {
    agrees: 4.0,
    disagrees: 1.0,
};
const ADDRESS: Weight = Weight {
    agrees: 3.0,
    disagrees: 0.5,
};

/// The most that what a family shares can add.
const HOUSEHOLD: f64 = 4.0;
/// The sum when name, birth date and sex agree.
const CORE: f64 = GIVEN.agrees + FAMILY.agrees + BIRTH_DATE.agrees + SEX.agrees;
/// What names in each other's field count, compared with names in their own.
const SWAPPED_NAMES: f64 = 0.95;
/// From this similarity on names or addresses count as the same.
const SAME: f64 = 0.999;

impl Weight {
    /// The bits of a field that agrees by the given degree, 0 to 1.
    fn bits(&self, degree: f64) -> f64 {
        degree * self.agrees - (1.0 - degree) * self.disagrees
    }
}

/// What is compared of a record: folded, so that spelling does not matter. Personal:
/// has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Profile {
    /// Folded given names.
    pub given: String,
    /// Folded family name.
    pub family: String,
    /// Day of birth.
    pub birth_date: Date,
    /// Administrative sex.
    pub sex: Sex,
    /// Telephone, as far as spellings of one number agree.
    pub phone: Option<String>,
    /// Electronic mail, folded.
    pub email: Option<String>,
    /// National id without punctuation.
    pub national_id: Option<String>,
    /// Folded street and city.
    pub address: Option<String>,
}

impl From<&Demographics> for Profile {
    fn from(person: &Demographics) -> Self {
        Self {
            given: name::key(&person.given_name),
            family: name::key(&person.family_name),
            birth_date: person.birth_date,
            sex: person.sex,
            phone: person.phone.as_ref().map(|phone| phone.key()),
            email: person.email.as_ref().map(|email| email.key()),
            national_id: person.national_id.as_ref().map(|id| id.key()),
            address: person.address.as_ref().map(|address| address.key()),
        }
    }
}

named! {
    /// Why two records look like one person.
    #[schema(as = DuplicateReason)]
    pub enum Reason {
        /// Given and family name are the same.
        SameName = "SAME_NAME",
        /// Given and family name are alike.
        SimilarName = "SIMILAR_NAME",
        /// Given and family name stand in each other's place.
        NamesSwapped = "NAMES_SWAPPED",
        /// The birth date is the same.
        SameBirthDate = "SAME_BIRTH_DATE",
        /// Day and month of birth stand in each other's place.
        DayMonthSwapped = "DAY_MONTH_SWAPPED",
        /// One digit of the birth date differs.
        BirthDateOneDigitOff = "BIRTH_DATE_ONE_DIGIT_OFF",
        /// The national id is the same.
        SameNationalId = "SAME_NATIONAL_ID",
        /// The national id differs by one typing error.
        SimilarNationalId = "SIMILAR_NATIONAL_ID",
        /// The telephone number is the same.
        SamePhone = "SAME_PHONE",
        /// The electronic mail address is the same.
        SameEmail = "SAME_EMAIL",
        /// The address is the same or nearly so.
        SameAddress = "SAME_ADDRESS",
        /// An identifier of another system is the same.
        SameIdentifier = "SAME_IDENTIFIER",
    }
}

/// How alike two records are, and in what.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// 0 (nothing speaks for it) to 1 (everything does).
    pub score: f64,
    /// What speaks for it.
    pub reasons: Vec<Reason>,
}

/// Compares two records.
#[must_use]
pub fn compare(a: &Profile, b: &Profile) -> Match {
    let mut reasons = Vec::new();
    let core = names(a, b, &mut reasons)
        + BIRTH_DATE.bits(birth_dates(a.birth_date, b.birth_date, &mut reasons))
        + sexes(a.sex, b.sex);
    let ids = both(&a.national_id, &b.national_id, |a, b| {
        NATIONAL_ID.bits(national_ids(a, b, &mut reasons))
    });
    let phone = both(&a.phone, &b.phone, |a, b| {
        PHONE.bits(equal(a, b, Reason::SamePhone, &mut reasons))
    });
    let email = both(&a.email, &b.email, |a, b| {
        EMAIL.bits(equal(a, b, Reason::SameEmail, &mut reasons))
    });
    let address = both(&a.address, &b.address, |a, b| {
        ADDRESS.bits(addresses(a, b, &mut reasons))
    });
    let household = (phone + email + address).min(HOUSEHOLD);
    Match {
        score: ((core + ids + household) / CORE).clamp(0.0, 1.0),
        reasons,
    }
}

/// The evidence of a field that both know; nothing when one does not.
fn both(a: &Option<String>, b: &Option<String>, bits: impl FnOnce(&str, &str) -> f64) -> f64 {
    match (a, b) {
        (Some(a), Some(b)) => bits(a, b),
        _ => 0.0,
    }
}

fn equal(a: &str, b: &str, reason: Reason, reasons: &mut Vec<Reason>) -> f64 {
    if a == b {
        reasons.push(reason);
        return 1.0;
    }
    0.0
}

fn names(a: &Profile, b: &Profile, reasons: &mut Vec<Reason>) -> f64 {
    let bits = |given: f64, family: f64| GIVEN.bits(given) + FAMILY.bits(family);
    let (given, family) = (
        alike(&a.given, &b.given, 0.7),
        alike(&a.family, &b.family, 0.7),
    );
    let straight = bits(given, family);
    let crosswise =
        SWAPPED_NAMES * alike(&a.given, &b.family, 0.7).min(alike(&a.family, &b.given, 0.7));
    let swapped = bits(crosswise, crosswise);
    if straight < swapped {
        if 0.5 < crosswise {
            reasons.push(Reason::NamesSwapped);
        }
        return swapped;
    }
    if SAME <= given.min(family) {
        reasons.push(Reason::SameName);
    } else if 0.5 < given.min(family) {
        reasons.push(Reason::SimilarName);
    }
    straight
}

/// The degree to which two texts agree: 0 up to a Jaro-Winkler similarity of `from`.
/// The algorithm depends on the order of its arguments, a score must not.
fn alike(a: &str, b: &str, from: f64) -> f64 {
    let similarity = strsim::jaro_winkler(a, b).max(strsim::jaro_winkler(b, a));
    ((similarity - from) / (1.0 - from)).clamp(0.0, 1.0)
}

fn birth_dates(a: Date, b: Date, reasons: &mut Vec<Reason>) -> f64 {
    let (degree, reason) = if a == b {
        (1.0, Reason::SameBirthDate)
    } else if a.year() == b.year() && a.day() == b.month() && a.month() == b.day() {
        (0.85, Reason::DayMonthSwapped)
    } else if strsim::generic_hamming(a.to_string().bytes(), b.to_string().bytes()) == Ok(1) {
        (0.7, Reason::BirthDateOneDigitOff)
    } else {
        return 0.0;
    };
    reasons.push(reason);
    degree
}

fn sexes(a: Sex, b: Sex) -> f64 {
    if a == b {
        SEX.bits(1.0)
    } else if a == Sex::Unknown || b == Sex::Unknown {
        0.0
    } else {
        SEX.bits(0.0)
    }
}

fn national_ids(a: &str, b: &str, reasons: &mut Vec<Reason>) -> f64 {
    if a == b {
        reasons.push(Reason::SameNationalId);
        1.0
    } else if strsim::osa_distance(a, b) == 1 {
        reasons.push(Reason::SimilarNationalId);
        0.6
    } else {
        0.0
    }
}

fn addresses(a: &str, b: &str, reasons: &mut Vec<Reason>) -> f64 {
    let degree = alike(a, b, 0.9);
    if 0.5 < degree {
        reasons.push(Reason::SameAddress);
    }
    degree
}

#[cfg(test)]
mod tests;
