//! What a hold keeps, and who may use it. Pure.

use galen_contracts::ids::{PatientId, PractitionerId, UserId};
use galen_kernel::{Id, Timestamp};

use crate::interval::Interval;
use crate::service_type::ServiceType;

/// Marker of a hold's id.
pub enum HoldKey {}
/// A hold's id, or an offer's: both keep time until they expire.
pub type HoldId = Id<HoldKey>;

/// Time of a practitioner that is kept for somebody, for some minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Whose time.
    pub practitioner: PractitionerId,
    /// Which time.
    pub during: Interval,
    /// What it is kept for.
    pub service_type: ServiceType,
    /// For whom, when that is known.
    pub patient: Option<PatientId>,
    /// The account that may use it; `None` when it is an offer to who waits.
    pub held_by: Option<UserId>,
    /// When the time is free again.
    pub expires_at: Timestamp,
}

/// Why a hold is of no use for a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is over.
    Expired,
    /// It is for something or somebody else.
    Mismatch,
}

impl Hold {
    /// Whether a booking may use it.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn fits(
        &self,
        practitioner: PractitionerId,
        during: Interval,
        service_type: ServiceType,
        patient: PatientId,
        now: Timestamp,
    ) -> Result<(), Unfit> {
        if self.expires_at <= now {
            return Err(Unfit::Expired);
        }
        let same = self.practitioner == practitioner
            && self.during == during
            && self.service_type == service_type
            && self.patient.is_none_or(|held_for| held_for == patient);
        if same { Ok(()) } else { Err(Unfit::Mismatch) }
    }
}

/// Whose time is taken already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The practitioner's.
    Practitioner,
    /// The patient's.
    Patient,
}

#[cfg(test)]
mod tests {
    use galen_kernel::Clock;
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_hold_serves_what_it_was_made_for_until_it_expires() {
        let clock = Clock::system();
        let now = clock.now();
        let during = Interval::lasting(now, SignedDuration::from_mins(30)).expect("lasts");
        let hold = Hold {
            id: clock.id(),
            practitioner: clock.id(),
            during,
            service_type: ServiceType::Consultation,
            patient: Some(clock.id()),
            held_by: Some(clock.id()),
            expires_at: now + SignedDuration::from_mins(5),
        };
        let patient = hold.patient.expect("set above");
        let fits = |hold: &Hold, during, service, patient, at| {
            hold.fits(hold.practitioner, during, service, patient, at)
        };
        assert_eq!(
            fits(&hold, during, ServiceType::Consultation, patient, now),
            Ok(())
        );
        assert_eq!(
            fits(
                &hold,
                during,
                ServiceType::Consultation,
                patient,
                hold.expires_at
            ),
            Err(Unfit::Expired)
        );
        assert_eq!(
            fits(&hold, during, ServiceType::Surgery, patient, now),
            Err(Unfit::Mismatch)
        );
        assert_eq!(
            fits(&hold, during, ServiceType::Consultation, clock.id(), now),
            Err(Unfit::Mismatch)
        );
        let longer = Interval::lasting(now, SignedDuration::from_mins(60)).expect("lasts");
        assert_eq!(
            fits(&hold, longer, ServiceType::Consultation, patient, now),
            Err(Unfit::Mismatch)
        );
        assert_eq!(
            hold.fits(clock.id(), during, ServiceType::Consultation, patient, now),
            Err(Unfit::Mismatch)
        );
        let anybody = Hold {
            patient: None,
            ..hold
        };
        assert_eq!(
            fits(&anybody, during, ServiceType::Consultation, clock.id(), now),
            Ok(())
        );
    }
}
