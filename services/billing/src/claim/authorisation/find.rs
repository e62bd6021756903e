//! `GET /pre-authorisations`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Page, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::request::AuthorisationView;
use super::store::{self, Filter, Status};
use crate::Billing;
use crate::claim::reach;
use crate::position::{Position, after};

/// Which pre-authorisations are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindAuthorisations {
    /// For whom.
    pub patient_id: Option<Uuid>,
    /// Who agrees.
    pub payer_id: Option<Uuid>,
    /// Where they stand.
    #[param(inline)]
    pub status: Option<Status>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindAuthorisations {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimRead);
}

/// Lists pre-authorisations, newest first; patients see their own.
#[utoipa::path(
    get,
    path = "/pre-authorisations",
    operation_id = "findPreAuthorisations",
    tag = "billing",
    params(FindAuthorisations),
    responses((status = 200, description = "A page.", body = PageView<AuthorisationView>)),
)]
pub async fn find(
    cx: Cx<FindAuthorisations>,
    State(billing): State<Arc<Billing>>,
    Params(query): Params<FindAuthorisations>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = after(query.cursor.as_deref())?;
    let filter = Filter {
        patient: reach::of(&cx, query.patient_id.map(PatientId::from_uuid))?,
        payer: query.payer_id,
        status: query.status,
    };
    let rows = store::find(billing.db.pool(), &filter, after, limit).await?;
    let page = Page::from_rows(rows, limit, |asked| {
        Position(asked.requested_at, asked.id.uuid())
    })
    .map(AuthorisationView::from);
    Ok(Answer::ok(&PageView::from(page)))
}
