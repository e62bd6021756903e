//! `GET /webhook-deliveries`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::model::Status;
use super::store::{self, Filter, Position};
use super::view::DeliveryView;
use crate::SecurePay;

/// Which deliveries are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListDeliveries {
    /// To this endpoint.
    endpoint_id: Option<Uuid>,
    /// Which stand here.
    #[param(inline)]
    status: Option<Status>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

impl Requires for ListDeliveries {
    const NEEDS: Needs = Needs::Permission(Permission::WebhookManage);
}

/// Lists deliveries, newest first. They are kept for a month after they ended.
#[utoipa::path(
    get,
    path = "/webhook-deliveries",
    operation_id = "listWebhookDeliveries",
    tag = "securepay",
    params(ListDeliveries),
    responses((status = 200, description = "A page.", body = PageView<DeliveryView>)),
)]
pub(crate) async fn list(
    _: Cx<ListDeliveries>,
    State(s): State<Arc<SecurePay>>,
    Params(query): Params<ListDeliveries>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let before = query
        .cursor
        .as_deref()
        .map(Cursor::decode::<Position>)
        .transpose()?;
    let filter = Filter {
        endpoint: query.endpoint_id.map(Into::into),
        status: query.status,
    };
    let rows = store::list(s.db.pool(), &filter, before, limit).await?;
    let page = Page::from_rows(rows, limit, |delivery| Position(delivery.id));
    Ok(Answer::ok(&PageView::from(
        page.map(|delivery| DeliveryView::from(&delivery)),
    )))
}
