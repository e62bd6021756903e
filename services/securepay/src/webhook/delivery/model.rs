//! What a delivery is and what follows from an attempt: pure rules.

use galen_kernel::{Id, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::webhook::endpoint::EndpointId;
use crate::webhook::message::MessageType;

/// What a [`DeliveryId`] identifies.
pub(crate) enum DeliveryKind {}
/// A delivery's id.
pub(crate) type DeliveryId = Id<DeliveryKind>;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WebhookDeliveryStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    /// It will be sent, or sent again.
    Pending,
    /// The endpoint has it.
    Delivered,
    /// It is not sent any more, unless somebody asks for it.
    Failed,
}

impl Status {
    /// As stored.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::Failed => "FAILED",
        }
    }

    /// Reads what [`Status::name`] wrote.
    pub(crate) fn read(name: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Failed]
            .into_iter()
            .find(|known| known.name() == name)
    }
}

/// One message to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Identity.
    pub(crate) id: DeliveryId,
    /// To whom.
    pub(crate) endpoint: EndpointId,
    /// The message.
    pub(crate) message: Uuid,
    /// What it is about.
    pub(crate) kind: MessageType,
    /// Where it stands.
    pub(crate) status: Status,
    /// How often it was sent.
    pub(crate) attempts: i32,
    /// When it is sent next.
    pub(crate) due_at: Option<Timestamp>,
    /// Since when it is to be sent.
    pub(crate) created_at: Timestamp,
    /// When it was delivered or given up.
    pub(crate) ended_at: Option<Timestamp>,
}

/// The pauses between attempts: 5 s, 30 s, 5 min, 30 min, 2 h, 8 h, a day, a day.
const PAUSES: [SignedDuration; 8] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(8),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(24),
];

/// The part of a pause that chance adds, so that what failed together does not come back
/// together.
const JITTER: f64 = 0.2;

/// Gone for good (RFC 9110, 15.5.11).
const GONE: u16 = 410;

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The endpoint has it.
    Delivered,
    /// To be sent again after a pause.
    Again(SignedDuration),
    /// Not sent any more.
    GivenUp,
    /// Nor is anything else to this endpoint.
    Gone,
}

impl Verdict {
    /// Where the delivery stands then.
    pub(crate) const fn status(self) -> Status {
        match self {
            Self::Delivered => Status::Delivered,
            Self::Again(_) => Status::Pending,
            Self::GivenUp | Self::Gone => Status::Failed,
        }
    }
}

/// Judges an attempt that so many others went before since the delivery was last asked
/// for. `chance` is from 0 to 1.
pub(crate) fn judge(answer: Result<u16, &'static str>, before: i32, chance: f64) -> Verdict {
    match answer {
        Ok(200..=299) => Verdict::Delivered,
        Ok(GONE) => Verdict::Gone,
        Ok(_) | Err(_) => {
            let place = usize::try_from(before).unwrap_or_default();
            match PAUSES.get(place) {
                Some(pause) => Verdict::Again(pause.mul_f64(JITTER.mul_add(chance, 1.0))),
                None => Verdict::GivenUp,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_delivery_ends(answers in prop::collection::vec(
            prop_oneof![(100_u16..600).prop_map(Ok), Just(Err("TIMED_OUT"))], 9..20,
        ), chance in 0.0..1.0) {
            let ended = answers.iter().zip(0..).position(|(answer, before)| {
                judge(*answer, before, chance).status() != Status::Pending
            });
            prop_assert!(ended.is_some_and(|at| at <= PAUSES.len()));
        }

        #[test]
        fn a_pause_is_that_of_the_schedule_and_at_most_a_fifth_more(before in 0..8_i32, chance in 0.0..1.0) {
            let Verdict::Again(pause) = judge(Err("TIMED_OUT"), before, chance) else {
                panic!("it is sent again");
            };
            let scheduled = PAUSES[usize::try_from(before).unwrap()];
            prop_assert!(pause >= scheduled && pause <= scheduled * 6 / 5);
        }
    }

    #[test]
    fn only_success_delivers_and_only_gone_disables() {
        for status in [200, 201, 204, 299] {
            assert_eq!(judge(Ok(status), 0, 0.0), Verdict::Delivered, "{status}");
        }
        assert_eq!(judge(Ok(410), 0, 0.0), Verdict::Gone);
        for status in [100, 199, 300, 301, 302, 307, 400, 404, 429, 500, 503] {
            let again = Verdict::Again(SignedDuration::from_secs(5));
            assert_eq!(judge(Ok(status), 0, 0.0), again, "{status}");
        }
        assert_eq!(judge(Ok(500), 8, 0.0), Verdict::GivenUp);
        assert_eq!(judge(Ok(200), 8, 0.0), Verdict::Delivered);
    }
}
