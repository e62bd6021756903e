//! `POST /tariffs/{id}/end`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Violations;
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{TariffError, TariffId};
use super::store;
use super::view::TariffView;
use crate::{Billing, field};

/// When a tariff is to end.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndTariff {
    /// The first day on which it is no longer the price: today or later.
    #[schema(value_type = String, format = "date")]
    pub valid_to: Date,
}

impl Requires for EndTariff {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueManage);
}

/// Ends a tariff
///
/// One that has not begun yet is taken back by ending it on its first day.
#[utoipa::path(
    post,
    path = "/tariffs/{id}/end",
    operation_id = "endTariff",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The tariff.")),
    request_body = EndTariff,
    responses((status = 200, description = "The tariff.", body = TariffView)),
)]
pub async fn end(
    cx: Cx<EndTariff>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<TariffId>,
    Body(request): Body<EndTariff>,
) -> Outcome {
    let mut wrong = Violations::new();
    field::day(&mut wrong, "/validTo", request.valid_to);
    wrong.finish()?;
    let today = cx.now().to_zoned(billing.zone.clone()).date();
    let mut tx = cx.begin(&billing.db).await?;
    let mut tariff = store::get_for_update(&mut tx, id)
        .await?
        .ok_or(TariffError::Unknown)?;
    cx.expect_version(tariff.version)?;
    tariff.end(request.valid_to, today)?;
    store::end(&mut tx, &tariff).await?;
    tariff.version += 1;
    let version = tariff.version;
    tx.commit(Answer::ok(&TariffView::from(tariff)).version(version))
        .await
}
