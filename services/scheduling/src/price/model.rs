//! A price, and who is expected to pay it. Pure.

use galen_contracts::billing::v1::EstimateAppointmentResponse;
use galen_kernel::{Currency, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an appointment costs by the tariff, and who is expected to pay it. Minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Of all amounts.
    pub currency: Currency,
    /// The patient's part.
    pub patient: i64,
    /// The insurers' part.
    pub insurer: i64,
    /// What the patient is asked to pay before it, by the rules of the hospital.
    pub prepayment: i64,
}

/// Whether an appointment has a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AppointmentPriceStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PriceStatus {
    /// It has.
    Priced,
    /// There is none in force.
    Unpriced,
    /// Billing did not say it when it was booked, and is asked again.
    Pending,
    /// Billing did not say it in time.
    Unanswered,
}

impl PriceStatus {
    /// Every one.
    pub const ALL: [Self; 4] = [
        Self::Priced,
        Self::Unpriced,
        Self::Pending,
        Self::Unanswered,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Priced => "PRICED",
            Self::Unpriced => "UNPRICED",
            Self::Pending => "PENDING",
            Self::Unanswered => "UNANSWERED",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What is known of the price of an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pricing {
    /// It costs this.
    Priced(Quote),
    /// There is no price in force.
    Unpriced,
    /// Nobody knows yet.
    Pending,
    /// Nobody knew in time.
    Unanswered,
}

impl Pricing {
    /// Its status.
    #[must_use]
    pub const fn status(self) -> PriceStatus {
        match self {
            Self::Priced(_) => PriceStatus::Priced,
            Self::Unpriced => PriceStatus::Unpriced,
            Self::Pending => PriceStatus::Pending,
            Self::Unanswered => PriceStatus::Unanswered,
        }
    }

    /// What it costs, as far as is known.
    #[must_use]
    pub const fn quote(self) -> Option<Quote> {
        match self {
            Self::Priced(quote) => Some(quote),
            Self::Unpriced | Self::Pending | Self::Unanswered => None,
        }
    }

    /// Puts together what is stored apart; `None` when it does not fit.
    #[must_use]
    pub fn of(status: PriceStatus, quote: Option<Quote>) -> Option<Self> {
        match (status, quote) {
            (PriceStatus::Priced, Some(quote)) => Some(Self::Priced(quote)),
            (PriceStatus::Unpriced, None) => Some(Self::Unpriced),
            (PriceStatus::Pending, None) => Some(Self::Pending),
            (PriceStatus::Unanswered, None) => Some(Self::Unanswered),
            _ => None,
        }
    }
}

/// What billing says about an appointment that is to be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It costs this.
    Offered(Offer),
    /// There is no price in force, or none that makes sense.
    Unpriced,
    /// Nothing.
    Nothing,
}

impl Told {
    /// What is known of the price, if the patient can pay before.
    ///
    /// # Errors
    /// When there is less than is asked.
    pub fn affordable(self) -> Result<Pricing, Unaffordable> {
        affordable_together(&[self])?;
        Ok(self.pricing())
    }

    /// What is known of the price.
    #[must_use]
    pub const fn pricing(self) -> Pricing {
        match self {
            Self::Offered(offer) => Pricing::Priced(offer.quote),
            Self::Unpriced => Pricing::Unpriced,
            Self::Nothing => Pricing::Pending,
        }
    }
}

/// Whether the patient can pay what is asked before all of these. Where nobody knows, the
/// booking processes find out.
///
/// # Errors
/// When there is less than is asked for all of them.
pub fn affordable_together(all: &[Told]) -> Result<(), Unaffordable> {
    let offers: Vec<Offer> = all
        .iter()
        .filter_map(|told| match told {
            Told::Offered(offer) => Some(*offer),
            Told::Unpriced | Told::Nothing => None,
        })
        .collect();
    // All amounts are of the one currency that billing counts in.
    let Some(first) = offers.first() else {
        return Ok(());
    };
    let asked = offers.iter().fold(0_i64, |sum, offer| {
        sum.saturating_add(offer.quote.prepayment)
    });
    let available = offers.iter().filter_map(|offer| offer.available).min();
    match available {
        Some(available) if available < asked => Err(Unaffordable(first.quote.money(asked))),
        _ => Ok(()),
    }
}

/// What an appointment would cost, and whether the patient can pay before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// What it costs.
    pub quote: Quote,
    /// What of the prepayment the patient could pay now; `None` when none is asked, or
    /// nobody knows.
    pub available: Option<i64>,
}

/// The patient cannot pay what is asked before the appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a prepayment of {} {} is asked", .0, .0.currency.code())]
pub struct Unaffordable(pub Money);

