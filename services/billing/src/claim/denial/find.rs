//! `GET /denials`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Page, Timestamp, page};
use galen_service::{Answer, Cx, MoneyView, Needs, Outcome, PageView, Params, Requires};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::store::{self, Action, Denial, Status};
use crate::Billing;
use crate::position::{Position, after};

/// Which denials are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindDenials {
    /// Where they stand.
    #[param(inline)]
    pub status: Option<Status>,
    /// Of which claim.
    pub claim_id: Option<Uuid>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindDenials {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimManage);
}

/// What a payer did not pay although it was asked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Denial)]
#[serde(rename_all = "camelCase")]
pub struct DenialView {
    /// Its id.
    pub id: Uuid,
    /// The claim that was denied last.
    pub claim_id: Uuid,
    /// Its line.
    pub sequence: u16,
    /// Whose.
    pub patient_id: Uuid,
    /// Who denied.
    pub payer_id: Uuid,
    /// Whose fault it is (X12 claim adjustment group code).
    #[schema(example = "CO")]
    pub group: String,
    /// Why (X12 claim adjustment reason code).
    #[schema(example = "197")]
    pub reason: String,
    /// How much.
    pub amount: MoneyView,
    /// Where it stands.
    pub status: Status,
    /// What was done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    pub opened_at: Timestamp,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub closed_at: Option<Timestamp>,
    /// For `If-Match`.
    pub version: i64,
}

impl From<Denial> for DenialView {
    fn from(denial: Denial) -> Self {
        Self {
            id: denial.id.uuid(),
            claim_id: denial.claim.uuid(),
            sequence: denial.sequence,
            patient_id: denial.patient.uuid(),
            payer_id: denial.payer,
            group: denial.group,
            reason: denial.reason,
            amount: denial.amount.into(),
            status: denial.status,
            action: denial.action,
            opened_at: denial.opened_at,
            closed_at: denial.closed_at,
            version: denial.version,
        }
    }
}

/// Lists denials, newest first.
#[utoipa::path(
    get,
    path = "/denials",
    operation_id = "findDenials",
    tag = "billing",
    params(FindDenials),
    responses((status = 200, description = "A page.", body = PageView<DenialView>)),
)]
pub async fn find(
    _: Cx<FindDenials>,
    State(billing): State<Arc<Billing>>,
    Params(query): Params<FindDenials>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = after(query.cursor.as_deref())?;
    let rows = store::find(
        billing.db.pool(),
        query.status,
        query.claim_id,
        after,
        limit,
    )
    .await?;
    let page = Page::from_rows(rows, limit, |denial| {
        Position(denial.opened_at, denial.id.uuid())
    })
    .map(DenialView::from);
    Ok(Answer::ok(&PageView::from(page)))
}
