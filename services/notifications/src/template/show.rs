//! `GET /notification-templates/{id}`: one version of a text.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_kernel::{Problem, Timestamp};
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Notifications;
use crate::template::store::{self, Template, TemplateId};
use crate::template::{Channel, TemplateName};

/// One version of a text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateView {
    /// Its id.
    id: Uuid,
    /// Which text.
    name: TemplateName,
    /// For which channel.
    channel: Channel,
    /// In which language.
    #[schema(example = "en")]
    locale: String,
    /// Which version of the text in this language and channel, from 1.
    number: i32,
    /// Subject; empty for an SMS.
    subject: String,
    /// Body.
    body: String,
    /// Whether it is the version in use.
    active: bool,
    /// When it was uploaded.
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    /// For `If-Match`.
    version: i64,
}

impl From<Template> for TemplateView {
    fn from(template: Template) -> Self {
        Self {
            id: template.id.uuid(),
            name: template.draft.name,
            channel: template.draft.channel,
            locale: template.draft.locale.to_string(),
            number: template.number,
            subject: template.draft.subject,
            body: template.draft.body,
            active: template.active,
            created_at: template.created_at,
            version: template.version,
        }
    }
}

/// See a text.
pub struct ShowTemplate;

impl Requires for ShowTemplate {
    const NEEDS: Needs = Needs::Permission(Permission::NotificationRead);
}

/// Texts belong to the hospital: seeing one's own messages is not seeing them.
///
/// # Errors
/// 403 when the permission reaches only what is the caller's own.
pub fn staff_only<R: Requires>(cx: &Cx<R>) -> Result<(), Problem> {
    match cx.scope() {
        Scope::Any => Ok(()),
        Scope::Care { .. } | Scope::Own { .. } => Err(Problem::forbidden()),
    }
}

/// One version of a text.
#[utoipa::path(
    get,
    path = "/notification-templates/{id}",
    params(("id" = Uuid, Path, description = "The version's id")),
    responses((status = 200, description = "The text", body = TemplateView)),
    tag = "notifications"
)]
pub async fn show(
    cx: Cx<ShowTemplate>,
    State(service): State<Arc<Notifications>>,
    PathIds(id): PathIds<TemplateId>,
) -> Outcome {
    staff_only(&cx)?;
    let template = store::find(service.db.pool(), id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let version = template.version;
    Ok(Answer::ok(&TemplateView::from(template)).version(version))
}
