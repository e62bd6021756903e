//! `GET /practitioners/{id}/leaves`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_kernel::{Cursor, Page, Problem, Timestamp, Violations, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, PathIds, Requires};
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::LeaveStatus;
use super::store::{self, Filter, Position};
use super::view::LeaveView;
use crate::interval::in_calendar;
use crate::practitioner::model::PractitionerError;
use crate::{Staff, field, practitioner};

/// Which leaves are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListLeaves {
    /// That end after it.
    pub from: Option<Timestamp>,
    /// That begin before it.
    pub to: Option<Timestamp>,
    /// That stand there.
    #[param(inline)]
    pub status: Option<LeaveStatus>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for ListLeaves {
    const NEEDS: Needs = Needs::Permission(Permission::LeaveRead);
}

impl ListLeaves {
    fn parse(self) -> Result<(Filter, Option<Position>, u16), Problem> {
        let mut wrong = Violations::new();
        let filter = Filter {
            from: field::bound(&mut wrong, "?from", self.from),
            to: field::bound(&mut wrong, "?to", self.to),
            status: self.status,
        };
        let after = self
            .cursor
            .as_deref()
            .map(Cursor::decode::<Position>)
            .transpose()?;
        let position_exists = after
            .as_ref()
            .is_none_or(|position| in_calendar(position.0));
        wrong.require(
            position_exists,
            "?cursor",
            "INVALID_CURSOR",
            "is not a cursor of this list",
        );
        wrong.finish()?;
        Ok((filter, after, page::limit(self.limit)?))
    }
}

/// Lists a practitioner's leaves by start, whatever became of them.
#[utoipa::path(
    get,
    path = "/practitioners/{id}/leaves",
    operation_id = "listLeaves",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner."), ListLeaves),
    responses((status = 200, description = "A page.", body = PageView<LeaveView>)),
)]
pub async fn list(
    cx: Cx<ListLeaves>,
    State(staff): State<Arc<Staff>>,
    PathIds(practitioner): PathIds<PractitionerId>,
    Params(query): Params<ListLeaves>,
) -> Outcome {
    cx.reach_practitioner(practitioner)?;
    let (filter, after, limit) = query.parse()?;
    practitioner::store::find_standing(staff.db.pool(), practitioner)
        .await?
        .ok_or(PractitionerError::Unknown)?;
    let rows = store::list(
        staff.db.pool(),
        practitioner,
        &filter,
        after.as_ref(),
        limit,
    )
    .await?;
    let caller = cx.principal()?;
    let page = Page::from_rows(rows, limit, |leave| {
        Position(leave.during.start(), leave.id.uuid())
    });
    Ok(Answer::ok(&PageView::from(
        page.map(|leave| LeaveView::of(leave, caller)),
    )))
}
