//! An appointment and the rules about it. Pure.

use galen_contracts::convert::to_wire;
use galen_contracts::ids::{AppointmentId, PatientId, PractitionerId, UserId};
use galen_contracts::scheduling::v1 as contract;
use galen_kernel::{Id, Pii, Timestamp};
use galen_vault::Sealed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::status::{Status, Step};
use super::words::Words;
use crate::interval::Interval;
use crate::price::Pricing;
use crate::service_type::{PaymentMode, ServiceType};
use crate::settings::Settings;

/// Marker of a series' id.
pub enum SeriesKey {}
/// A series' id.
pub type SeriesId = Id<SeriesKey>;

/// Who takes a step: what patients may do with their own is bounded in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Actor {
    /// The patient, for themself.
    Patient,
    /// Somebody who works here.
    Staff,
    /// Nobody: a rule.
    System,
}

impl Actor {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patient => "PATIENT",
            Self::Staff => "STAFF",
            Self::System => "SYSTEM",
        }
    }

    /// The actor of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Patient, Self::Staff, Self::System]
            .into_iter()
            .find(|actor| actor.name() == name)
    }
}

/// Why a step cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The state machine has no such transition.
    #[error("an appointment that is {} does not allow this", .0.name())]
    NotNow(Status),
    /// Patients can no longer change it themselves.
    #[error("it is too late for patients to change it themselves")]
    TooLate,
    /// It is too early for that.
    #[error("it is too early for that")]
    TooEarly,
}

/// Why and by whom an appointment was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// `PATIENT_REQUEST`, `PRACTITIONER_UNAVAILABLE`, `PREPAYMENT_MISSING`, …
    pub reason_code: String,
    /// Who.
    pub by: Actor,
    /// In somebody's words.
    pub note: Option<Sealed<Words>>,
}

/// A cancellation that somebody asks for.
#[derive(Debug, Clone)]
pub struct Cancelling {
    /// As in [`Cancellation`].
    pub reason_code: String,
    /// Who.
    pub by: Actor,
    /// In somebody's words.
    pub note: Option<Pii<Words>>,
}

/// A time that a patient has with a practitioner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appointment {
    /// Its id.
    pub id: AppointmentId,
    /// The patient, as booked.
    pub patient: PatientId,
    /// With whom.
    pub practitioner: PractitionerId,
    /// When.
    pub during: Interval,
    /// What for.
    pub service_type: ServiceType,
    /// Who is to pay.
    pub payment_mode: PaymentMode,
    /// In the patient's words.
    pub reason: Option<Sealed<Words>>,
    /// Where it stands.
    pub status: Status,
    /// Why it must be moved: the practitioner is no longer there.
    pub ground_lost: Option<String>,
    /// Why it was cancelled.
    pub cancellation: Option<Cancellation>,
    /// The appointment whose place it takes.
    pub replaces: Option<AppointmentId>,
    /// The appointment that takes its place.
    pub replaced_by: Option<AppointmentId>,
    /// The series it belongs to.
    pub series: Option<SeriesId>,
    /// The account that booked it.
    pub booked_by: Option<UserId>,
    /// When it was booked.
    pub booked_at: Timestamp,
    /// What it cost then, when there was a price and billing said it. It may be said later,
    /// which is billing's news and no change of the appointment.
    pub pricing: Pricing,
    /// Rises by one with every change, and with every change one event goes out.
    pub version: i64,
}

