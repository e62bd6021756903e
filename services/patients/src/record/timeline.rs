//! Everything that happened to a patient, in one list.

use std::sync::Arc;

use axum::extract::State;
use galen_contracts::ids::PatientId;
use galen_kernel::{Page, Timestamp};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, PathIds, Requires};
use galen_storage::{Columns as _, Error, Ts};
use galen_vault::{Keyring, Sealed, Vault};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::allergy::model::Allergy;
use super::condition::model::Condition;
use super::note::model::Note;
use super::store::{Content, Position};
use super::vital::model::Vital;
use crate::coverage::store::CARD;
use crate::named::named;
use crate::patient::reach::reached;
use crate::{Patients, input};

named! {
    /// What happened.
    pub enum TimelineKind {
        /// The record was made.
        Registration = "REGISTRATION",
        /// A record was merged into another one.
        Merge = "MERGE",
        /// A merge was undone.
        Unmerge = "UNMERGE",
        /// A coverage began.
        Coverage = "COVERAGE",
        /// An allergy.
        Allergy = "ALLERGY",
        /// A condition.
        Condition = "CONDITION",
        /// A note.
        Note = "NOTE",
        /// A vital sign.
        Vital = "VITAL",
    }
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineItem {
    /// When.
    at: Timestamp,
    /// What.
    kind: TimelineKind,
    /// Id of the record, merge event, coverage or entry.
    id: Uuid,
    /// The record it belongs to: after a merge, maybe a retired one.
    patient_id: Uuid,
    /// In a few words.
    title: String,
    /// The user who recorded it, where that is known.
    recorded_by: Option<Uuid>,
}

/// Which part of the timeline.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReadTimeline {
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where the page before ended.
    cursor: Option<String>,
}

impl Requires for ReadTimeline {
    const NEEDS: Needs = Needs::Permission(galen_access::Permission::RecordRead);
}

/// Read the timeline
///
/// Registration, merges, coverages and what stands in the record, latest first.
#[utoipa::path(
    get,
    path = "/patients/{id}/timeline",
    operation_id = "readTimeline",
    tag = "patients",
    params(
        ("id" = uuid::Uuid, Path, description = "Id of the record"),
        ReadTimeline,
    ),
    responses((status = 200, description = "A page of what happened.", body = PageView<TimelineItem>)),
)]
pub async fn timeline(
    cx: Cx<ReadTimeline>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Params(wanted): Params<ReadTimeline>,
) -> Outcome {
    let limit = galen_kernel::page::limit(wanted.limit)?;
    let after: Option<Position> = wanted
        .cursor
        .as_deref()
        .map(galen_kernel::Cursor::decode)
        .transpose()?;
    if after.is_some_and(|(at, _)| !input::is_on_record(at)) {
        return Err(input::stray_cursor().into());
    }
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    reached(&cx, &mut connection, id).await?;
    let zone = s.zone.iana_name().unwrap_or("UTC");
    let items = page(&s.vault, &mut connection, id, zone, after, limit).await?;
    Ok(Answer::ok(&PageView::from(Page::from_rows(
        items,
        limit,
        |item| (item.at, item.id),
    ))))
}

