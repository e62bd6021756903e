//! A charge: something was done that somebody pays for. Pure.

use galen_contracts::ids::PatientId;
use galen_kernel::{Id, Money, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a [`ChargeId`] identifies.
pub enum ChargeKind {}

/// A charge's id.
pub type ChargeId = Id<ChargeKind>;

/// Where a charge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ChargeStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// There is no price in force: somebody has to find one.
    Held,
    /// It can be invoiced.
    Priced,
    /// It is on an invoice.
    Invoiced,
    /// It is taken back.
    Voided,
}

impl Status {
    const ALL: [Self; 4] = [Self::Held, Self::Priced, Self::Invoiced, Self::Voided];

    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Priced => "PRICED",
            Self::Invoiced => "INVOICED",
            Self::Voided => "VOIDED",
        }
    }

    /// Reads what [`Status::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// Who is asked to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BillingPaymentMode)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentMode {
    /// The patient.
    SelfPay,
    /// Who insures the patient, and the patient for the rest.
    Insurance,
}

impl PaymentMode {
    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SelfPay => "SELF_PAY",
            Self::Insurance => "INSURANCE",
        }
    }

    /// Reads what [`PaymentMode::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::SelfPay, Self::Insurance]
            .into_iter()
            .find(|mode| mode.name() == name)
    }
}

/// Class of an encounter (v3 `ActCode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum EncounterClass {
    /// A visit.
    #[default]
    Amb,
    /// A stay.
    Imp,
    /// An emergency.
    Emer,
}

impl EncounterClass {
    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amb => "AMB",
            Self::Imp => "IMP",
            Self::Emer => "EMER",
        }
    }

    /// Reads what [`EncounterClass::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::Amb, Self::Imp, Self::Emer]
            .into_iter()
            .find(|class| class.name() == name)
    }
}

/// What a charge costs, by which tariff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// For one unit.
    pub unit: Money,
    /// For all of them.
    pub amount: Money,
    /// The tariff it comes from.
    pub tariff: Uuid,
    /// Which kind of service it is, if the tariff says.
    pub category: Option<String>,
}

impl Price {
    /// The price of some units; `None` when that is more than can be written down, or
    /// less than nothing.
    #[must_use]
    pub fn of(unit: Money, quantity: u32, tariff: Uuid, category: Option<String>) -> Option<Self> {
        let minor = unit.minor.checked_mul(i64::from(quantity))?;
        (minor >= 0).then_some(Self {
            unit,
            amount: Money { minor, ..unit },
            tariff,
            category,
        })
    }
}

/// A charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Its id.
    pub id: ChargeId,
    /// Whose: the record that it was captured for.
    pub patient: PatientId,
    /// What it follows from, an appointment; `None`: it was charged by hand.
    pub source: Option<Uuid>,
    /// The stay it belongs to.
    pub admission: Option<Uuid>,
    /// What was done.
    pub code: String,
    /// In which kind of encounter.
    pub class: EncounterClass,
    /// Who is asked to pay.
    pub mode: PaymentMode,
    /// How many units.
    pub quantity: u32,
    /// When.
    pub served_at: Timestamp,
    /// On which day of the hospital.
    pub served_on: Date,
    /// Where it stands.
    pub status: Status,
    /// What it costs.
    pub price: Option<Price>,
    /// The invoice that it is on.
    pub invoice: Option<Uuid>,
    /// The charge that it corrects.
    pub replaces: Option<ChargeId>,
    /// Rises by one with every change.
    pub version: i64,
    /// When it was captured.
    pub captured_at: Timestamp,
}

/// Why a charge does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChargeRefusal {
    /// It is on an invoice: a credit note takes it off.
    #[error("the charge is on an invoice")]
    Invoiced,
    /// It was taken back.
    #[error("the charge is voided")]
    Voided,
    /// It has no price.
    #[error("the charge has no price")]
    Unpriced,
}

impl Charge {
    /// With a price: it can be invoiced. A charge that has one keeps it: what a service
    /// costs is settled when it is priced.
    ///
    /// # Errors
    /// When it was taken back.
    pub fn priced(mut self, price: Option<Price>) -> Result<Self, ChargeRefusal> {
        match (self.status, price) {
            (Status::Voided, _) => Err(ChargeRefusal::Voided),
            (Status::Held, Some(price)) => {
                self.price = Some(price);
                self.status = Status::Priced;
                self.version += 1;
                Ok(self)
            }
            _ => Ok(self),
        }
    }