impl Appointment {
    /// Whether a step can be taken now, and where it leads.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn decide(
        &self,
        step: Step,
        actor: Actor,
        now: Timestamp,
        settings: &Settings,
    ) -> Result<Status, Refusal> {
        let next = self
            .status
            .after(step)
            .ok_or(Refusal::NotNow(self.status))?;
        let before_start = self.during.start().duration_since(now);
        let too_late = actor == Actor::Patient && before_start < settings.patient_cutoff;
        match step {
            Step::Confirm | Step::Cancel | Step::Reschedule if too_late => Err(Refusal::TooLate),
            Step::CheckIn if before_start > settings.check_in => Err(Refusal::TooEarly),
            Step::MarkNoShow if before_start.is_positive() => Err(Refusal::TooEarly),
            _ => Ok(next),
        }
    }

    /// From when on nobody comes any more.
    #[must_use]
    pub fn missed_before(now: Timestamp, settings: &Settings) -> Timestamp {
        now.saturating_sub(settings.no_show).unwrap_or(now)
    }

    /// The facts that every event carries.
    #[must_use]
    pub fn facts(&self) -> contract::Appointment {
        contract::Appointment {
            appointment_id: self.id.to_string(),
            patient_id: self.patient.to_string(),
            practitioner_id: self.practitioner.to_string(),
            start: Some(to_wire(self.during.start())),
            end: Some(to_wire(self.during.end())),
            service_type: self.service_type.to_wire().into(),
            payment_mode: self.payment_mode.to_wire().into(),
            version: self.version,
        }
    }

    /// It was booked.
    #[must_use]
    pub fn booked(&self) -> contract::AppointmentBooked {
        contract::AppointmentBooked {
            appointment: Some(self.facts()),
            replaces_id: self.replaces.map(|id| id.to_string()).unwrap_or_default(),
        }
    }

    /// It was cancelled.
    #[must_use]
    pub fn cancelled(&self, cancellation: &Cancellation) -> contract::AppointmentCancelled {
        contract::AppointmentCancelled {
            appointment: Some(self.facts()),
            reason_code: cancellation.reason_code.clone(),
            cancelled_by: cancellation.by.name().to_owned(),
        }
    }

    /// Another took its place.
    #[must_use]
    pub fn rescheduled(&self, replacement: AppointmentId) -> contract::AppointmentRescheduled {
        contract::AppointmentRescheduled {
            appointment: Some(self.facts()),
            replaced_by_id: replacement.to_string(),
        }
    }

    /// It must be moved.
    #[must_use]
    pub fn needs_reschedule(&self, reason_code: &str) -> contract::AppointmentNeedsReschedule {
        contract::AppointmentNeedsReschedule {
            appointment: Some(self.facts()),
            reason_code: reason_code.to_owned(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use galen_kernel::Clock;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn appointment(clock: &Clock, start: Timestamp) -> Appointment {
        Appointment {
            id: clock.id(),
            patient: clock.id(),
            practitioner: clock.id(),
            during: Interval::lasting(start, SignedDuration::from_mins(30)).expect("lasts"),
            service_type: ServiceType::Consultation,
            payment_mode: PaymentMode::SelfPay,
            reason: None,
            status: Status::Booked,
            ground_lost: None,
            cancellation: None,
            replaces: None,
            replaced_by: None,
            series: None,
            booked_by: None,
            booked_at: start,
            pricing: Pricing::Unpriced,
            version: 1,
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        prop::sample::select(Step::ALL)
    }

    #[test]
    fn every_actor_has_one_name_everywhere() {
        for actor in [Actor::Patient, Actor::Staff, Actor::System] {
            assert_eq!(Actor::named(actor.name()), Some(actor));
            assert_eq!(serde_json::to_value(actor).ok(), Some(actor.name().into()));
        }
    }

    proptest! {
        #[test]
        fn patients_cannot_change_their_appointment_in_the_last_hours(minutes in -600_i64..600, step in step()) {
            let (clock, settings) = (Clock::system(), Settings::default());
            let now = clock.now();
            let appointment = appointment(&clock, now + SignedDuration::from_mins(minutes));
            let patient = appointment.decide(step, Actor::Patient, now, &settings);
            let staff = appointment.decide(step, Actor::Staff, now, &settings);
            if matches!(step, Step::Confirm | Step::Cancel | Step::Reschedule) {
                prop_assert_eq!(patient == Err(Refusal::TooLate), minutes < 120);
                prop_assert!(staff.is_ok());
            } else {
                prop_assert_eq!(patient, staff);
            }
        }

        #[test]
        fn nobody_is_missed_before_the_start_or_arrives_a_day_early(minutes in -2000_i64..2000) {
            let (clock, settings) = (Clock::system(), Settings::default());
            let now = clock.now();
            let appointment = appointment(&clock, now + SignedDuration::from_mins(minutes));
            let missed = appointment.decide(Step::MarkNoShow, Actor::Staff, now, &settings);
            prop_assert_eq!(missed, if minutes > 0 { Err(Refusal::TooEarly) } else { Ok(Status::NoShow) });
            let arrived = appointment.decide(Step::CheckIn, Actor::Staff, now, &settings);
            prop_assert_eq!(arrived, if minutes > 720 { Err(Refusal::TooEarly) } else { Ok(Status::CheckedIn) });
        }
    }
}
