//! `GET /slots`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_kernel::{Cursor, Page, Problem, Timestamp, Violations, page, text};
use galen_service::{Answer, Cx, Needs, Outcome, Params, Requires};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::model::{Agenda, Slot};
use crate::interval::Interval;
use crate::service_type::ServiceType;
use crate::{Scheduling, claim, field, roster};

/// The longest window that is searched.
const LONGEST_WINDOW: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Whose free slots, and when.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindSlots {
    /// Of this practitioner; either this or a specialty.
    pub practitioner_id: Option<Uuid>,
    /// Of everybody who practises this; case does not matter.
    #[param(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Cardiology"
    )]
    pub specialty: Option<String>,
    /// That begin then or later.
    #[param(example = "2026-03-02T00:00:00+01:00")]
    pub from: Timestamp,
    /// That begin before; at most 31 days after `from`.
    #[param(example = "2026-03-09T00:00:00+01:00")]
    pub to: Timestamp,
    /// What for; it decides how long the slots are.
    pub service_type: ServiceType,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindSlots {
    const NEEDS: Needs = Needs::Permission(Permission::SlotRead);
}

/// A time that can be booked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Slot)]
#[serde(rename_all = "camelCase")]
pub struct SlotView {
    /// Whose.
    pub practitioner_id: Uuid,
    /// Given and family name.
    pub name: String,
    /// What they practise.
    pub specialty: String,
    /// From then on.
    pub start: Timestamp,
    /// Up to then.
    pub end: Timestamp,
}

/// One page of slots.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slots {
    /// The slots, by start.
    pub items: Vec<SlotView>,
    /// Give it back as `cursor` for the next page; null at the end.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

struct Question {
    practitioner: Option<PractitionerId>,
    specialty: Option<String>,
    window: Interval,
    service: ServiceType,
    after: Option<Slot>,
    limit: u16,
}

impl FindSlots {
    fn parse(&self) -> Result<Question, Problem> {
        let mut wrong = Violations::new();
        let window = field::window(&mut wrong, ("?from", self.from), ("?to", self.to));
        let bearable = window.is_none_or(|window| window.length() <= LONGEST_WINDOW);
        wrong.require(
            bearable,
            "?to",
            "TOO_LONG",
            "must be at most 31 days after from",
        );
        let specialty = self
            .specialty
            .as_deref()
            .and_then(|given| text::paragraphs(&mut wrong, "?specialty", given, 100));
        let one = self.practitioner_id.is_some() != self.specialty.is_some();
        wrong.require(
            one,
            "?practitionerId",
            "ONE_OF",
            "exactly one of practitionerId and specialty must be given",
        );
        let window = field::accept(wrong, window)?;
        Ok(Question {
            practitioner: self.practitioner_id.map(PractitionerId::from_uuid),
            specialty,
            window,
            service: self.service_type,
            after: self.cursor.as_deref().map(Cursor::decode).transpose()?,
            limit: page::limit(self.limit)?,
        })
    }
}

/// Lists free slots by start.
#[utoipa::path(
    get,
    path = "/slots",
    operation_id = "findSlots",
    tag = "scheduling",
    params(FindSlots),
    responses((status = 200, description = "A page.", body = Slots)),
)]
pub async fn find(
    cx: Cx<FindSlots>,
    State(scheduling): State<Arc<Scheduling>>,
    Params(query): Params<FindSlots>,
) -> Outcome {
    let question = query.parse()?;
    let slots = search(&scheduling, &question, cx.now()).await?;
    let page = Page::from_rows(slots, question.limit, |slot| *slot);
    let ids: Vec<Uuid> = page.items.iter().map(|slot| slot.practitioner).collect();
    let profiles = scheduling.practitioners.profiles(&ids).await?;
    let items = page
        .items
        .iter()
        .zip(profiles)
        .filter_map(|(slot, profile)| {
            let profile = profile?;
            let during = Interval::lasting(slot.start, question.service.length())?;
            Some(SlotView {
                practitioner_id: slot.practitioner,
                name: profile.name.clone(),
                specialty: profile.specialty.clone(),
                start: during.start(),
                end: during.end(),
            })
        });
    Ok(Answer::ok(&Slots {
        items: items.collect(),
        next_cursor: page.next_cursor,
    }))
}

/// Looks through the window in growing steps until the page is full: one day has
/// enough where many practitioners are free, and a month is soon through where
/// nobody is.
async fn search(
    scheduling: &Scheduling,
    question: &Question,
    now: Timestamp,
) -> Result<Vec<Slot>, galen_storage::Error> {
    let wanted = usize::from(question.limit) + 1;
    let resumed = question
        .after
        .map_or(question.window.start(), |slot| slot.start);
    let mut from = question.window.start().max(now).max(resumed);
    let mut step = SignedDuration::from_hours(24);
    let mut found = Vec::new();
    while let Ok(rest) = Interval::new(from, question.window.end()) {
        let until = from
            .saturating_add(step)
            .unwrap_or(rest.end())
            .min(rest.end());
        let Ok(part) = Interval::new(from, until) else {
            break;
        };
        let slots = agenda(scheduling, question, part, now)
            .await?
            .slots(part, question.service.length());
        found.extend(
            slots
                .into_iter()
                .filter(|slot| question.after.is_none_or(|after| *slot > after)),
        );
        if found.len() >= wanted {
            break;
        }
        (from, step) = (until, step.saturating_mul(2));
    }
    found.truncate(wanted);
    Ok(found)
}

async fn agenda(
    scheduling: &Scheduling,
    question: &Question,
    part: Interval,
    now: Timestamp,
) -> Result<Agenda, galen_storage::Error> {
    let db = scheduling.db.pool();
    let present = roster::store::present(
        db,
        question.practitioner,
        question.specialty.as_deref(),
        question.service,
        part,
    )
    .await?;
    let mut practitioners: Vec<Uuid> = present.iter().map(|(id, _)| *id).collect();
    practitioners.dedup();
    // A slot may end after the part that it begins in.
    let reach = part
        .end()
        .saturating_add(question.service.length())
        .unwrap_or(part.end());
    let reach = Interval::new(part.start(), reach).unwrap_or(part);
    let taken = claim::store::taken(db, &practitioners, reach, now).await?;
    Ok(Agenda { present, taken })
}
