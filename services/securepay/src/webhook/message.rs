//! What there is to tell: pure.
//!
//! A message is `{type, timestamp, data}`. Names of types and the form of `data` are
//! promised to receivers, apart from the events between services, which they are made of.

use galen_contracts::convert::WireError;
use galen_contracts::securepay::v1 as wire;
use galen_contracts::{Event, EventType};
use galen_eventing::{Failure, Received};
use galen_kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WebhookEventType)]
pub(crate) enum MessageType {
    /// Money is promised.
    #[serde(rename = "payment.authorized")]
    PaymentAuthorized,
    /// Money moved.
    #[serde(rename = "payment.captured")]
    PaymentCaptured,
    /// What was promised was released.
    #[serde(rename = "payment.voided")]
    PaymentVoided,
    /// What was promised was not asked for in time.
    #[serde(rename = "payment.expired")]
    PaymentExpired,
    /// Money went back.
    #[serde(rename = "payment.refunded")]
    PaymentRefunded,
    /// There is a new wallet.
    #[serde(rename = "wallet.opened")]
    WalletOpened,
    /// A wallet was frozen, closed or opened again.
    #[serde(rename = "wallet.standing_changed")]
    WalletStandingChanged,
    /// Money came in.
    #[serde(rename = "top_up.settled")]
    TopUpSettled,
    /// Money did not come in.
    #[serde(rename = "top_up.failed")]
    TopUpFailed,
    /// Money went out.
    #[serde(rename = "payout.settled")]
    PayoutSettled,
    /// Money did not go out.
    #[serde(rename = "payout.failed")]
    PayoutFailed,
    /// Nothing happened: somebody tries an endpoint out.
    #[serde(rename = "webhook.test")]
    Test,
}

impl MessageType {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::PaymentAuthorized,
        Self::PaymentCaptured,
        Self::PaymentVoided,
        Self::PaymentExpired,
        Self::PaymentRefunded,
        Self::WalletOpened,
        Self::WalletStandingChanged,
        Self::TopUpSettled,
        Self::TopUpFailed,
        Self::PayoutSettled,
        Self::PayoutFailed,
        Self::Test,
    ];

    /// As stored and sent.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PaymentAuthorized => "payment.authorized",
            Self::PaymentCaptured => "payment.captured",
            Self::PaymentVoided => "payment.voided",
            Self::PaymentExpired => "payment.expired",
            Self::PaymentRefunded => "payment.refunded",
            Self::WalletOpened => "wallet.opened",
            Self::WalletStandingChanged => "wallet.standing_changed",
            Self::TopUpSettled => "top_up.settled",
            Self::TopUpFailed => "top_up.failed",
            Self::PayoutSettled => "payout.settled",
            Self::PayoutFailed => "payout.failed",
            Self::Test => "webhook.test",
        }
    }

    /// Reads what [`MessageType::name`] wrote.
    pub(crate) fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// What is heard.
pub(crate) const HEARD: [EventType; 11] = [
    <wire::PaymentAuthorized as Event>::TYPE,
    <wire::PaymentCaptured as Event>::TYPE,
    <wire::PaymentVoided as Event>::TYPE,
    <wire::PaymentExpired as Event>::TYPE,
    <wire::PaymentRefunded as Event>::TYPE,
    <wire::WalletOpened as Event>::TYPE,
    <wire::WalletStandingChanged as Event>::TYPE,
    <wire::TopUpSettled as Event>::TYPE,
    <wire::TopUpFailed as Event>::TYPE,
    <wire::PayoutSettled as Event>::TYPE,
    <wire::PayoutFailed as Event>::TYPE,
];

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its `webhook-id`.
    pub(crate) id: Uuid,
    /// What it is about.
    pub(crate) kind: MessageType,
    /// When that happened.
    pub(crate) at: Timestamp,
    /// As it is sent.
    pub(crate) body: String,
}

impl Message {
    fn new(id: Uuid, kind: MessageType, at: Timestamp, data: &Value) -> Self {
        let body = json!({ "type": kind.name(), "timestamp": at, "data": data });
        Self {
            id,
            kind,
            at,
            body: body.to_string(),
        }
    }

    /// Nothing but a sign of life.
    pub(crate) fn test(id: Uuid, endpoint: Uuid, at: Timestamp) -> Self {
        Self::new(
            id,
            MessageType::Test,
            at,
            &json!({ "endpointId": endpoint }),
        )
    }

