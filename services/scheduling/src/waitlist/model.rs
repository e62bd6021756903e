//! An entry of the waitlist and its states. Pure.

use galen_contracts::convert::to_wire;
use galen_contracts::ids::{AppointmentId, PatientId, PractitionerId};
use galen_contracts::scheduling::v1 as contract;
use galen_kernel::{Id, Problem, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::claim::model::HoldId;
use crate::interval::Interval;
use crate::service_type::{PaymentMode, ServiceType};

/// Marker of an entry's id.
pub enum EntryKey {}
/// An entry's id.
pub type EntryId = Id<EntryKey>;

/// Where an entry stands, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = WaitlistStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Waits.
    Waiting,
    /// A slot is kept for them, until they answer or the time is over.
    Offered,
    /// Has an appointment.
    Booked,
    /// Did not answer in time, or waited until it was too late.
    Expired,
    /// No longer waits.
    Withdrawn,
}

impl Status {
    /// Every status.
    pub const ALL: &[Self] = &[
        Self::Waiting,
        Self::Offered,
        Self::Booked,
        Self::Expired,
        Self::Withdrawn,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Offered => "OFFERED",
            Self::Booked => "BOOKED",
            Self::Expired => "EXPIRED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|status| status.name() == name)
    }
}

/// A slot that is kept for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The claim that keeps it.
    pub id: HoldId,
    /// Whose time.
    pub practitioner: PractitionerId,
    /// Which time.
    pub during: Interval,
    /// Until then.
    pub expires_at: Timestamp,
}

/// Where an entry stands, with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits.
    Waiting,
    /// A slot is kept.
    Offered(Offer),
    /// Has this appointment.
    Booked(AppointmentId),
    /// Too late.
    Expired,
    /// No longer waits.
    Withdrawn,
}

/// With whom somebody wants the appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// With this one.
    Practitioner(PractitionerId),
    /// With anybody who practises this.
    Specialty(String),
}

/// Somebody who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// Who.
    pub patient: PatientId,
    /// With whom.
    pub wish: Wish,
    /// What for.
    pub service_type: ServiceType,
    /// Who is to pay.
    pub payment_mode: PaymentMode,
    /// Within this window.
    pub window: Interval,
    /// Where it stands.
    pub state: State,
    /// Since when; who came first is asked first.
    pub created_at: Timestamp,
    /// Rises by one with every change.
    pub version: i64,
}

/// Why an entry cannot be changed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not in this status.
    #[error("an entry that is {} does not allow this", .0.name())]
    NotNow(Status),
    /// The offer is over.
    #[error("the offer has expired")]
    OfferExpired,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotNow(status) => {
                Self::conflict("INVALID_TRANSITION", "The status does not allow this.")
                    .with_detail(refusal.to_string())
                    .with("currentStatus", status.name().into())
            }
            Refusal::OfferExpired => Self::conflict("OFFER_EXPIRED", "The offer has expired."),
        }
    }
}

impl State {
    /// Its name.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Waiting => Status::Waiting,
            Self::Offered(_) => Status::Offered,
            Self::Booked(_) => Status::Booked,
            Self::Expired => Status::Expired,
            Self::Withdrawn => Status::Withdrawn,
        }
    }
}

/// The least notice at which anything is offered.
pub const LEAST_NOTICE: SignedDuration = SignedDuration::from_mins(15);

impl Entry {
    /// The part of a free time that fits this entry; the first that does.
    #[must_use]
    pub fn fits(&self, free: Interval) -> Option<Interval> {
        let start = free.start().max(self.window.start());
        let slot = Interval::lasting(start, self.service_type.length())?;
        (free.contains(&slot) && self.window.contains(&slot)).then_some(slot)
    }

    /// A slot is offered.
    ///
    /// # Errors
    /// [`Refusal`] unless it waits.
    pub fn offered(mut self, offer: Offer) -> Result<Self, Refusal> {
        match self.state {
            State::Waiting => {
                (self.state, self.version) = (State::Offered(offer), self.version + 1);
                Ok(self)
            }
            other => Err(Refusal::NotNow(other.status())),
        }
    }

    /// The offer that can be accepted now.
    ///
    /// # Errors
    /// [`Refusal`] when there is none, or it is over.
    pub fn open_offer(&self, now: Timestamp) -> Result<Offer, Refusal> {
        match self.state {
            State::Offered(offer) if offer.expires_at > now => Ok(offer),
            State::Offered(_) => Err(Refusal::OfferExpired),
            other => Err(Refusal::NotNow(other.status())),
        }
    }

    /// The offer was accepted and booked.
    #[must_use]
    pub fn booked(mut self, appointment: AppointmentId) -> Self {
        (self.state, self.version) = (State::Booked(appointment), self.version + 1);
        self
    }

    /// The offer is declined: waits on, for another.
    ///
    /// # Errors
    /// [`Refusal`] unless there is an offer.
    pub fn declined(mut self) -> Result<(Self, Offer), Refusal> {
        match self.state {
            State::Offered(offer) => {
                (self.state, self.version) = (State::Waiting, self.version + 1);
                Ok((self, offer))
            }
            other => Err(Refusal::NotNow(other.status())),
        }
    }

