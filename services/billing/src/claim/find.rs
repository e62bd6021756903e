//! `GET /claims`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Page, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::model::Status;
use super::reach;
use super::store::{self, At, Filter};
use super::view::SummaryView;
use crate::{Billing, position};

/// Which claims are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindClaims {
    /// Whose.
    pub patient_id: Option<Uuid>,
    /// Who is asked.
    pub payer_id: Option<Uuid>,
    /// Of which invoice.
    pub invoice_id: Option<Uuid>,
    /// Where they are on their way.
    #[param(inline)]
    pub status: Option<Status>,
    /// Only those about which somebody should ask the payer in person.
    pub follow_up: Option<bool>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindClaims {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimRead);
}

/// Lists claims, newest first; patients see their own.
#[utoipa::path(
    get,
    path = "/claims",
    operation_id = "findClaims",
    tag = "billing",
    params(FindClaims),
    responses((status = 200, description = "A page.", body = PageView<SummaryView>)),
)]
pub async fn find(
    cx: Cx<FindClaims>,
    State(billing): State<Arc<Billing>>,
    Params(query): Params<FindClaims>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = position::read(query.cursor.as_deref(), |at: &At| at.0)?;
    let filter = Filter {
        patient: reach::of(&cx, query.patient_id.map(PatientId::from_uuid))?,
        payer: query.payer_id,
        invoice: query.invoice_id,
        status: query.status,
        follow_up: query.follow_up.unwrap_or(false),
    };
    let rows = store::find(billing.db.pool(), &filter, after, limit).await?;
    let page = Page::from_rows(rows, limit, |claim| claim.at);
    let items = page
        .items
        .into_iter()
        .map(SummaryView::new)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: page.next_cursor,
    }))
}
