//! `GET /notifications/{id}`: a message with every attempt to send it.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use crate::Notifications;
use crate::message::list::reach;
use crate::message::model::{MessageId, Recipient};
use crate::message::store;
use crate::message::view::NotificationDetailView;

/// See a message.
pub struct ShowNotification;

impl Requires for ShowNotification {
    const NEEDS: Needs = Needs::Permission(Permission::NotificationRead);
}

/// A message with every attempt to send it.
#[utoipa::path(
    get,
    path = "/notifications/{id}",
    params(("id" = Uuid, Path, description = "The message's id")),
    responses((status = 200, description = "The message", body = NotificationDetailView)),
    tag = "notifications"
)]
pub async fn show(
    cx: Cx<ShowNotification>,
    State(service): State<Arc<Notifications>>,
    PathIds(id): PathIds<MessageId>,
) -> Outcome {
    let message = store::find(service.db.pool(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let recipient = match message.recipient {
        Recipient::Patient(id) => id.uuid(),
        Recipient::User(id) => id.uuid(),
    };
    reach(cx.scope(), Some(recipient))?;
    let attempts = store::attempts(service.db.pool(), id).await?;
    let version = message.version;
    let reader = service.reader(cx.scope(), &message);
    Ok(Answer::ok(&NotificationDetailView::new(message, reader, attempts)).version(version))
}
