//! The work queue of pairs.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, Timestamp, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use galen_storage::Error;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::model::Reason;
use super::store::{self, Pair, Position};
use crate::Patients;
use crate::named::named;
use crate::patient::reach::reach_everybody;

named! {
    /// What became of a pair.
    ///
    /// ```text
    /// OPEN ──dismiss──▶ DISMISSED
    /// any ──merge──▶ MERGED ──unmerge──▶ REVERTED
    /// ```
    pub enum DuplicateStatus {
        /// To be looked at.
        Open = "OPEN",
        /// Two people; remembered.
        Dismissed = "DISMISSED",
        /// One person; the records are merged.
        Merged = "MERGED",
        /// Merged, and found to be two people after all; remembered.
        Reverted = "REVERTED",
    }
}

/// Which pairs.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListDuplicates {
    /// What became of them; those to be looked at, unless said otherwise.
    status: Option<DuplicateStatus>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where the page before ended.
    cursor: Option<String>,
}

impl Requires for ListDuplicates {
    const NEEDS: Needs = Needs::Permission(Permission::PatientMerge);
}

/// One record of a pair.
#[derive(Serialize, ToSchema)]
pub struct DuplicateRecordView {
    /// Id of the record.
    id: Uuid,
    /// Its number.
    mrn: String,
}

/// Two records that may be one person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DuplicatePair)]
pub struct PairView {
    /// Id of the pair.
    id: Uuid,
    /// The two records, the older first.
    #[schema(min_items = 2, max_items = 2)]
    records: Vec<DuplicateRecordView>,
    /// How alike they are, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    score: f64,
    /// What speaks for one person.
    reasons: Vec<Reason>,
    /// What became of it.
    status: DuplicateStatus,
    /// When it was found.
    found_at: Timestamp,
    /// Who decided.
    decided_by: Option<Uuid>,
    /// When they decided.
    decided_at: Option<Timestamp>,
    /// Why they decided so.
    decision_reason: Option<String>,
    /// Rises by one per change; also the `ETag`.
    version: i64,
}

impl From<Pair> for PairView {
    fn from(pair: Pair) -> Self {
        let (decided_by, decided_at, decision_reason) = match pair.decision {
            Some(decision) => (
                Some(decision.by.uuid()),
                Some(decision.at),
                Some(decision.reason),
            ),
            None => (None, None, None),
        };
        Self {
            id: pair.id.uuid(),
            records: pair
                .records
                .into_iter()
                .map(|(id, mrn)| DuplicateRecordView { id: id.uuid(), mrn })
                .collect(),
            score: (pair.found.score * 1000.0).round() / 1000.0,
            reasons: pair.found.reasons,
            status: pair.status,
            found_at: pair.found_at,
            decided_by,
            decided_at,
            decision_reason,
            version: pair.version,
        }
    }
}

/// List records that may be one person
///
/// Most alike first. Pairs are found soon after a registration or a change of
/// demographics; pairs of merged records rest while they are merged.
#[utoipa::path(
    get,
    path = "/patients/duplicates",
    operation_id = "listDuplicates",
    tag = "patients",
    params(ListDuplicates),
    responses((status = 200, description = "A page of pairs.", body = PageView<PairView>)),
)]
pub async fn list(
    cx: Cx<ListDuplicates>,
    State(s): State<Arc<Patients>>,
    Params(wanted): Params<ListDuplicates>,
) -> Outcome {
    reach_everybody(&cx)?;
    let limit = page::limit(wanted.limit)?;
    let after: Option<Position> = wanted.cursor.as_deref().map(Cursor::decode).transpose()?;
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let pairs = store::page(
        &mut connection,
        wanted.status.unwrap_or(DuplicateStatus::Open),
        after,
        limit,
    )
    .await?;
    let page = Page::from_rows(pairs, limit, |pair| {
        (pair.found.score.to_bits(), pair.id.uuid())
    });
    Ok(Answer::ok(&PageView::from(page.map(PairView::from))))
}
