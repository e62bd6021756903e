//! A claim as the API shows it.

use galen_kernel::{Currency, Money, Timestamp};
use galen_service::MoneyView;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::{Group, LineAnswer, Outcome};
use super::model::{Line, Status};
use super::scrub::Finding;
use super::store::{Summary, Told};

fn money(minor: i64, currency: Currency) -> MoneyView {
    Money { minor, currency }.into()
}

/// A claim in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClaimSummary)]
#[serde(rename_all = "camelCase")]
pub struct SummaryView {
    /// Its id.
    pub id: Uuid,
    /// Of which invoice.
    pub invoice_id: Uuid,
    /// Whose.
    pub patient_id: Uuid,
    /// Who is asked.
    pub payer_id: Uuid,
    /// 1: who is asked first.
    pub ordinal: i16,
    /// Where it is on its way.
    pub status: Status,
    /// What the payer decided last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// What was charged.
    pub charged: MoneyView,
    /// What the payer has paid.
    pub received: MoneyView,
    /// What it is still asked for.
    pub outstanding: MoneyView,
    /// The last day on which the payer takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date")]
    pub file_by: Option<Date>,
    /// When it was submitted first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub submitted_at: Option<Timestamp>,
    /// Since when somebody should ask the payer in person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub follow_up_since: Option<Timestamp>,
    /// For `If-Match`.
    pub version: i64,
}

impl SummaryView {
    /// Shows one.
    pub(super) fn new(claim: Summary) -> Result<Self, galen_storage::Error> {
        let currency: Currency =
            claim
                .currency
                .parse()
                .map_err(|_| galen_storage::Error::Inconsistent {
                    column: "billing.claim.currency",
                })?;
        Ok(Self {
            id: claim.id.uuid(),
            invoice_id: claim.invoice,
            patient_id: claim.patient.uuid(),
            payer_id: claim.payer,
            ordinal: claim.ordinal,
            status: claim.status,
            outcome: claim.outcome,
            charged: money(claim.charged, currency),
            received: money(claim.received, currency),
            outstanding: money(claim.outstanding, currency),
            file_by: claim.file_by,
            submitted_at: claim.submitted_at,
            follow_up_since: claim.follow_up_since,
            version: claim.version,
        })
    }
}

/// Why a payer does not pay a part of a line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClaimAdjustment)]
#[serde(rename_all = "camelCase")]
pub struct AdjustmentView {
    /// Whose fault it is.
    pub group: Group,
    /// Claim adjustment reason code (X12 CARC).
    #[schema(example = "45")]
    pub reason: String,
    /// How much.
    pub amount: MoneyView,
}

/// What a payer says to a line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClaimLineAnswer)]
#[serde(rename_all = "camelCase")]
pub struct AnswerView {
    /// What it pays.
    pub paid: MoneyView,
    /// Why not all.
    pub adjustments: Vec<AdjustmentView>,
}

/// One service of a claim. What is charged is the sum of what was received, written off,
/// left over, paid before, and is outstanding.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClaimLine)]
#[serde(rename_all = "camelCase")]
pub struct LineView {
    /// Its number.
    pub sequence: u16,
    /// The charge that is invoiced by it.
    pub charge_id: Uuid,
    /// What was done.
    pub service_code: String,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    pub served_at: Timestamp,
    /// How many units.
    pub quantity: u32,
    /// Why it was done (ICD-10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnosis_code: Option<String>,
    /// The number under which the payer agreed beforehand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_authorisation_number: Option<String>,
    /// What is charged.
    pub charged: MoneyView,
    /// What this payer has paid.
    pub received: MoneyView,
    /// What is asked of nobody.
    pub written_off: MoneyView,
    /// What is left to the next payer and the patient.
    pub left_over: MoneyView,
    /// What payers before have settled.
    pub prior: MoneyView,
    /// What this payer is still asked for.
    pub outstanding: MoneyView,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerView>,
}

