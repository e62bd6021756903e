//! `GET /practitioners`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, Pii, Problem, Violations, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::Identifier;
use super::store::{self, Filter, Position};
use super::view::PractitionerView;
use crate::{Staff, field};

/// Which practitioners are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindPractitioners {
    /// Words that the name contains; case and accents do not matter.
    #[param(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub query: Option<String>,
    /// What they practise; case and accents do not matter.
    #[param(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub specialty: Option<String>,
    /// Still practise here, or do not.
    pub active: Option<bool>,
    /// An identifier as `system|value`.
    #[param(
        max_length = 511,
        pattern = r"^[^\x00-\x1f\x7f-\x9f|]*[^\s\x00-\x1f\x7f-\x9f|][^\x00-\x1f\x7f-\x9f|]*\|[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "http://hl7.org/fhir/sid/us-npi|9999990399"
    )]
    pub identifier: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindPractitioners {
    const NEEDS: Needs = Needs::Permission(Permission::StaffRead);
}

impl FindPractitioners {
    fn parse(self) -> Result<(Filter, Option<Position>, u16), Problem> {
        let mut wrong = Violations::new();
        let filter = Filter {
            name: self
                .query
                .map(|query| Pii::new(field::line(&mut wrong, "?query", &query, 100))),
            specialty: self
                .specialty
                .map(|specialty| field::line(&mut wrong, "?specialty", &specialty, 100)),
            active: self.active,
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
            .is_some_and(|Position(family, given, _)| family.contains('\0') || given.contains('\0'))
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

/// Lists practitioners by family name, given name and id.
#[utoipa::path(
    get,
    path = "/practitioners",
    operation_id = "findPractitioners",
    tag = "staff",
    params(FindPractitioners),
    responses((status = 200, description = "A page.", body = PageView<PractitionerView>)),
)]
pub async fn find(
    cx: Cx<FindPractitioners>,
    State(staff): State<Arc<Staff>>,
    Params(query): Params<FindPractitioners>,
) -> Outcome {
    let (filter, after, limit) = query.parse()?;
    let rows = store::find(staff.db.pool(), &filter, after.as_ref(), limit).await?;
    let caller = cx.principal()?;
    let page = Page::from_rows(rows, limit, Position::of)
        .map(|practitioner| PractitionerView::of(practitioner, caller));
    Ok(Answer::ok(&PageView::from(page)))
}