impl Offer {
    /// Reads what billing said; `None` as [`Quote::read`].
    #[must_use]
    pub fn read(told: &EstimateAppointmentResponse) -> Option<Self> {
        Quote::read(told).map(|quote| Self {
            quote,
            available: told.available,
        })
    }
}

impl Quote {
    /// Reads what billing said; `None` when there is no price in force, or when it makes
    /// no sense.
    #[must_use]
    pub fn read(told: &EstimateAppointmentResponse) -> Option<Self> {
        let negative = [told.patient, told.insurer, told.prepayment]
            .iter()
            .any(|amount| amount.is_negative());
        if told.unpriced || negative || told.price < told.prepayment {
            return None;
        }
        let sum = told.patient.checked_add(told.insurer)?;
        (sum == told.price).then_some(())?;
        Some(Self {
            currency: told.currency.parse().ok()?,
            patient: told.patient,
            insurer: told.insurer,
            prepayment: told.prepayment,
        })
    }

    /// What is asked for before, if anything is.
    #[must_use]
    pub fn asked(&self) -> Option<Money> {
        (self.prepayment > 0).then(|| self.money(self.prepayment))
    }

    /// What it costs.
    #[must_use]
    pub const fn price(&self) -> Money {
        self.money(self.patient + self.insurer)
    }

    /// An amount of its currency.
    #[must_use]
    pub const fn money(&self, minor: i64) -> Money {
        Money {
            minor,
            currency: self.currency,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(price: i64, patient: i64, insurer: i64) -> EstimateAppointmentResponse {
        EstimateAppointmentResponse {
            unpriced: false,
            currency: "EUR".to_owned(),
            price,
            patient,
            insurer,
            prepayment: 0,
            available: None,
        }
    }

    fn offer(available: Option<i64>) -> Told {
        Told::Offered(Offer {
            available,
            quote: Quote {
                prepayment: 3_000,
                ..Quote::read(&told(15_000, 3_000, 12_000)).expect("a price")
            },
        })
    }

    #[test]
    fn a_prepayment_must_be_affordable_if_anybody_knows() {
        assert!(offer(None).affordable().is_ok());
        assert!(offer(Some(3_000)).affordable().is_ok());
        let short = offer(Some(2_999)).affordable().expect_err("too little");
        assert_eq!(short.to_string(), "a prepayment of 30.00 EUR is asked");
        assert_eq!(Told::Nothing.affordable(), Ok(Pricing::Pending));
        assert_eq!(Told::Unpriced.affordable(), Ok(Pricing::Unpriced));
    }

    #[test]
    fn several_are_paid_from_one_wallet() {
        let three = |available| {
            let last = offer(available);
            affordable_together(&[offer(None), Told::Nothing, offer(available), last])
        };
        assert_eq!(three(None), Ok(()));
        assert_eq!(three(Some(9_000)), Ok(()));
        let short = three(Some(8_999)).expect_err("too little for all");
        assert_eq!(short.to_string(), "a prepayment of 90.00 EUR is asked");
        assert_eq!(
            affordable_together(&[Told::Unpriced, Told::Nothing]),
            Ok(())
        );
    }

    #[test]
    fn what_is_stored_of_a_price_is_all_of_it_or_nothing() {
        let Told::Offered(Offer { quote, .. }) = offer(None) else {
            panic!("an offer")
        };
        for status in PriceStatus::ALL {
            assert_eq!(PriceStatus::named(status.name()), Some(status));
            assert_eq!(
                serde_json::to_value(status).ok(),
                Some(status.name().into())
            );
            let is_priced = status == PriceStatus::Priced;
            let stored = Pricing::of(status, is_priced.then_some(quote));
            assert_eq!(stored.map(Pricing::status), Some(status));
            assert_eq!(stored.and_then(Pricing::quote).is_some(), is_priced);
            assert_eq!(Pricing::of(status, (!is_priced).then_some(quote)), None);
        }
    }

    #[test]
    fn a_price_is_what_patient_and_insurer_pay() {
        let quote = Quote::read(&told(15_000, 3_000, 12_000)).expect("a price");
        assert_eq!(quote.price().to_string(), "150.00");
        for nonsense in [
            told(15_000, 3_000, 0),
            EstimateAppointmentResponse {
                prepayment: 15_001,
                ..told(15_000, 3_000, 12_000)
            },
            told(0, -1, 1),
            told(-2, i64::MAX, i64::MAX),
            EstimateAppointmentResponse {
                currency: "???".to_owned(),
                ..told(1, 1, 0)
            },
            EstimateAppointmentResponse {
                unpriced: true,
                ..told(0, 0, 0)
            },
        ] {
            assert_eq!(Quote::read(&nonsense), None, "{nonsense:?}");
        }
    }
}
