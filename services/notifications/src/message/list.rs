//! `GET /notifications`: messages, newest first.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_kernel::{Cursor, Page, Problem, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::Notifications;
use crate::message::model::{Recipient, Status};
use crate::message::store::{self, Filter, Stored};
use crate::message::view::{NotificationView, Reader};

/// Which messages are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListNotifications {
    /// Only of this patient or account. Patients see their own in any case.
    recipient_id: Option<Uuid>,
    /// Only in this state.
    status: Option<Status>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

impl Requires for ListNotifications {
    const NEEDS: Needs = Needs::Permission(Permission::NotificationRead);
}

/// Whose messages the caller may see: everybody's, or one patient's.
pub(crate) fn reach(scope: Scope, recipient: Option<Uuid>) -> Result<Option<Uuid>, Problem> {
    if scope == Scope::Any {
        return Ok(recipient);
    }
    match scope.own_patient() {
        Some(own) if recipient.is_none_or(|r| r == own.uuid()) => Ok(Some(own.uuid())),
        _ => Err(Problem::not_found()),
    }
}

impl Notifications {
    /// How the caller reads a message: what it says is for its patient alone.
    pub(crate) fn reader(&self, scope: Scope, message: &Stored) -> Reader<'_> {
        match (scope.own_patient(), message.recipient) {
            (Some(own), Recipient::Patient(id)) if own == id => Reader::Recipient {
                zone: &self.zone,
                hospital: &self.settings.hospital,
            },
            _ => Reader::Staff,
        }
    }
}

/// Messages, newest first; patients see their own, with what they say in the account.
#[utoipa::path(
    get,
    path = "/notifications",
    params(ListNotifications),
    responses((status = 200, description = "A page of messages", body = PageView<NotificationView>)),
    tag = "notifications"
)]
pub async fn list(
    cx: Cx<ListNotifications>,
    State(service): State<Arc<Notifications>>,
    Params(query): Params<ListNotifications>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let before: Option<Uuid> = query.cursor.as_deref().map(Cursor::decode).transpose()?;
    let recipient = reach(cx.scope(), query.recipient_id)?;
    let filter = Filter {
        recipient,
        status: query.status,
    };
    let rows = store::list(service.db.pool(), &filter, before, limit).await?;
    let page = Page::from_rows(rows, limit, |row| row.id).map(|row| {
        let reader = service.reader(cx.scope(), &row);
        NotificationView::new(row, reader)
    });
    Ok(Answer::ok(&PageView::from(page)))
}
