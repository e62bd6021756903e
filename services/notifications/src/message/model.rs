//! A message: to whom, about what, and in which state.

use galen_contracts::ids::{AppointmentId, PatientId, PractitionerId, UserId};
use galen_contracts::scheduling::v1 as scheduling;
use galen_kernel::{Id, Timestamp};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::codes::codes;
use crate::template::{Locale, TemplateName, Values, Variable, words};

/// A message. Marker of its id.
pub enum Message {}
/// A message's id.
pub type MessageId = Id<Message>;

codes! {
    /// How far a message has come.
    Status {
        /// Waits for its time.
        Queued = "QUEUED",
        /// A sender has it.
        Sending = "SENDING",
        /// It was handed over, or can be read in the account.
        Sent = "SENT",
        /// It could not be sent; a person may try again.
        Dead = "DEAD",
        /// It was not to be sent.
        Suppressed = "SUPPRESSED",
    }
}

codes! {
    /// What came of an attempt.
    AttemptOutcome {
        /// The provider has it, or it can be read in the account.
        Delivered = "DELIVERED",
        /// The provider will never take it for this address.
        Refused = "REFUSED",
        /// Not now.
        Failed = "FAILED",
    }
}

codes! {
    /// What an appointment is for.
    ServiceType {
        /// A consultation.
        Consultation = "CONSULTATION",
        /// An operation.
        Surgery = "SURGERY",
        /// A vaccination.
        Vaccination = "VACCINATION",
        /// A check some time later.
        FollowUp = "FOLLOW_UP",
        /// Any other procedure.
        Procedure = "PROCEDURE",
    }
}

impl ServiceType {
    /// From the wire; a kind that this version does not know is none.
    #[must_use]
    pub fn of_wire(value: scheduling::ServiceType) -> Option<Self> {
        match value {
            scheduling::ServiceType::Unspecified => None,
            scheduling::ServiceType::Consultation => Some(Self::Consultation),
            scheduling::ServiceType::Surgery => Some(Self::Surgery),
            scheduling::ServiceType::Vaccination => Some(Self::Vaccination),
            scheduling::ServiceType::FollowUp => Some(Self::FollowUp),
            scheduling::ServiceType::Procedure => Some(Self::Procedure),
        }
    }
}

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// A patient; how to reach them is asked from the patients service.
    Patient(PatientId),
    /// An account without a patient; its address comes with its link.
    User(UserId),
}

/// What a message knows of its matter: ids and instants only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "about",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
pub enum Params {
    /// An appointment.
    Appointment {
        /// Which.
        appointment_id: AppointmentId,
        /// With whom.
        practitioner_id: PractitionerId,
        /// From.
        start: Timestamp,
        /// To.
        end: Timestamp,
        /// For what; `None` for a kind that this version does not know.
        service_type: Option<ServiceType>,
    },
    /// A slot that is offered.
    Offer {
        /// To which entry of the waitlist.
        entry_id: Uuid,
        /// With whom.
        practitioner_id: PractitionerId,
        /// From.
        start: Timestamp,
        /// To.
        end: Timestamp,
        /// Until when.
        expires_at: Timestamp,
    },
    /// Somebody's access to the patient's record.
    Access {
        /// Which.
        break_glass_id: Uuid,
        /// Who.
        practitioner_id: PractitionerId,
        /// From.
        start: Timestamp,
        /// To.
        end: Timestamp,
    },
    /// A link to set a password.
    Link {
        /// Which; identity mints its secret at the moment of sending.
        link_id: Uuid,
    },
}

impl Params {
    /// The appointment, waitlist entry, access or link.
    #[must_use]
    pub const fn about(&self) -> Uuid {
        match self {
            Self::Appointment { appointment_id, .. } => appointment_id.uuid(),
            Self::Offer { entry_id, .. } => *entry_id,
            Self::Access { break_glass_id, .. } => *break_glass_id,
            Self::Link { link_id } => *link_id,
        }
    }

    /// With whom or who, where there is somebody.
    #[must_use]
    pub const fn practitioner(&self) -> Option<PractitionerId> {
        match self {
            Self::Appointment {
                practitioner_id, ..
            }
            | Self::Offer {
                practitioner_id, ..
            }
            | Self::Access {
                practitioner_id, ..
            } => Some(*practitioner_id),
            Self::Link { .. } => None,
        }
    }

