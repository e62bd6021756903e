//! How deliveries are shown.

use galen_kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Delivery;
use super::model::Status;
use super::store::Written;
use crate::webhook::message::MessageType;

/// One message to one endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryView {
    /// Identity.
    id: Uuid,
    /// To whom.
    endpoint_id: Uuid,
    /// The `webhook-id`, the same at every attempt.
    message_id: Uuid,
    /// What it is about.
    r#type: MessageType,
    /// Where it stands.
    status: Status,
    /// How often it was sent.
    #[schema(minimum = 0)]
    attempt_count: i32,
    /// When it is sent next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    next_attempt_at: Option<Timestamp>,
    /// Since when it is to be sent.
    created_at: Timestamp,
    /// When it was delivered or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    ended_at: Option<Timestamp>,
}

impl From<&Delivery> for DeliveryView {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id.uuid(),
            endpoint_id: delivery.endpoint.uuid(),
            message_id: delivery.message,
            r#type: delivery.kind,
            status: delivery.status,
            attempt_count: delivery.attempts,
            next_attempt_at: delivery.due_at,
            created_at: delivery.created_at,
            ended_at: delivery.ended_at,
        }
    }
}

/// One message to one endpoint, with what is sent and what came of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDeliveryHistory)]
pub(crate) struct HistoryView {
    /// The delivery.
    #[serde(flatten)]
    pub(crate) delivery: DeliveryView,
    /// What is sent, byte for byte.
    pub(crate) body: String,
    /// The newest hundred attempts, newest first.
    #[schema(max_items = 100)]
    pub(crate) attempts: Vec<AttemptView>,
}

/// One time that it was sent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookAttempt)]
pub(crate) struct AttemptView {
    /// Which, from 1.
    #[schema(minimum = 1)]
    number: i32,
    /// When.
    at: Timestamp,
    /// Milliseconds until it was answered, or was not.
    #[schema(minimum = 0)]
    latency_ms: i32,
    /// The status that was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, minimum = 100, maximum = 999)]
    status_code: Option<i16>,
    /// Why nothing was answered: `TIMED_OUT`, `NOT_CONNECTED`, `NOT_ANSWERED`, or
    /// `ADDRESS_REFUSED` when it leads into a private network.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, min_length = 1)]
    error: Option<String>,
    /// The beginning of what was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, max_length = 1024)]
    response: Option<String>,
}

impl From<Written> for AttemptView {
    fn from(attempt: Written) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at,
            latency_ms: attempt.latency_ms,
            status_code: attempt.status_code,
            error: attempt.error,
            response: attempt.response,
        }
    }
}
