//! `GET /appointment-series/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::Error;
use sqlx::PgConnection;

use super::model::{Series, SeriesId};
use super::store;
use super::view::SeriesView;
use crate::appointment::view::AppointmentView;
use crate::patient::reach::reach;
use crate::{Scheduling, appointment};

/// One series.
pub struct GetSeries;

impl Requires for GetSeries {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentRead);
}

/// Shows a series and what became of its appointments.
#[utoipa::path(
    get,
    path = "/appointment-series/{id}",
    operation_id = "getAppointmentSeries",
    tag = "scheduling",
    params(("id" = Uuid, Path, description = "The series.")),
    responses((status = 200, description = "The series.", body = SeriesView)),
)]
pub async fn get(
    cx: Cx<GetSeries>,
    State(scheduling): State<Arc<Scheduling>>,
    PathIds(id): PathIds<SeriesId>,
) -> Outcome {
    let mut connection = scheduling.db.pool().acquire().await.map_err(Error::from)?;
    let series = store::get(&mut *connection, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    reach(cx.scope(), &mut connection, series.patient).await?;
    let view = view(&scheduling, &mut connection, &series).await?;
    Ok(Answer::ok(&view).version(series.version))
}

/// A series with what became of it.
///
/// # Errors
/// When the database fails, or what is sealed does not open.
pub async fn view(
    scheduling: &Scheduling,
    db: &mut PgConnection,
    series: &Series,
) -> Result<SeriesView, galen_vault::Error> {
    let booked = appointment::store::of_series(&mut *db, series.id).await?;
    let booked = AppointmentView::open_all(&scheduling.vault, &mut *db, booked).await?;
    let conflicts = store::conflicts(db, series.id).await?;
    Ok(SeriesView::of(series, booked, conflicts))
}
