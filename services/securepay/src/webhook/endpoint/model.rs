//! What an endpoint is, and how its registration is read: pure rules.

use galen_kernel::{Id, Problem, Timestamp, Violations};
use galen_vault::Sealed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::webhook::address;
use crate::webhook::message::MessageType;
use crate::webhook::settings::Settings;

/// Most endpoints of a hospital: each is told on its own, and none waits for another.
pub(crate) const MOST: i64 = 50;
/// Most characters of a description.
const LONGEST_DESCRIPTION: usize = 200;

/// What an [`EndpointId`] identifies.
pub(crate) enum EndpointKind {}
/// An endpoint's id.
pub(crate) type EndpointId = Id<EndpointKind>;

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Identity.
    pub(crate) id: EndpointId,
    /// Where messages are posted to.
    pub(crate) url: String,
    /// What it wants to be told of.
    pub(crate) events: Vec<MessageType>,
    /// What it is for.
    pub(crate) description: Option<Sealed<String>>,
    /// Why it is not told; `None` when it is.
    pub(crate) disabled: Option<Disabled>,
    /// When it was registered; what was heard before is not told.
    pub(crate) created_at: Timestamp,
    /// Rises with every change.
    pub(crate) version: i64,
}

/// Why an endpoint is told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WebhookDisabledBecause)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Disabled {
    /// An administrator said so.
    ByHand,
    /// It answered that it is gone for good (410).
    Gone,
}

impl Disabled {
    /// As stored.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ByHand => "BY_HAND",
            Self::Gone => "GONE",
        }
    }

    /// Reads what [`Disabled::name`] wrote.
    pub(crate) fn read(name: &str) -> Option<Self> {
        [Self::ByHand, Self::Gone]
            .into_iter()
            .find(|known| known.name() == name)
    }
}

/// Reads an address.
pub(crate) fn url(wrong: &mut Violations, given: &str, settings: Settings) -> String {
    let parsed = address::parse(given, settings);
    let url = wrong.keep("/url", "INVALID_URL", parsed);
    url.map(String::from).unwrap_or_default()
}

/// Reads types of events: at least one, each once.
pub(crate) fn events(wrong: &mut Violations, given: &[MessageType]) -> Vec<MessageType> {
    wrong.require(
        (1..=MessageType::ALL.len()).contains(&given.len()),
        "/events",
        "INVALID_LENGTH",
        "must have 1 to 12 items",
    );
    let mut events = Vec::new();
    for (place, event) in given.iter().enumerate() {
        wrong.require(
            !events.contains(event),
            &format!("/events/{place}"),
            "DUPLICATE",
            "is there twice",
        );
        events.push(*event);
    }
    events
}

/// Reads a description: one line of visible text.
pub(crate) fn description(wrong: &mut Violations, given: &str) -> String {
    let text = given.trim();
    wrong.require(
        (1..=LONGEST_DESCRIPTION).contains(&text.chars().count()),
        "/description",
        "INVALID_LENGTH",
        "must have 1 to 200 characters",
    );
    wrong.require(
        !text.chars().any(char::is_control),
        "/description",
        "INVALID_CHARACTER",
        "must hold no control characters",
    );
    text.to_owned()
}

/// Why something cannot be done with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointError {
    /// There are as many as there can be.
    #[error("there are too many endpoints")]
    TooMany,
    /// It is told nothing.
    #[error("the endpoint is disabled")]
    Disabled,
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::TooMany => Self::conflict(
                "TOO_MANY_WEBHOOK_ENDPOINTS",
                "There are as many webhook endpoints as there can be.",
            ),
            EndpointError::Disabled => Self::conflict(
                "WEBHOOK_ENDPOINT_DISABLED",
                "The webhook endpoint is disabled.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(wrong: Violations) -> Vec<String> {
        let errors = wrong.finish().err().map(|problem| problem.errors);
        let pointers = errors.into_iter().flatten().map(|error| error.pointer);
        pointers.collect()
    }

    #[test]
    fn events_are_wanted_once_each() {
        use MessageType::{PaymentCaptured, PaymentVoided};
        let mut wrong = Violations::new();
        assert_eq!(
            events(&mut wrong, &[PaymentCaptured, PaymentVoided]).len(),
            2
        );
        assert!(wrong.finish().is_ok());
        let mut wrong = Violations::new();
        events(&mut wrong, &[PaymentCaptured, PaymentCaptured]);
        assert_eq!(pointers(wrong), ["/events/1"]);
        let mut wrong = Violations::new();
        events(&mut wrong, &[]);
        assert_eq!(pointers(wrong), ["/events"]);
    }

    #[test]
    fn a_description_is_one_visible_line() {
        let mut wrong = Violations::new();
        assert_eq!(description(&mut wrong, " Accounting "), "Accounting");
        assert!(wrong.finish().is_ok());
        for text in ["", "  ", "two\nlines", &"x".repeat(201)] {
            let mut wrong = Violations::new();
            description(&mut wrong, text);
            assert_eq!(pointers(wrong), ["/description"], "{text:?}");
        }
    }

    #[test]
    fn a_reason_is_read_as_it_is_written() {
        for reason in [Disabled::ByHand, Disabled::Gone] {
            assert_eq!(Disabled::read(reason.name()), Some(reason));
        }
        assert_eq!(Disabled::read("gone"), None);
    }
}
