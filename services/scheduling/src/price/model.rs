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