    /// What an event tells others; `None` for one that tells them nothing.
    pub(crate) fn of(event: &Received) -> Result<Option<Self>, Failure> {
        let Some((kind, data)) = translate(event)? else {
            return Ok(None);
        };
        Ok(Some(Self::new(event.id, kind, event.at, &data)))
    }
}

fn translate(event: &Received) -> Result<Option<(MessageType, Value)>, Failure> {
    let is = |known: EventType| event.event_type == known.name;
    let told = if is(wire::PaymentAuthorized::TYPE) {
        let told: wire::PaymentAuthorized = decode(event)?;
        let data = payment(told.payment)?;
        (MessageType::PaymentAuthorized, data)
    } else if is(wire::PaymentCaptured::TYPE) {
        let told: wire::PaymentCaptured = decode(event)?;
        let mut data = payment(told.payment)?;
        data.insert("captured".to_owned(), money("captured", told.captured)?);
        (MessageType::PaymentCaptured, data)
    } else if is(wire::PaymentVoided::TYPE) {
        let told: wire::PaymentVoided = decode(event)?;
        (MessageType::PaymentVoided, payment(told.payment)?)
    } else if is(wire::PaymentExpired::TYPE) {
        let told: wire::PaymentExpired = decode(event)?;
        (MessageType::PaymentExpired, payment(told.payment)?)
    } else if is(wire::PaymentRefunded::TYPE) {
        let told: wire::PaymentRefunded = decode(event)?;
        let mut data = payment(told.payment)?;
        data.insert("refund".to_owned(), money("amount", told.amount)?);
        data.insert("refunded".to_owned(), money("refunded", told.refunded)?);
        (MessageType::PaymentRefunded, data)
    } else if is(wire::WalletOpened::TYPE) {
        let told: wire::WalletOpened = decode(event)?;
        let mut data = wallet(told.wallet_id, told.owner_id);
        data.insert("currency".to_owned(), told.currency.into());
        (MessageType::WalletOpened, data)
    } else if is(wire::WalletStandingChanged::TYPE) {
        let told: wire::WalletStandingChanged = decode(event)?;
        let mut data = wallet(told.wallet_id, told.owner_id);
        data.insert("standing".to_owned(), told.standing.into());
        (MessageType::WalletStandingChanged, data)
    } else if is(wire::TopUpSettled::TYPE) {
        let told: wire::TopUpSettled = decode(event)?;
        let mut data = wallet(told.wallet_id, told.owner_id);
        data.insert("topUpId".to_owned(), told.top_up_id.into());
        data.insert("amount".to_owned(), money("amount", told.amount)?);
        (MessageType::TopUpSettled, data)
    } else if is(wire::TopUpFailed::TYPE) {
        let told: wire::TopUpFailed = decode(event)?;
        let mut data = wallet(told.wallet_id, told.owner_id);
        data.insert("topUpId".to_owned(), told.top_up_id.into());
        data.insert("reason".to_owned(), told.reason_code.into());
        (MessageType::TopUpFailed, data)
    } else if is(wire::PayoutSettled::TYPE) {
        let told: wire::PayoutSettled = decode(event)?;
        let mut data = wallet(told.wallet_id, told.owner_id);
        data.insert("payoutId".to_owned(), told.payout_id.into());
        data.insert("amount".to_owned(), money("amount", told.amount)?);
        (MessageType::PayoutSettled, data)
    } else if is(wire::PayoutFailed::TYPE) {
        let told: wire::PayoutFailed = decode(event)?;
        let mut data = wallet(told.wallet_id, told.owner_id);
        data.insert("payoutId".to_owned(), told.payout_id.into());
        data.insert("reason".to_owned(), told.reason_code.into());
        (MessageType::PayoutFailed, data)
    } else {
        return Ok(None);
    };
    Ok(Some((told.0, Value::Object(told.1))))
}

fn decode<E: Event>(event: &Received) -> Result<E, Failure> {
    E::decode(event.data.as_slice()).map_err(|error| Failure::Permanent {
        code: "UNDECODABLE",
        source: Box::new(error),
    })
}

fn payment(facts: Option<wire::PaymentFacts>) -> Result<Map<String, Value>, WireError> {
    let facts = facts.ok_or(WireError::Missing("payment"))?;
    let mut data = Map::new();
    data.insert("paymentId".to_owned(), facts.payment_id.into());
    data.insert("amount".to_owned(), money("amount", facts.amount)?);
    data.insert("fromWalletId".to_owned(), facts.from_wallet_id.into());
    data.insert("toWalletId".to_owned(), facts.to_wallet_id.into());
    unless_empty(&mut data, "fromOwnerId", facts.from_owner_id);
    unless_empty(&mut data, "toOwnerId", facts.to_owner_id);
    unless_empty(&mut data, "referenceId", facts.reference_id);
    Ok(data)
}

