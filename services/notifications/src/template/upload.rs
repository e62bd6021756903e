//! `POST /notification-templates`: a new version of a text.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Notifications;
use crate::template::show::TemplateView;
use crate::template::store::{self, Template, TemplateId};
use crate::template::{Channel, Draft, TemplateName};

/// A new version of a text. `{{name}}` mentions a variable; which ones a text
/// knows depends on what it is about, and an unknown one is refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UploadTemplate {
    /// Which text.
    name: TemplateName,
    /// For which channel. Account texts exist for EMAIL and SMS only.
    channel: Channel,
    /// In which language.
    #[schema(pattern = "^[a-z]{2,3}(-[A-Z]{2})?$", example = "en")]
    locale: String,
    /// Subject: one line. Required unless the channel is SMS, which has none.
    #[schema(
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
        example = "See you on {{date}}"
    )]
    subject: Option<String>,
    /// Body; at most 670 characters for an SMS.
    #[schema(
        min_length = 1,
        max_length = 10_000,
        pattern = "^[^\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f]*$",
        example = "Dear {{patientName}}, we expect you at {{time}}. {{hospital}}"
    )]
    body: String,
    /// Whether to use it at once instead of the version in use.
    #[serde(default)]
    active: bool,
}

impl Requires for UploadTemplate {
    const NEEDS: Needs = Needs::Permission(Permission::NotificationManage);
}

/// Stores a new version of a text, and uses it at once if wished.
#[utoipa::path(
    post,
    path = "/notification-templates",
    request_body = UploadTemplate,
    responses((status = 201, description = "The stored version", body = TemplateView)),
    tag = "notifications"
)]
pub async fn upload(
    cx: Cx<UploadTemplate>,
    State(service): State<Arc<Notifications>>,
    Body(request): Body<UploadTemplate>,
) -> Outcome {
    let draft = Draft::check(
        request.name,
        request.channel,
        &request.locale,
        request.subject.as_deref(),
        &request.body,
    )?;
    let by = cx.principal()?.user_id.uuid();
    let (id, now): (TemplateId, _) = (cx.clock().id(), cx.now());
    let mut tx = cx.begin(&service.db).await?;
    store::take_turn(tx.conn(), &draft).await?;
    let number = store::add(tx.conn(), id, &draft, by, now).await?;
    let version = if request.active {
        store::activate(tx.conn(), id, &draft).await?
    } else {
        1
    };
    let stored = Template {
        id,
        draft,
        number,
        active: request.active,
        created_at: now,
        version,
    };
    let answer = Answer::created(&TemplateView::from(stored))
        .version(version)
        .location(&format!("/api/v1/notification-templates/{id}"));
    tx.commit(answer).await
}
