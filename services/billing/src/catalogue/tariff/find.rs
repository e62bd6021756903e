//! `GET /tariffs`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, Violations, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::store::{self, Filter, Position};
use super::view::TariffView;
use crate::catalogue::PayerId;
use crate::catalogue::payer::find::stray_cursor;
use crate::{Billing, field};

/// Which tariffs.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindTariffs {
    /// Of this service.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$")]
    pub service_code: Option<String>,
    /// Agreed with this payer.
    pub payer_id: Option<Uuid>,
    /// In force on this day.
    #[param(format = "date")]
    pub on: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindTariffs {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueRead);
}

/// Lists tariffs by service, first day and id.
#[utoipa::path(
    get,
    path = "/tariffs",
    operation_id = "findTariffs",
    tag = "billing",
    params(FindTariffs),
    responses((status = 200, description = "A page.", body = PageView<TariffView>)),
)]
pub async fn find(
    _: Cx<FindTariffs>,
    State(billing): State<Arc<Billing>>,
    Params(query): Params<FindTariffs>,
) -> Outcome {
    let mut wrong = Violations::new();
    if let Some(code) = &query.service_code {
        field::service_code(&mut wrong, "?serviceCode", code);
    }
    let on = query
        .on
        .and_then(|text| field::parsed_day(&mut wrong, "?on", &text));
    wrong.finish()?;
    let limit = page::limit(query.limit)?;
    let after: Option<Position> = query.cursor.as_deref().map(Cursor::decode).transpose()?;
    let known = field::EARLIEST..=field::LATEST;
    let is_stray = |(code, from, _): &Position| code.contains('\0') || !known.contains(from);
    if after.as_ref().is_some_and(is_stray) {
        return Err(stray_cursor().into());
    }
    let filter = Filter {
        service_code: query.service_code,
        payer: query.payer_id.map(PayerId::from_uuid),
        on,
    };
    let rows = store::page(billing.db.pool(), &filter, after.as_ref(), limit).await?;
    let page = Page::from_rows(rows, limit, |tariff| {
        (
            tariff.service_code.clone(),
            tariff.valid_from,
            tariff.id.uuid(),
        )
    });
    Ok(Answer::ok(&PageView::from(page.map(TariffView::from))))
}
