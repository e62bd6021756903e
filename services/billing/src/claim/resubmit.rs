//! `POST /claims/{id}/resubmit`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::denial::store::Action;
use super::error::ClaimError;
use super::event::{Correction, Event};
use super::model::{ClaimId, Status};
use super::view::ClaimView;
use super::{change, create, denial, field, store};
use crate::Billing;

/// What is corrected in a line; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CorrectLine {
    /// Which.
    #[schema(minimum = 1, maximum = 65535)]
    pub sequence: u16,
    /// Why it was done (ICD-10).
    #[schema(
        min_length = 3,
        max_length = 8,
        pattern = r"^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$",
        example = "J45.9"
    )]
    pub diagnosis_code: Option<String>,
    /// The number under which the payer agreed beforehand.
    #[schema(
        min_length = 1,
        max_length = 50,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
    )]
    pub pre_authorisation_number: Option<String>,
}

/// A claim that goes to its payer again.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResubmitClaim {
    /// What is corrected.
    #[schema(max_items = 200)]
    pub lines: Vec<CorrectLine>,
}

impl Requires for ResubmitClaim {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimManage);
}

impl ResubmitClaim {
    fn parse(self) -> Result<Vec<Correction>, Problem> {
        let mut wrong = Violations::new();
        wrong.require(
            self.lines.len() <= 200,
            "/lines",
            "TOO_MANY",
            "must be at most 200",
        );
        let lines = self
            .lines
            .into_iter()
            .enumerate()
            .map(|(index, line)| {
                let at = |name: &str| format!("/lines/{index}/{name}");
                Correction {
                    sequence: line.sequence,
                    diagnosis: line
                        .diagnosis_code
                        .map(|code| field::diagnosis(&mut wrong, &at("diagnosisCode"), &code)),
                    pre_authorisation: line.pre_authorisation_number.map(|number| {
                        field::number(&mut wrong, &at("preAuthorisationNumber"), &number)
                    }),
                }
            })
            .collect();
        wrong.finish()?;
        Ok(lines)
    }
}

/// Corrects a claim and lets it go to its payer. One that the payer has already takes the
/// place of the first (claim frequency 7): the answer is the new claim.
#[utoipa::path(
    post,
    path = "/claims/{id}/resubmit",
    operation_id = "resubmitClaim",
    tag = "billing",
    params(("id" = Uuid, Path, description = "The claim.")),
    request_body = ResubmitClaim,
    responses((status = 200, description = "On its way.", body = ClaimView)),
)]
pub async fn resubmit(
    cx: Cx<ResubmitClaim>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<ClaimId>,
    Body(request): Body<ResubmitClaim>,
) -> Outcome {
    let corrections = request.parse()?;
    let mut tx = cx.begin(&billing.db).await?;
    let mut claim = change::load(&cx, &mut tx, id).await?;
    let now = cx.now();
    let corrected = claim.corrected(&corrections).map_err(ClaimError::from)?;
    if claim.expect(&corrected).is_ok() && claim.status != Status::Draft {
        change::happened(&mut tx, &mut claim, corrected, now).await?;
        change::submit(&mut tx, &billing, &mut claim, now).await?;
        return create::finish(tx, id, Answer::ok).await;
    }
    let by: ClaimId = cx.clock().id();
    let replaced = Event::Replaced { by };
    claim.expect(&replaced).map_err(ClaimError::from)?;
    let facts = claim.replacement(by, &corrections);
    change::happened(&mut tx, &mut claim, replaced, now).await?;
    let mut next = store::begin(&mut tx, facts, now).await?;
    change::submit(&mut tx, &billing, &mut next, now).await?;
    denial::store::worked(&mut tx, &next, Action::Correct).await?;
    create::finish(tx, by, Answer::ok).await
}
