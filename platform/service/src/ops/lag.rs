//! How far events are on their way.

use std::sync::Arc;

use axum::extract::State;
use galen_eventing::operations::Lag;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Look, Ops};
use crate::{Answer, Cx, Outcome, PageView};

/// Committed events that have no offset yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutboxView {
    /// How many.
    #[schema(minimum = 0)]
    pending: i64,
    /// Age of the oldest, in milliseconds.
    #[schema(minimum = 0)]
    age_ms: i64,
}

/// How far a subscription is behind on a topic.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubscriptionView {
    /// Group of handlers.
    group: String,
    /// Topic it reads.
    topic: String,
    /// Events not yet applied.
    #[schema(minimum = 0)]
    events: i64,
    /// Age of the oldest of them, in milliseconds.
    #[schema(minimum = 0)]
    age_ms: i64,
    /// Keys that wait behind a failure.
    #[schema(minimum = 0)]
    parked_keys: i64,
    /// Dead letters.
    #[schema(minimum = 0)]
    dead: i64,
}

impl From<Lag> for SubscriptionView {
    fn from(lag: Lag) -> Self {
        let Lag {
            group,
            topic,
            events,
            age_ms,
            parked_keys,
            dead,
        } = lag;
        Self {
            group,
            topic,
            events,
            age_ms,
            parked_keys,
            dead,
        }
    }
}

impl OutboxView {
    /// Looks at the outbox.
    pub(super) async fn now(ops: &Ops) -> Result<Self, galen_storage::Error> {
        let (pending, age_ms) = ops.operations().unsequenced().await?;
        Ok(Self { pending, age_ms })
    }
}

/// Committed events that wait for their offset.
#[utoipa::path(get, path = "/ops/outbox", responses((status = 200, body = OutboxView)), tag = "operations")]
pub(super) async fn outbox(_: Cx<Look>, State(ops): State<Arc<Ops>>) -> Outcome {
    Ok(Answer::ok(&OutboxView::now(&ops).await?))
}

/// Lag of every subscription; one page.
#[utoipa::path(get, path = "/ops/subscriptions", responses((status = 200, body = PageView<SubscriptionView>)), tag = "operations")]
pub(super) async fn subscriptions(_: Cx<Look>, State(ops): State<Arc<Ops>>) -> Outcome {
    let items: Vec<SubscriptionView> = ops
        .operations()
        .lag()
        .await?
        .into_iter()
        .map(Into::into)
        .collect();
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: None,
    }))
}
