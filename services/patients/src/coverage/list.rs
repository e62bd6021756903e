//! Listing the coverages of a patient.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Cursor, Page, Violations, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, PathIds, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::IntoParams;

use super::store::{self, Position};
use super::view::CoverageView;
use crate::patient::reach::reached;
use crate::{Patients, input};

/// Which coverages.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListCoverages {
    /// Only those valid on this day.
    #[param(format = "date")]
    on: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where the page before ended.
    cursor: Option<String>,
}

impl Requires for ListCoverages {
    const NEEDS: Needs = Needs::Permission(Permission::PatientRead);
}

/// List coverages
///
/// In the order of paying. Those of records that were merged into this one are shown
/// here as well.
#[utoipa::path(
    get,
    path = "/patients/{id}/coverages",
    operation_id = "listCoverages",
    tag = "patients",
    params(
        ("id" = uuid::Uuid, Path, description = "Id of the record"),
        ListCoverages,
    ),
    responses((status = 200, description = "A page of coverages.", body = PageView<CoverageView>)),
)]
pub async fn list(
    cx: Cx<ListCoverages>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Params(wanted): Params<ListCoverages>,
) -> Outcome {
    let limit = page::limit(wanted.limit)?;
    let after: Option<Position> = wanted.cursor.as_deref().map(Cursor::decode).transpose()?;
    if after.is_some_and(|(_, from, _)| !(input::EARLIEST..=input::LATEST).contains(&from)) {
        return Err(input::stray_cursor().into());
    }
    let mut violations = Violations::new();
    let on = wanted.on.and_then(|text| {
        input::day(
            &mut violations,
            "?on",
            &text,
            input::EARLIEST,
            input::LATEST,
        )
    });
    violations.finish()?;
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    reached(&cx, &mut connection, id).await?;
    let coverages = store::page(&s.vault, &mut connection, id, on, after, limit).await?;
    let page = Page::from_rows(coverages, limit, |c| {
        (c.terms.priority, c.terms.valid_from, c.id.uuid())
    });
    Ok(Answer::ok(&PageView::from(page.map(CoverageView::from))))
}
