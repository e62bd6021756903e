//! Listing allergies.

use std::sync::Arc;

use axum::extract::State;
use galen_contracts::ids::PatientId;
use galen_kernel::Page;
use galen_service::{Answer, Cx, Outcome, PageView, Params, PathIds};
use galen_storage::Error;

use super::super::open::ListEntries;
use super::super::store;
use super::model::{Allergy, AllergyView};
use crate::Patients;
use crate::patient::reach::reached;

/// List allergies
///
/// Latest onset first. Those of records that were merged into this one are shown here
/// as well.
#[utoipa::path(
    get,
    path = "/patients/{id}/allergies",
    operation_id = "listAllergies",
    tag = "patients",
    params(
        ("id" = uuid::Uuid, Path, description = "Id of the record"),
        ListEntries,
    ),
    responses((status = 200, description = "A page of entries.", body = PageView<AllergyView>)),
)]
pub async fn list(
    cx: Cx<ListEntries>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Params(wanted): Params<ListEntries>,
) -> Outcome {
    let wanted = wanted.of(id)?;
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    reached(&cx, &mut connection, id).await?;
    let page = Page::from_rows(
        store::page::<Allergy>(&s.vault, &mut connection, wanted).await?,
        wanted.limit,
        |(entry, _)| (entry.happened_at, entry.id),
    );
    Ok(Answer::ok(&PageView::from(page.map(AllergyView::from))))
}