impl LineView {
    fn new(line: &Line, answer: Option<&LineAnswer>, currency: Currency) -> Self {
        let money = |minor| money(minor, currency);
        let position = &line.position;
        Self {
            sequence: line.sequence,
            charge_id: line.charge_id,
            service_code: line.code.clone(),
            served_at: line.served_at,
            quantity: line.quantity,
            diagnosis_code: line.diagnosis.clone(),
            pre_authorisation_number: line.pre_authorisation.clone(),
            charged: money(line.charge),
            received: money(position.received),
            written_off: money(position.written_off),
            left_over: money(position.left_over),
            prior: money(position.prior),
            outstanding: money(position.outstanding),
            answer: answer.map(|answer| AnswerView {
                paid: money(answer.paid),
                adjustments: answer
                    .adjustments
                    .iter()
                    .map(|adjustment| AdjustmentView {
                        group: adjustment.group,
                        reason: adjustment.reason.clone(),
                        amount: money(adjustment.amount),
                    })
                    .collect(),
            }),
        }
    }
}

/// Something that happened to a claim.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClaimEvent)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// When.
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    /// What.
    #[schema(example = "SUBMITTED")]
    pub kind: &'static str,
}

/// A claim.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Claim)]
#[serde(rename_all = "camelCase")]
pub struct ClaimView {
    /// Its id.
    pub id: Uuid,
    /// Which it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces_id: Option<Uuid>,
    /// What sort of claim it is: 1 original, 7 replacement (X12 claim frequency code).
    #[schema(minimum = 1, maximum = 7)]
    pub frequency: u8,
    /// Of which invoice.
    pub invoice_id: Uuid,
    /// Whose.
    pub patient_id: Uuid,
    /// Who is asked.
    pub payer_id: Uuid,
    /// By which plan.
    pub plan_id: String,
    /// Which version of it.
    pub plan_version: i32,
    /// 1: who is asked first.
    pub ordinal: u8,
    /// Where it is on its way.
    pub status: Status,
    /// What the payer decided last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// What was charged.
    pub charged: MoneyView,
    /// What the payer has paid.
    pub received: MoneyView,
    /// What it is still asked for.
    pub outstanding: MoneyView,
    /// The last day on which the payer takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date")]
    pub file_by: Option<Date>,
    /// When it was submitted first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub submitted_at: Option<Timestamp>,
    /// What was found wrong last, by us or by the payer.
    pub findings: Vec<Finding>,
    /// What was done.
    pub lines: Vec<LineView>,
    /// What happened, oldest first.
    pub history: Vec<EventView>,
    /// For `If-Match`.
    pub version: i64,
}

impl From<Told> for ClaimView {
    fn from(told: Told) -> Self {
        let claim = told.claim;
        let facts = &claim.facts;
        let amount = |minor| money(minor, facts.currency);
        let answer = |line: &Line| claim.answers.iter().find(|a| a.sequence == line.sequence);
        Self {
            id: facts.id.uuid(),
            replaces_id: facts.replaces.map(|id| id.uuid()),
            frequency: claim.frequency(),
            invoice_id: facts.invoice,
            patient_id: facts.patient.uuid(),
            payer_id: facts.payer,
            plan_id: facts.plan.clone(),
            plan_version: facts.plan_version,
            ordinal: facts.ordinal,
            status: claim.status,
            outcome: claim.outcome,
            charged: amount(claim.charged()),
            received: amount(claim.received()),
            outstanding: amount(claim.outstanding()),
            file_by: facts.file_by,
            submitted_at: claim.submitted_at,
            lines: facts
                .lines
                .iter()
                .map(|line| LineView::new(line, answer(line), facts.currency))
                .collect(),
            history: told
                .history
                .iter()
                .map(|(at, event)| EventView {
                    at: *at,
                    kind: event.kind(),
                })
                .collect(),
            findings: claim.findings,
            version: claim.version,
        }
    }
}
