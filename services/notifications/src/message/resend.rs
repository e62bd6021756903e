//! `POST /notifications/{id}/resend`: a person has a message sent once more.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Timestamp};
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use crate::Notifications;
use crate::message::model::{MessageId, Status};
use crate::message::store;
use crate::message::view::{NotificationView, Reader};

/// Send a message once more.
pub struct ResendNotification;

impl Requires for ResendNotification {
    const NEEDS: Needs = Needs::Permission(Permission::NotificationManage);
}

/// Why a message is not sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResendError {
    /// There is none.
    #[error("no such message")]
    NotFound,
    /// It is still on its way.
    #[error("on its way")]
    OnItsWay,
    /// It would come too late to be of use.
    #[error("expired")]
    Expired,
}

impl From<ResendError> for Problem {
    fn from(error: ResendError) -> Self {
        match error {
            ResendError::NotFound => Self::not_found(),
            ResendError::OnItsWay => {
                Self::conflict("MESSAGE_ON_ITS_WAY", "The message is still on its way.")
            }
            ResendError::Expired => Self::conflict(
                "MESSAGE_EXPIRED",
                "The message would come too late to be of use.",
            ),
        }
    }
}

/// Whether a message may be sent once more.
fn resendable(
    status: Status,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), ResendError> {
    match status {
        Status::Queued | Status::Sending => Err(ResendError::OnItsWay),
        _ if expires_at.is_some_and(|end| end <= now) => Err(ResendError::Expired),
        Status::Sent | Status::Dead | Status::Suppressed => Ok(()),
    }
}

/// Queues a message again, whatever became of it, with all its channels.
#[utoipa::path(
    post,
    path = "/notifications/{id}/resend",
    params(("id" = Uuid, Path, description = "The message's id")),
    responses((status = 200, description = "The message, queued again", body = NotificationView)),
    tag = "notifications"
)]
pub async fn resend(
    cx: Cx<ResendNotification>,
    State(service): State<Arc<Notifications>>,
    PathIds(id): PathIds<MessageId>,
) -> Outcome {
    let now = cx.now();
    let mut tx = cx.begin(&service.db).await?;
    let (status, expires_at, version) = store::lock(tx.conn(), id)
        .await?
        .ok_or(ResendError::NotFound)?;
    cx.expect_version(version)?;
    resendable(status, expires_at, now)?;
    store::requeue(tx.conn(), id, now).await?;
    let message = store::find(tx.conn(), id)
        .await?
        .ok_or(ResendError::NotFound)?;
    let version = message.version;
    let view = NotificationView::new(message, Reader::Staff);
    tx.ring(&service.queue.bell());
    tx.commit(Answer::ok(&view).version(version)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_ended_and_is_still_of_use_is_sent_again() {
        let now = Timestamp::UNIX_EPOCH;
        for status in Status::ALL {
            let ended = matches!(status, Status::Sent | Status::Dead | Status::Suppressed);
            assert_eq!(resendable(*status, None, now).is_ok(), ended, "{status:?}");
            assert!(resendable(*status, Some(now), now).is_err(), "{status:?}");
        }
    }
}
