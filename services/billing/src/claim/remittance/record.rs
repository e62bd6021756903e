//! `POST /remittances`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, MoneyView, Needs, Outcome, Requires};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::post::post;
use crate::Billing;
use crate::claim::answer::{Adjustment, Group, LineAnswer};
use crate::claim::field::{self, NonNegativeMoney};
use crate::claim::model::ClaimId;
use crate::claim::next::Next;
use crate::claim::payer::Advice;

/// Why a payer does not pay a part of a line.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemittedAdjustment {
    /// Whose fault it is.
    pub group: Group,
    /// Claim adjustment reason code (X12 CARC).
    #[schema(
        min_length = 1,
        max_length = 5,
        pattern = "^[A-Z0-9]{1,5}$",
        example = "45"
    )]
    pub reason: String,
    /// How much.
    pub amount: NonNegativeMoney,
}

/// What a payer says to a line. What it paid and the adjustments are together what was
/// charged.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemittedLine {
    /// Which line of the claim.
    #[schema(minimum = 1, maximum = 65535)]
    pub sequence: u16,
    /// What it paid.
    pub paid: NonNegativeMoney,
    /// Why not all.
    #[schema(max_items = 50)]
    pub adjustments: Vec<RemittedAdjustment>,
}

/// What a payer says to a claim.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemittedClaim {
    /// Which.
    pub claim_id: Uuid,
    /// Every line of it.
    #[schema(min_items = 1, max_items = 200)]
    pub lines: Vec<RemittedLine>,
}

/// A payment of a payer, with what it is for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordRemittance {
    /// Whose.
    pub payer_id: Uuid,
    /// Its number at the payer: the same is never posted twice.
    #[schema(
        min_length = 1,
        max_length = 50,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
    )]
    pub trace: String,
    /// When it was paid.
    #[schema(format = "date", pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    pub paid_on: String,
    /// How much.
    pub amount: NonNegativeMoney,
    /// What for.
    #[schema(min_items = 1, max_items = 200)]
    pub claims: Vec<RemittedClaim>,
}

impl Requires for RecordRemittance {
    const NEEDS: Needs = Needs::Permission(Permission::ClaimManage);
}

impl RecordRemittance {
    fn parse(self) -> Result<Advice, Problem> {
        let mut wrong = Violations::new();
        let trace = field::number(&mut wrong, "/trace", &self.trace);
        let paid_on = field::date(&mut wrong, "/paidOn", &self.paid_on);
        let amount = self.amount.read(&mut wrong, "/amount");
        let currency = amount.map(|amount| amount.currency);
        count(&mut wrong, "/claims", self.claims.len(), 1, 200);
        let mut claims = Vec::with_capacity(self.claims.len());
        for (c, claim) in self.claims.into_iter().enumerate() {
            let at = format!("/claims/{c}/lines");
            count(&mut wrong, &at, claim.lines.len(), 1, 200);
            let mut lines: Vec<LineAnswer> = Vec::with_capacity(claim.lines.len());
            for (l, line) in claim.lines.into_iter().enumerate() {
                let at = format!("/claims/{c}/lines/{l}");
                wrong.require(
                    !lines.iter().any(|other| other.sequence == line.sequence),
                    &format!("{at}/sequence"),
                    "DUPLICATE",
                    "must be there once",
                );
                count(
                    &mut wrong,
                    &format!("{at}/adjustments"),
                    line.adjustments.len(),
                    0,
                    50,
                );
                let paid = line.paid.of(&mut wrong, &format!("{at}/paid"), currency);
                let adjustments = line
                    .adjustments
                    .into_iter()
                    .enumerate()
                    .map(|(a, adjustment)| {
                        let at = format!("{at}/adjustments/{a}");
                        let plain = (1..=5).contains(&adjustment.reason.len())
                            && adjustment
                                .reason
                                .bytes()
                                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
                        wrong.require(
                            plain,
                            &format!("{at}/reason"),
                            "INVALID_CODE",
                            "must be 1 to 5 of A-Z and 0-9",
                        );
                        let amount =
                            adjustment
                                .amount
                                .of(&mut wrong, &format!("{at}/amount"), currency);
                        Adjustment {
                            group: adjustment.group,
                            reason: adjustment.reason,
                            amount: amount.unwrap_or_default(),
                        }
                    })
                    .collect();
                lines.push(LineAnswer {
                    sequence: line.sequence,
                    paid: paid.unwrap_or_default(),
                    adjustments,
                });
            }
            claims.push((ClaimId::from_uuid(claim.claim_id), lines));
        }
        wrong.finish()?;
        match (paid_on, amount) {
            (Some(paid_on), Some(amount)) => Ok(Advice {
                payer: self.payer_id,
                trace,
                paid_on,
                amount,
                claims,
            }),
            _ => Err(Problem::internal(
                "a field is missing although nothing is wrong with it",
            )),
        }
    }
}

fn count(wrong: &mut Violations, pointer: &str, given: usize, least: usize, most: usize) {
    if !(least..=most).contains(&given) {
        wrong.push(
            pointer,
            "OUT_OF_RANGE",
            format!("must be {least} to {most}"),
        );
    }
}

/// A remittance that is in the books.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Remittance)]
#[serde(rename_all = "camelCase")]
pub struct RemittanceView {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub payer_id: Uuid,
    /// Its number at the payer.
    pub trace: String,
    /// When it was paid.
    #[schema(value_type = String, format = "date")]
    pub paid_on: Date,
    /// How much.
    pub amount: MoneyView,
    /// Since when it is in the books.
    #[schema(value_type = String, format = "date-time")]
    pub posted_at: Timestamp,
}

/// Posts what a payer has paid. The same number with the same content gives the first
/// answer again; with another, it is refused.
#[utoipa::path(
    post,
    path = "/remittances",
    operation_id = "recordRemittance",
    tag = "billing",
    request_body = RecordRemittance,
    responses((status = 201, description = "In the books.", body = RemittanceView)),
)]
pub async fn record(
    cx: Cx<RecordRemittance>,
    State(billing): State<Arc<Billing>>,
    Body(request): Body<RecordRemittance>,
) -> Outcome {
    let advice = request.parse()?;
    cx.replayed(&billing.db).await?;
    let next = Next::after(&billing, &advice.claim_ids()).await?;
    let mut tx = cx.begin(&billing.db).await?;
    let posted = post(&mut tx, &billing, &advice, &next).await?;
    cx.about("remittance", posted.id);
    tx.ring(&billing.bell);
    let view = RemittanceView {
        id: posted.id,
        payer_id: advice.payer,
        trace: advice.trace,
        paid_on: advice.paid_on,
        amount: advice.amount.into(),
        posted_at: posted.at,
    };
    tx.commit(Answer::created(&view)).await
}
