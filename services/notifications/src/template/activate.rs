//! `POST /notification-templates/{id}/activate`: uses a version from now on.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use crate::Notifications;
use crate::template::show::TemplateView;
use crate::template::store::{self, Template, TemplateId};

/// Use a version, newer or older, instead of the one in use.
pub struct ActivateTemplate;

impl Requires for ActivateTemplate {
    const NEEDS: Needs = Needs::Permission(Permission::NotificationManage);
}

/// Uses this version from now on; messages that were already sent keep theirs.
#[utoipa::path(
    post,
    path = "/notification-templates/{id}/activate",
    params(("id" = Uuid, Path, description = "The version's id")),
    responses((status = 200, description = "The version, now in use", body = TemplateView)),
    tag = "notifications"
)]
pub async fn activate(
    cx: Cx<ActivateTemplate>,
    State(service): State<Arc<Notifications>>,
    PathIds(id): PathIds<TemplateId>,
) -> Outcome {
    let mut tx = cx.begin(&service.db).await?;
    let found = store::find(&mut **tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    store::take_turn(tx.conn(), &found.draft).await?;
    let found = store::find(&mut **tx, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(found.version)?;
    let version = store::activate(tx.conn(), id, &found.draft).await?;
    let active = Template {
        active: true,
        version,
        ..found
    };
    tx.commit(Answer::ok(&TemplateView::from(active)).version(version))
        .await
}
