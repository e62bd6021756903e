//! `GET /practitioners/{id}/shifts`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_kernel::{Cursor, Page, Problem, Timestamp, Violations, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, PathIds, Requires};
use serde::Deserialize;
use utoipa::IntoParams;

use super::store::{self, Position};
use super::view::ShiftView;
use crate::interval::in_calendar;
use crate::practitioner;
use crate::practitioner::model::PractitionerError;
use crate::{Staff, field};

/// Which shifts are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListShifts {
    /// That end after it.
    pub from: Option<Timestamp>,
    /// That begin before it.
    pub to: Option<Timestamp>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for ListShifts {
    const NEEDS: Needs = Needs::Permission(Permission::StaffRead);
}

struct Wanted {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    after: Option<Position>,
    limit: u16,
}

impl ListShifts {
    fn parse(self) -> Result<Wanted, Problem> {
        let mut wrong = Violations::new();
        let from = field::bound(&mut wrong, "?from", self.from);
        let to = field::bound(&mut wrong, "?to", self.to);
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
        Ok(Wanted {
            from,
            to,
            after,
            limit: page::limit(self.limit)?,
        })
    }
}

/// Lists a practitioner's active shifts by start.
#[utoipa::path(
    get,
    path = "/practitioners/{id}/shifts",
    operation_id = "listShifts",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner."), ListShifts),
    responses((status = 200, description = "A page.", body = PageView<ShiftView>)),
)]
pub async fn list(
    _cx: Cx<ListShifts>,
    State(staff): State<Arc<Staff>>,
    PathIds(practitioner): PathIds<PractitionerId>,
    Params(query): Params<ListShifts>,
) -> Outcome {
    let Wanted {
        from,
        to,
        after,
        limit,
    } = query.parse()?;
    practitioner::store::find_standing(staff.db.pool(), practitioner)
        .await?
        .ok_or(PractitionerError::Unknown)?;
    let rows = store::list(
        staff.db.pool(),
        practitioner,
        from,
        to,
        after.as_ref(),
        limit,
    )
    .await?;
    let page = Page::from_rows(rows, limit, |shift| {
        Position(shift.during.start(), shift.id.uuid())
    });
    Ok(Answer::ok(&PageView::from(page.map(ShiftView::from))))
}