    /// What the message itself can say, in the hospital's zone and the text's language.
    #[must_use]
    pub fn values(&self, zone: &TimeZone, locale: &Locale, hospital: &str) -> Values {
        let mut values = Values::from([(Variable::Hospital, hospital.to_owned())]);
        match self {
            Self::Appointment {
                start,
                end,
                service_type,
                ..
            } => {
                let service = words::service_type(*service_type, locale).to_owned();
                values.extend(interval(*start, *end, zone, locale));
                values.insert(Variable::ServiceType, service);
            }
            Self::Offer {
                start,
                end,
                expires_at,
                ..
            } => {
                values.extend(interval(*start, *end, zone, locale));
                values.insert(Variable::OfferDate, words::date(*expires_at, zone, locale));
                values.insert(Variable::OfferTime, words::time(*expires_at, zone));
            }
            Self::Access { start, end, .. } => values.extend(interval(*start, *end, zone, locale)),
            Self::Link { .. } => {}
        }
        values
    }
}

fn interval(start: Timestamp, end: Timestamp, zone: &TimeZone, locale: &Locale) -> Values {
    Values::from([
        (Variable::Date, words::date(start, zone, locale)),
        (Variable::Time, words::time(start, zone)),
        (Variable::EndTime, words::time(end, zone)),
    ])
}

/// A message that is to be queued.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// For whom.
    pub recipient: Recipient,
    /// With which text.
    pub template: TemplateName,
    /// About what.
    pub params: Params,
    /// Names the cause: the same cause never makes a second message.
    pub dedupe_key: String,
    /// After this it is better not sent.
    pub expires_at: Option<Timestamp>,
    /// The journey it belongs to.
    pub correlation_id: Option<Uuid>,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
}

/// Most attempts of one round: with the pauses of [`pause`], about a day.
pub const MAX_ATTEMPTS: i32 = 36;

/// How long to wait after the n-th failed attempt: a minute, doubling up to an
/// hour, of which `jitter` (0 to 1) may take up to half away, so that messages
/// that failed together do not come back together.
#[must_use]
pub fn pause(attempt: i32, jitter: f64) -> SignedDuration {
    let doublings = u32::try_from(attempt.clamp(1, 7) - 1).unwrap_or(0);
    let full = SignedDuration::from_secs((60_i64 << doublings).min(3600));
    full - full.mul_f64(jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use galen_kernel::Clock;
    use proptest::prelude::*;

    use super::*;
    use crate::template::{Channel, Text};

    fn examples() -> [Params; 4] {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let (start, end) = (clock.now(), clock.now() + SignedDuration::from_mins(30));
        [
            Params::Appointment {
                appointment_id: clock.id(),
                practitioner_id: clock.id(),
                start,
                end,
                service_type: Some(ServiceType::FollowUp),
            },
            Params::Offer {
                entry_id: clock.uuid(),
                practitioner_id: clock.id(),
                start,
                end,
                expires_at: start,
            },
            Params::Access {
                break_glass_id: clock.uuid(),
                practitioner_id: clock.id(),
                start,
                end,
            },
            Params::Link {
                link_id: clock.uuid(),
            },
        ]
    }

    #[test]
    fn params_are_read_back() {
        for params in examples() {
            let json = serde_json::to_value(&params).expect("plain data");
            assert_eq!(serde_json::from_value::<Params>(json).ok(), Some(params));
        }
    }

    /// What a text may mention in the account is exactly what a message can say alone.
    #[test]
    fn a_message_can_fill_in_every_text_of_the_account() {
        let [appointment, offer, access, _] = examples();
        for name in TemplateName::ALL.iter().filter(|n| n.fits(Channel::InApp)) {
            let params = match name {
                TemplateName::WaitlistOffer => &offer,
                TemplateName::RecordOpened => &access,
                _ => &appointment,
            };
            let values = params.values(&TimeZone::UTC, &Locale::english(), "St Anne's");
            for variable in Variable::ALL
                .iter()
                .filter(|v| name.knows(Channel::InApp, **v))
            {
                let text = Text::parse(&format!("{{{{{variable}}}}}")).expect("a variable");
                assert!(text.render(&values).is_ok(), "{name:?} {variable}");
            }
        }
    }

    #[test]
    fn a_day_of_attempts_fits_between_the_first_and_the_last() {
        let total =
            |jitter: f64| -> SignedDuration { (1..MAX_ATTEMPTS).map(|n| pause(n, jitter)).sum() };
        assert!(
            total(1.0) > SignedDuration::from_hours(14),
            "{:?}",
            total(1.0)
        );
        assert!(
            total(0.5) > SignedDuration::from_hours(22),
            "{:?}",
            total(0.5)
        );
        assert!(
            total(0.0) < SignedDuration::from_hours(31),
            "{:?}",
            total(0.0)
        );
    }

    proptest! {
        #[test]
        fn a_pause_is_between_half_a_minute_and_an_hour(attempt: i32, jitter in 0.0..=1.0) {
            let pause = pause(attempt, jitter);
            prop_assert!(pause >= SignedDuration::from_secs(30));
            prop_assert!(pause <= SignedDuration::from_hours(1));
        }
    }
}
