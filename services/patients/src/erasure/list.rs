//! The queue of those who decide about erasures.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::Status;
use super::store::{self, Position};
use super::view::ErasureView;
use crate::{Patients, input};

/// Which of them.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListErasures {
    /// What became of them; those that wait, unless said otherwise.
    status: Option<Status>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where the page before ended.
    cursor: Option<String>,
}

impl Requires for ListErasures {
    const NEEDS: Needs = Needs::Permission(Permission::PatientErase);
}

/// List erasures
///
/// Longest waiting first.
#[utoipa::path(
    get,
    path = "/erasures",
    operation_id = "listErasures",
    tag = "patients",
    params(ListErasures),
    responses((status = 200, description = "A page of them.", body = PageView<ErasureView>)),
)]
pub async fn list(
    cx: Cx<ListErasures>,
    State(s): State<Arc<Patients>>,
    Params(wanted): Params<ListErasures>,
) -> Outcome {
    cx.principal()?;
    let limit = page::limit(wanted.limit)?;
    let after: Option<Position> = wanted.cursor.as_deref().map(Cursor::decode).transpose()?;
    if after.is_some_and(|(at, _)| !input::is_on_record(at)) {
        return Err(input::stray_cursor().into());
    }
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let status = wanted.status.unwrap_or(Status::Open);
    let found = store::page(&s.vault, &mut connection, status, after, limit).await?;
    let page = Page::from_rows(found, limit, |erasure| {
        (erasure.requested_at, erasure.id.uuid())
    });
    Ok(Answer::ok(&PageView::from(page.map(ErasureView::from))))
}
