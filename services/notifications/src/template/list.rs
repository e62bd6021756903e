//! `GET /notification-templates`: the texts, with every version.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, Problem, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Notifications;
use crate::template::show::{TemplateView, staff_only};
use crate::template::store::{self, Filter, Position, Template};
use crate::template::{Channel, Locale, TemplateName};

/// Which texts are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListTemplates {
    /// Only this text.
    name: Option<TemplateName>,
    /// Only for this channel.
    channel: Option<Channel>,
    /// Only in this language.
    #[param(pattern = "^[a-z]{2,3}(-[A-Z]{2})?$", example = "de")]
    locale: Option<String>,
    /// Only the versions in use, or only the others.
    active: Option<bool>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

impl Requires for ListTemplates {
    const NEEDS: Needs = Needs::Permission(Permission::NotificationRead);
}

fn position(template: &Template) -> Position {
    let draft = &template.draft;
    let (name, channel) = (
        draft.name.code().to_owned(),
        draft.channel.code().to_owned(),
    );
    (name, channel, draft.locale.to_string(), template.number)
}

/// The texts, with every version.
#[utoipa::path(
    get,
    path = "/notification-templates",
    params(ListTemplates),
    responses((status = 200, description = "A page of texts", body = PageView<TemplateView>)),
    tag = "notifications"
)]
pub async fn list(
    cx: Cx<ListTemplates>,
    State(service): State<Arc<Notifications>>,
    Params(query): Params<ListTemplates>,
) -> Outcome {
    staff_only(&cx)?;
    let limit = page::limit(query.limit)?;
    let after: Option<Position> = query.cursor.as_deref().map(Cursor::decode).transpose()?;
    let storable = |p: &Position| ![&p.0, &p.1, &p.2].iter().any(|s| s.contains('\0'));
    if !after.as_ref().is_none_or(storable) {
        return Err(Problem::invalid_field(
            "?cursor",
            "INVALID_CURSOR",
            "is not a cursor of this list",
        )
        .into());
    }
    let locale: Option<Locale> = query
        .locale
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|e: crate::template::locale::NotALocale| {
            Problem::invalid_field("?locale", "INVALID_LOCALE", e.to_string())
        })?;
    let filter = Filter {
        name: query.name,
        channel: query.channel,
        locale,
        active: query.active,
    };
    let rows = store::list(service.db.pool(), &filter, after.as_ref(), limit).await?;
    let page = Page::from_rows(rows, limit, position).map(TemplateView::from);
    Ok(Answer::ok(&PageView::from(page)))
}
