//! `GET /appointments/doctor-options`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, Problem, Timestamp, Violations, page, text};
use galen_service::{Answer, Cx, Needs, Outcome, Params, Requires};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::model::Unavailable;
use super::store::{self, Wanted};
use crate::interval::Interval;
use crate::service_type::ServiceType;
use crate::{Scheduling, field};

/// When and what for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindDoctorOptions {
    /// From then on.
    #[param(example = "2026-03-02T09:00:00+01:00")]
    pub start: Timestamp,
    /// Up to then; after the start and at most 12 hours later.
    #[param(example = "2026-03-02T09:30:00+01:00")]
    pub end: Timestamp,
    /// What for: operations are offered in operating shifts, everything else in the others.
    pub service_type: ServiceType,
    /// What they practise; case does not matter.
    #[param(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Cardiology"
    )]
    pub specialty: Option<String>,
    /// Only who is free (true), or only who is not (false).
    pub available: Option<bool>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindDoctorOptions {
    const NEEDS: Needs = Needs::Permission(Permission::SlotRead);
}

/// Somebody who could see a patient.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorOption<'a> {
    /// Who.
    pub practitioner_id: Uuid,
    /// Given and family name.
    #[schema(example = "Ada Yılmaz")]
    pub name: &'a str,
    /// What they practise.
    #[schema(example = "Cardiology")]
    pub specialty: &'a str,
    /// Whether they can be booked for the whole time.
    pub available: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Unavailable>,
}

/// One page of options.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorOptions<'a> {
    /// The practitioners, by id.
    pub items: Vec<DoctorOption<'a>>,
    /// Give it back as `cursor` for the next page; null at the end.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

struct Question {
    during: Interval,
    specialty_key: Option<String>,
    after: Uuid,
    limit: u16,
}

impl FindDoctorOptions {
    fn parse(&self) -> Result<Question, Problem> {
        let mut wrong = Violations::new();
        let during = field::interval(&mut wrong, ("?start", self.start), ("?end", self.end));
        let specialty = self
            .specialty
            .as_deref()
            .and_then(|given| text::paragraphs(&mut wrong, "?specialty", given, 100));
        let during = field::accept(wrong, during)?;
        Ok(Question {
            during,
            specialty_key: specialty.as_deref().map(field::specialty_key),
            after: self
                .cursor
                .as_deref()
                .map(Cursor::decode)
                .transpose()?
                .unwrap_or_default(),
            limit: page::limit(self.limit)?,
        })
    }
}

/// Lists practitioners with what speaks against booking them at that time: shifts,
/// leave, bookings and holds.
#[utoipa::path(
    get,
    path = "/appointments/doctor-options",
    operation_id = "findDoctorOptions",
    tag = "scheduling",
    params(FindDoctorOptions),
    responses((status = 200, description = "A page, by id.", body = DoctorOptions)),
)]
pub async fn find(
    cx: Cx<FindDoctorOptions>,
    State(scheduling): State<Arc<Scheduling>>,
    Params(query): Params<FindDoctorOptions>,
) -> Outcome {
    let question = query.parse()?;
    let wanted = Wanted {
        during: question.during,
        service: query.service_type,
        specialty_key: question.specialty_key.as_deref(),
        after: question.after,
        limit: question.limit,
    };
    let rows = if query.available == Some(true) {
        let free = store::free(scheduling.db.pool(), &wanted, cx.now()).await?;
        free.into_iter().map(|id| (id, None)).collect()
    } else {
        store::page(scheduling.db.pool(), &wanted, cx.now())
            .await?
            .options()
    };
    let page = Page::from_rows(rows, question.limit, |(id, _)| *id);
    let ids: Vec<Uuid> = page.items.iter().map(|(id, _)| *id).collect();
    let profiles = scheduling.practitioners.profiles(&ids).await?;
    let items = page
        .items
        .iter()
        .zip(&profiles)
        .filter(|((_, reason), _)| query.available != Some(false) || reason.is_some());
    // Whom staff do not know cannot be booked, so there is nothing to show.
    let items = items.filter_map(|((id, reason), profile)| {
        let profile = profile.as_ref()?;
        Some(DoctorOption {
            practitioner_id: *id,
            name: &profile.name,
            specialty: &profile.specialty,
            available: reason.is_none(),
            reason: *reason,
        })
    });
    Ok(Answer::ok(&DoctorOptions {
        items: items.collect(),
        next_cursor: page.next_cursor,
    }))
}
