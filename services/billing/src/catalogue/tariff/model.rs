//! A tariff. Pure.

use galen_kernel::{Id, Money, Problem};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalogue::PayerId;

/// What a [`TariffId`] identifies.
pub enum TariffMark {}
/// A tariff's id.
pub type TariffId = Id<TariffMark>;

/// A class of encounters (v3 `ActCode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum EncounterClass {
    /// The patient comes and goes.
    #[serde(rename = "AMB")]
    Ambulatory,
    /// An emergency.
    #[serde(rename = "EMER")]
    Emergency,
    /// The patient stays.
    #[serde(rename = "IMP")]
    Inpatient,
}

impl EncounterClass {
    /// As stored and sent.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ambulatory => "AMB",
            Self::Emergency => "EMER",
            Self::Inpatient => "IMP",
        }
    }

    /// Reads what [`EncounterClass::code`] wrote.
    #[must_use]
    pub fn read(code: &str) -> Option<Self> {
        [Self::Ambulatory, Self::Emergency, Self::Inpatient]
            .into_iter()
            .find(|class| class.code() == code)
    }
}

/// What a service costs from a day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    /// Its id.
    pub id: TariffId,
    /// What costs that.
    pub service_code: String,
    /// What it is called on invoices.
    pub name: Option<String>,
    /// The kind of the service, by which plans may know it.
    pub category: Option<String>,
    /// Agreed with this payer; `None`: for everybody.
    pub payer: Option<PayerId>,
    /// In encounters of this class; `None`: in all.
    pub encounter_class: Option<EncounterClass>,
    /// One unit of it.
    pub price: Money,
    /// First day.
    pub valid_from: Date,
    /// First day on which it is no longer the price; the same as the first: never was.
    pub valid_to: Option<Date>,
    /// Rises by one with every change.
    pub version: i64,
}

/// A price that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// One unit.
    pub amount: Money,
    /// By which tariff.
    pub tariff: TariffId,
    /// The kind of the service.
    pub category: Option<String>,
}

impl Tariff {
    /// Ends it on a day, which is the first without it. What was the price until today
    /// was the price: only days to come can be taken away or given.
    ///
    /// # Errors
    /// [`TariffError::Over`], [`TariffError::Past`].
    pub fn end(&mut self, on: Date, today: Date) -> Result<(), TariffError> {
        if self.valid_to.is_some_and(|end| end < today) {
            return Err(TariffError::Over);
        }
        if on < self.valid_from || on < today {
            return Err(TariffError::Past);
        }
        self.valid_to = Some(on);
        Ok(())
    }
}

/// Why a command on a tariff is refused.
#[derive(Debug, thiserror::Error)]
pub enum TariffError {
    /// There is none.
    #[error("no such tariff")]
    Unknown,
    /// There is no such payer.
    #[error("no such payer")]
    UnknownPayer,
    /// Another one says what it costs in that time.
    #[error("the tariff overlaps another one")]
    Overlap,
    /// It has ended.
    #[error("the tariff is over")]
    Over,
    /// It cannot be ended on a day that is past, or before it begins.
    #[error("a tariff ends on a day to come")]
    Past,
    /// The database failed.
    #[error(transparent)]
    Storage(galen_storage::Error),
}

impl From<galen_storage::Error> for TariffError {
    fn from(error: galen_storage::Error) -> Self {
        match error.constraint() {
            Some("tariff_overlap") => Self::Overlap,
            Some("tariff_payer_id_fkey") => Self::UnknownPayer,
            _ => Self::Storage(error),
        }
    }
}

impl From<TariffError> for Problem {
    fn from(error: TariffError) -> Self {
        match error {
            TariffError::Unknown => Self::not_found(),
            TariffError::UnknownPayer => {
                Self::invalid_field("/payerId", "UNKNOWN_PAYER", "there is no such payer")
            }
            TariffError::Overlap => Self::conflict(
                "TARIFF_OVERLAP",
                "Another tariff says what this costs in that time.",
            ),
            TariffError::Over => Self::conflict("TARIFF_OVER", "The tariff has ended."),
            TariffError::Past => Self::invalid_field(
                "/validTo",
                "IN_THE_PAST",
                "must be today or later, and not before validFrom",
            ),
            TariffError::Storage(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().expect("a day")
    }

    fn tariff(from: &str, to: Option<&str>) -> Tariff {
        let currency = "EUR".parse().expect("a currency");
        Tariff {
            id: TariffId::from_uuid(uuid::Uuid::nil()),
            service_code: "X".to_owned(),
            name: None,
            category: None,
            payer: None,
            encounter_class: None,
            price: Money {
                minor: 100,
                currency,
            },
            valid_from: day(from),
            valid_to: to.map(day),
            version: 1,
        }
    }

    #[test]
    fn what_was_the_price_stays_the_price() {
        let today = day("2026-06-01");
        let mut running = tariff("2026-01-01", None);
        assert!(matches!(
            running.end(day("2026-05-31"), today),
            Err(TariffError::Past)
        ));
        assert!(running.end(today, today).is_ok());
        assert!(
            running.end(day("2026-07-01"), today).is_ok(),
            "ends later after all"
        );
        let mut over = tariff("2026-01-01", Some("2026-05-31"));
        assert!(matches!(
            over.end(day("2026-12-31"), today),
            Err(TariffError::Over)
        ));
    }

    #[test]
    fn what_has_not_begun_can_be_taken_back() {
        let today = day("2026-06-01");
        let mut coming = tariff("2026-07-01", None);
        assert!(matches!(
            coming.end(day("2026-06-30"), today),
            Err(TariffError::Past)
        ));
        assert!(coming.end(day("2026-07-01"), today).is_ok());
    }
}
