//! A price, and who is expected to pay it. Pure.

use galen_contracts::billing::v1::EstimateAppointmentResponse;
use galen_kernel::{Currency, Money};

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

/// What billing says about an appointment that is to be booked.
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

    /// The quote, if the patient can pay before. Where nobody knows, the booking process
    /// finds out.
    ///
    /// # Errors
    /// When there is less than is asked.
    pub fn affordable(self) -> Result<Quote, Unaffordable> {
        match self.available {
            Some(available) if available < self.quote.prepayment => {
                Err(Unaffordable(self.quote.money(self.quote.prepayment)))
            }
            _ => Ok(self.quote),
        }
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

    #[test]
    fn a_prepayment_must_be_affordable_if_anybody_knows() {
        let offer = |available| Offer {
            available,
            quote: Quote {
                prepayment: 3_000,
                ..Quote::read(&told(15_000, 3_000, 12_000)).expect("a price")
            },
        };
        assert!(offer(None).affordable().is_ok());
        assert!(offer(Some(3_000)).affordable().is_ok());
        let short = offer(Some(2_999)).affordable().expect_err("too little");
        assert_eq!(short.to_string(), "a prepayment of 30.00 EUR is asked");
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