    /// Nobody answered in time.
    ///
    /// # Errors
    /// [`Refusal`] unless there is an offer whose time is over.
    pub fn lapsed(mut self, now: Timestamp) -> Result<(Self, Offer), Refusal> {
        match self.state {
            State::Offered(offer) if offer.expires_at <= now => {
                (self.state, self.version) = (State::Expired, self.version + 1);
                Ok((self, offer))
            }
            other => Err(Refusal::NotNow(other.status())),
        }
    }

    /// Waits no longer. What was offered is free.
    ///
    /// # Errors
    /// [`Refusal`] when it is over already.
    pub fn withdrawn(mut self) -> Result<(Self, Option<Offer>), Refusal> {
        let offer = match self.state {
            State::Waiting => None,
            State::Offered(offer) => Some(offer),
            other => return Err(Refusal::NotNow(other.status())),
        };
        (self.state, self.version) = (State::Withdrawn, self.version + 1);
        Ok((self, offer))
    }

    /// The event of an offer.
    #[must_use]
    pub fn slot_offered(&self, offer: &Offer) -> contract::SlotOffered {
        contract::SlotOffered {
            entry_id: self.id.to_string(),
            patient_id: self.patient.to_string(),
            practitioner_id: offer.practitioner.to_string(),
            start: Some(to_wire(offer.during.start())),
            end: Some(to_wire(offer.during.end())),
            expires_at: Some(to_wire(offer.expires_at)),
        }
    }

    /// The event of an offer that nobody answered.
    #[must_use]
    pub fn slot_offer_expired(&self) -> contract::SlotOfferExpired {
        contract::SlotOfferExpired {
            entry_id: self.id.to_string(),
            patient_id: self.patient.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use galen_kernel::Clock;
    use proptest::prelude::*;

    use super::*;
    use crate::interval::tests::seconds;

    fn entry(window: Interval) -> Entry {
        let clock = Clock::system();
        Entry {
            id: clock.id(),
            patient: clock.id(),
            wish: Wish::Specialty("Cardiology".to_owned()),
            service_type: ServiceType::FollowUp,
            payment_mode: PaymentMode::SelfPay,
            window,
            state: State::Waiting,
            created_at: clock.now(),
            version: 1,
        }
    }

    fn offer(expires: i64) -> Offer {
        let clock = Clock::system();
        let expires_at = Timestamp::from_second(expires).expect("small");
        Offer {
            id: clock.id(),
            practitioner: clock.id(),
            during: seconds(5000, 5900),
            expires_at,
        }
    }

    #[test]
    fn every_status_has_one_name_everywhere() {
        for status in Status::ALL {
            assert_eq!(Status::named(status.name()), Some(*status));
            assert_eq!(
                serde_json::to_value(status).ok(),
                Some(status.name().into())
            );
        }
    }

    #[test]
    fn an_offer_is_accepted_declined_or_lapses_and_only_once() {
        let at = |s| Timestamp::from_second(s).expect("small");
        let waiting = entry(seconds(0, 100_000));
        assert_eq!(
            waiting.open_offer(at(0)),
            Err(Refusal::NotNow(Status::Waiting))
        );
        let offered = waiting.offered(offer(100)).expect("waits");
        assert!(offered.clone().offered(offer(100)).is_err());
        assert!(offered.open_offer(at(99)).is_ok());
        assert_eq!(offered.open_offer(at(100)), Err(Refusal::OfferExpired));
        assert!(offered.clone().lapsed(at(99)).is_err());
        let (lapsed, _) = offered.clone().lapsed(at(100)).expect("its time is over");
        assert_eq!(
            lapsed.clone().declined().map(|_| ()),
            Err(Refusal::NotNow(Status::Expired))
        );
        assert_eq!(
            lapsed.withdrawn().map(|_| ()),
            Err(Refusal::NotNow(Status::Expired))
        );
        let (declined, _) = offered.clone().declined().expect("offered");
        assert_eq!((declined.state, declined.version), (State::Waiting, 3));
        let booked = offered.booked(Clock::system().id());
        assert_eq!(
            booked.withdrawn().map(|_| ()),
            Err(Refusal::NotNow(Status::Booked))
        );
    }

    proptest! {
        #[test]
        fn what_fits_lies_in_the_free_time_and_in_the_window(a in 0_i64..5000, b in 1_i64..5000, c in 0_i64..5000, d in 1_i64..5000) {
            let (free, window) = (seconds(a, a + b), seconds(c, c + d));
            let slot = entry(window).fits(free);
            if let Some(slot) = slot {
                prop_assert!(free.contains(&slot) && window.contains(&slot));
                prop_assert_eq!(slot.length(), ServiceType::FollowUp.length());
            }
            let room = free.intersection(&window).is_some_and(|both| both.length() >= ServiceType::FollowUp.length());
            prop_assert_eq!(slot.is_some(), room);
        }
    }
}