async fn page(
    vault: &Vault,
    connection: &mut PgConnection,
    id: PatientId,
    zone: &str,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<TimelineItem>, galen_vault::Error> {
    // Each source gives at most a page, so that a long record is not sorted as a whole.
    let rows = sqlx::query(
        "with person (id) as (select records_of($1))
         select * from (
             (select p.registered_at as at, 'REGISTRATION' as kind, p.id, p.id as patient_id, p.mrn as title, null::bytea as content, null::uuid as recorded_by
              from patient p
              where p.id in (select id from person) and ($2::timestamptz is null or (p.registered_at, p.id) < ($2, $3))
              order by 1 desc, 3 desc limit $4)
             union all
             (select m.decided_at, case m.kind when 'MERGED' then 'MERGE' else 'UNMERGE' end, m.id, m.retired_id, r.mrn || ' → ' || s.mrn, null, m.decided_by
              from merge_event m join patient r on r.id = m.retired_id join patient s on s.id = m.survivor_id
              where (m.retired_id in (select id from person) or m.survivor_id in (select id from person))
                and ($2 is null or (m.decided_at, m.id) < ($2, $3))
              order by 1 desc, 3 desc limit $4)
             union all
             (select c.valid_from::timestamp at time zone $5, 'COVERAGE', c.id, c.patient_id, c.plan_id, c.card, null
              from coverage c
              where c.patient_id in (select id from person) and ($2 is null or (c.valid_from::timestamp at time zone $5, c.id) < ($2, $3))
              order by 1 desc, 3 desc limit $4)
             union all
             (select e.happened_at, e.kind, e.id, e.patient_id,
                     null, coalesce(a.content, d.content, n.content, v.content), e.recorded_by
              from entry e
              left join allergy a on a.entry_id = e.id
              left join condition d on d.entry_id = e.id
              left join note n on n.entry_id = e.id
              left join vital v on v.entry_id = e.id
              where e.patient_id in (select id from person) and e.error_marked_at is null
                and not exists (select from entry amendment where amendment.amends = e.id and amendment.error_marked_at is null
                                                              and amendment.patient_id in (select id from person))
                and ($2 is null or (e.happened_at, e.id) < ($2, $3))
              order by 1 desc, 3 desc limit $4)
         ) as happened
         order by at desc, id desc
         limit $4",
    )
    .bind(id.uuid())
    .bind(after.map(|(at, _)| Ts::from(at)))
    .bind(after.map(|(_, id)| id))
    .bind(i64::from(limit) + 1)
    .bind(zone)
    .fetch_all(&mut *connection)
    .await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in &rows {
        let content: Option<Sealed<()>> = row.col("content")?;
        keys.extend(content.and_then(|sealed| sealed.key_id()));
    }
    let ring = vault.keyring_of(connection, keys).await?;
    rows.iter().map(|row| item(&ring, row)).collect()
}

fn item(ring: &Keyring, row: &PgRow) -> Result<TimelineItem, galen_vault::Error> {
    let kind = TimelineKind::from_name(&row.text("kind")?).ok_or(Error::Inconsistent {
        column: "patients.entry.kind",
    })?;
    Ok(TimelineItem {
        at: row.instant("at")?,
        kind,
        id: row.col("id")?,
        patient_id: row.col("patient_id")?,
        title: title(ring, kind, row)?,
        recorded_by: row.col("recorded_by")?,
    })
}

/// What happened in a few words: much of it is sealed.
fn title(ring: &Keyring, kind: TimelineKind, row: &PgRow) -> Result<String, galen_vault::Error> {
    Ok(match kind {
        TimelineKind::Registration | TimelineKind::Merge | TimelineKind::Unmerge => {
            row.text("title")?
        }
        TimelineKind::Coverage => {
            let plan = row.text("title")?;
            let (patient, id): (Uuid, Uuid) = (row.col("patient_id")?, row.col("id")?);
            let card = ring.open(&CARD, patient, id, &row.col("content")?)?;
            match card.into_inner().payer_name {
                Some(payer) => format!("{} {plan}", payer.as_str()),
                None => plan,
            }
        }
        TimelineKind::Allergy => opened::<Allergy>(ring, row)?.code.display.into(),
        TimelineKind::Condition => opened::<Condition>(ring, row)?.code.display.into(),
        TimelineKind::Note => opened::<Note>(ring, row)?.heading(),
        TimelineKind::Vital => {
            let vital = opened::<Vital>(ring, row)?;
            format!(
                "{} {} {}",
                vital.sign().display(),
                vital.value(),
                vital.unit()
            )
        }
    })
}

fn opened<C: Content>(ring: &Keyring, row: &PgRow) -> Result<C, galen_vault::Error> {
    let (patient, id): (Uuid, Uuid) = (row.col("patient_id")?, row.col("id")?);
    let content = ring.open(&C::COLUMN, patient, id, &row.col("content")?)?;
    Ok(content.into_inner())
}
