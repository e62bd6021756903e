//! `GET /charges`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_contracts::ids::PatientId;
use galen_kernel::{Page, Problem, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::model::Status;
use super::store::{self, Filter};
use super::view::ChargeView;
use crate::Billing;
use crate::position::after;

/// Which charges are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindCharges {
    /// Whose.
    pub patient_id: Option<Uuid>,
    /// Of which stay.
    pub admission_id: Option<Uuid>,
    /// In which state; those that are `HELD` wait for somebody to find a price.
    #[param(inline)]
    pub status: Option<Status>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindCharges {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceRead);
}

/// Whose things a list shows: patients see their own.
///
/// # Errors
/// 404 when somebody else's are asked for.
pub(crate) fn whose(scope: Scope, wished: Option<Uuid>) -> Result<Option<Uuid>, Problem> {
    if scope == Scope::Any {
        return Ok(wished);
    }
    let own = scope.own_patient().ok_or_else(Problem::not_found)?;
    match wished {
        Some(wished) if PatientId::from_uuid(wished) != own => Err(Problem::not_found()),
        _ => Ok(Some(own.uuid())),
    }
}

/// Lists charges by when they were captured; patients see their own.
#[utoipa::path(
    get,
    path = "/charges",
    operation_id = "findCharges",
    tag = "billing",
    params(FindCharges),
    responses((status = 200, description = "A page.", body = PageView<ChargeView>)),
)]
pub async fn find(
    cx: Cx<FindCharges>,
    State(billing): State<Arc<Billing>>,
    Params(query): Params<FindCharges>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = after(query.cursor.as_deref())?;
    let filter = Filter {
        patient: whose(cx.scope(), query.patient_id)?,
        admission: query.admission_id,
        status: query.status,
    };
    if let Some(patient) = filter.patient {
        cx.concerns(PatientId::from_uuid(patient));
    }
    let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
    let rows = store::find(&mut *connection, &filter, after, limit).await?;
    let page = Page::from_rows(rows, limit, store::Row::position);
    let items = ChargeView::open_all(&billing.vault, &mut connection, page.items).await?;
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: page.next_cursor,
    }))
}