    /// Taken back.
    ///
    /// # Errors
    /// When it is on an invoice, or was taken back before.
    pub fn voided(mut self) -> Result<Self, ChargeRefusal> {
        match self.status {
            Status::Invoiced => Err(ChargeRefusal::Invoiced),
            Status::Voided => Err(ChargeRefusal::Voided),
            Status::Held | Status::Priced => {
                self.status = Status::Voided;
                self.version += 1;
                Ok(self)
            }
        }
    }

    /// What it costs, if it can be put on an invoice.
    ///
    /// # Errors
    /// When it cannot.
    pub fn billable(&self) -> Result<&Price, ChargeRefusal> {
        match (self.status, &self.price) {
            (Status::Priced, Some(price)) => Ok(price),
            (Status::Invoiced, _) => Err(ChargeRefusal::Invoiced),
            (Status::Voided, _) => Err(ChargeRefusal::Voided),
            _ => Err(ChargeRefusal::Unpriced),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(status: Status) -> Charge {
        let unit = Money {
            minor: 1500,
            currency: "EUR".parse().expect("a currency"),
        };
        let has = matches!(status, Status::Priced | Status::Invoiced);
        Charge {
            id: ChargeId::from_uuid(Uuid::from_u128(1)),
            patient: PatientId::from_uuid(Uuid::from_u128(2)),
            source: None,
            admission: None,
            code: "CONSULTATION".to_owned(),
            class: EncounterClass::Amb,
            mode: PaymentMode::SelfPay,
            quantity: 2,
            served_at: Timestamp::UNIX_EPOCH,
            served_on: Date::constant(1970, 1, 1),
            status,
            price: has
                .then(|| Price::of(unit, 2, Uuid::from_u128(3), None))
                .flatten(),
            invoice: (status == Status::Invoiced).then(|| Uuid::from_u128(4)),
            replaces: None,
            version: 1,
            captured_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_price_is_for_all_units_and_never_overflows() {
        let price = charge(Status::Priced).price.expect("a price");
        assert_eq!((price.unit.minor, price.amount.minor), (1500, 3000));
        let most = Money {
            minor: i64::MAX,
            ..price.unit
        };
        assert_eq!(Price::of(most, 2, price.tariff, None), None);
    }

    #[test]
    fn a_charge_waits_for_its_price_and_keeps_it() {
        let price = charge(Status::Priced).price;
        let priced = charge(Status::Held)
            .priced(price.clone())
            .expect("it waits");
        assert_eq!((priced.status, priced.version), (Status::Priced, 2));
        assert_eq!(priced.clone().priced(price.clone()), Ok(priced));
        assert_eq!(
            charge(Status::Held).priced(None),
            Ok(charge(Status::Held)),
            "without a price it still waits"
        );
        assert_eq!(
            charge(Status::Voided).priced(price),
            Err(ChargeRefusal::Voided)
        );
    }

    #[test]
    fn only_what_is_priced_and_not_invoiced_can_be_invoiced() {
        assert!(charge(Status::Priced).billable().is_ok());
        for (status, refusal) in [
            (Status::Held, ChargeRefusal::Unpriced),
            (Status::Invoiced, ChargeRefusal::Invoiced),
            (Status::Voided, ChargeRefusal::Voided),
        ] {
            assert_eq!(charge(status).billable(), Err(refusal));
        }
    }

    #[test]
    fn what_is_invoiced_is_not_voided() {
        for status in [Status::Held, Status::Priced] {
            let voided = charge(status).voided().expect("it can be");
            assert_eq!((voided.status, voided.version), (Status::Voided, 2));
        }
        assert_eq!(
            charge(Status::Invoiced).voided(),
            Err(ChargeRefusal::Invoiced)
        );
        assert_eq!(charge(Status::Voided).voided(), Err(ChargeRefusal::Voided));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for status in Status::ALL {
            assert_eq!(Status::read(status.name()), Some(status));
        }
        for class in ["AMB", "IMP", "EMER"] {
            assert_eq!(
                EncounterClass::read(class).map(EncounterClass::name),
                Some(class)
            );
        }
        for mode in ["SELF_PAY", "INSURANCE"] {
            assert_eq!(PaymentMode::read(mode).map(PaymentMode::name), Some(mode));
        }
    }
}