fn wallet(id: String, owner: String) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("walletId".to_owned(), id.into());
    unless_empty(&mut data, "ownerId", owner);
    data
}

fn unless_empty(data: &mut Map<String, Value>, name: &str, value: String) {
    if !value.is_empty() {
        data.insert(name.to_owned(), value.into());
    }
}

fn money(field: &'static str, amount: Option<wire::Money>) -> Result<Value, WireError> {
    let amount = amount.ok_or(WireError::Missing(field))?;
    let currency = amount
        .currency
        .parse()
        .map_err(|_| WireError::Malformed(field))?;
    let money = Money {
        minor: amount.minor,
        currency,
    };
    Ok(json!({ "amount": money.to_string(), "currency": currency }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received<E: Event>(event: &E) -> Received {
        Received {
            id: Uuid::from_u128(9),
            topic: E::TYPE.topic.to_owned(),
            partition: 0,
            offset: 1,
            key: event.key().to_owned(),
            event_type: E::TYPE.name.to_owned(),
            at: "2026-03-03T11:00:00Z".parse().unwrap(),
            trace: None,
            correlation_id: None,
            attempt: 1,
            replay: false,
            data: event.encode_to_vec(),
        }
    }

    fn told<E: Event>(event: &E) -> Value {
        let message = Message::of(&received(event)).unwrap().unwrap();
        assert_eq!(message.id, Uuid::from_u128(9));
        serde_json::from_str(&message.body).unwrap()
    }

    fn euros(minor: i64) -> Option<wire::Money> {
        Some(wire::Money {
            minor,
            currency: "EUR".to_owned(),
        })
    }

    #[test]
    fn a_refund_is_told_with_ids_and_decimal_amounts() {
        let facts = wire::PaymentFacts {
            payment_id: "p".to_owned(),
            amount: euros(15_000),
            from_wallet_id: "w1".to_owned(),
            to_wallet_id: "w2".to_owned(),
            from_owner_id: "o".to_owned(),
            ..Default::default()
        };
        let event = wire::PaymentRefunded {
            payment: Some(facts),
            amount: euros(500),
            refunded: euros(1_505),
        };
        let expected = json!({
            "type": "payment.refunded",
            "timestamp": "2026-03-03T11:00:00Z",
            "data": {
                "paymentId": "p", "amount": { "amount": "150.00", "currency": "EUR" },
                "fromWalletId": "w1", "toWalletId": "w2", "fromOwnerId": "o",
                "refund": { "amount": "5.00", "currency": "EUR" },
                "refunded": { "amount": "15.05", "currency": "EUR" },
            },
        });
        assert_eq!(told(&event), expected);
    }

    #[test]
    fn a_wallet_of_the_hospital_has_no_owner() {
        let event = wire::WalletOpened {
            wallet_id: "w".to_owned(),
            owner_id: String::new(),
            currency: "JPY".to_owned(),
        };
        assert_eq!(
            told(&event)["data"],
            json!({ "walletId": "w", "currency": "JPY" })
        );
    }

    #[test]
    fn every_event_of_the_service_is_told_and_what_is_malformed_is_not() {
        let own = galen_contracts::registry::ALL
            .iter()
            .filter(|event| event.topic == "securepay");
        for event in own {
            assert!(HEARD.contains(event), "{} is not heard", event.name);
            let mut received = received(&wire::WalletOpened::default());
            received.event_type = event.name.to_owned();
            received.data = Vec::new();
            // Without its payment or amount it is refused, never passed over.
            assert!(
                !matches!(Message::of(&received), Ok(None)),
                "{}",
                event.name
            );
        }
        let mut unknown = received(&wire::WalletOpened::default());
        unknown.event_type = "galen.securepay.unheard-of.v1".to_owned();
        assert!(matches!(Message::of(&unknown), Ok(None)));
        let lacking = received(&wire::PaymentVoided { payment: None });
        assert!(matches!(
            Message::of(&lacking),
            Err(Failure::Permanent { .. })
        ));
    }

    #[test]
    fn a_type_is_read_as_it_is_written() {
        for kind in MessageType::ALL {
            assert_eq!(MessageType::read(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!(MessageType::read("payment"), None);
    }
}
