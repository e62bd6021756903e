//! `GET /organizations`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, Problem, Violations, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::Kind;
use super::register::OrganizationView;
use super::store::{self, Filter, Position};
use crate::practitioner::model::Identifier;
use crate::{Staff, field};

/// Which organisations are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindOrganizations {
    /// Words that the name contains; case and accents do not matter.
    #[param(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub query: Option<String>,
    /// What they are to the hospital.
    #[param(inline)]
    pub kind: Option<Kind>,
    /// An identifier as `system|value`.
    #[param(
        max_length = 511,
        pattern = r"^[^\x00-\x1f\x7f-\x9f|]*[^\s\x00-\x1f\x7f-\x9f|][^\x00-\x1f\x7f-\x9f|]*\|[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub identifier: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindOrganizations {
    const NEEDS: Needs = Needs::Permission(Permission::StaffRead);
}

impl FindOrganizations {
    fn parse(self) -> Result<(Filter, Option<Position>, u16), Problem> {
        let mut wrong = Violations::new();
        let filter = Filter {
            name: self
                .query
                .map(|query| field::line(&mut wrong, "?query", &query, 100)),
            kind: self.kind,
            identifier: self.identifier.map(|identifier| {
                let (system, value) = identifier.split_once('|').unwrap_or(("", ""));
                Identifier {
                    system: field::line(&mut wrong, "?identifier", system, 511),
                    value: field::line(&mut wrong, "?identifier", value, 511),
                }
            }),
        };
        wrong.finish()?;
        let limit = page::limit(self.limit)?;
        let after = self
            .cursor
            .as_deref()
            .map(Cursor::decode::<Position>)
            .transpose()?;
        if after
            .as_ref()
            .is_some_and(|Position(name, _)| name.contains('\0'))
        {
            return Err(Problem::invalid_field(
                "?cursor",
                "INVALID_CURSOR",
                "is not a cursor of this list",
            ));
        }
        Ok((filter, after, limit))
    }
}

/// Lists organisations by name and id.
#[utoipa::path(
    get,
    path = "/organizations",
    operation_id = "findOrganizations",
    tag = "staff",
    params(FindOrganizations),
    responses((status = 200, description = "A page.", body = PageView<OrganizationView>)),
)]
pub async fn find(
    _: Cx<FindOrganizations>,
    State(staff): State<Arc<Staff>>,
    Params(query): Params<FindOrganizations>,
) -> Outcome {
    let (filter, after, limit) = query.parse()?;
    let rows = store::find(staff.db.pool(), &filter, after.as_ref(), limit).await?;
    let page = Page::from_rows(rows, limit, Position::of).map(OrganizationView::from);
    Ok(Answer::ok(&PageView::from(page)))
}
