//! An invoice as the API shows it.

use galen_kernel::{Currency, Timestamp};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Invoice, Line, Method, PaymentState, Status};
use super::store::Summary;
use crate::amount::AmountView;
use crate::charge::model::PaymentMode;

/// What people call an invoice.
#[must_use]
pub fn number(number: i64) -> String {
    format!("INV-{number:08}")
}

/// An invoice, and why it asks for what it asks for.
#[derive(Serialize, ToSchema)]
#[schema(as = Invoice)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceView {
    /// Its id.
    pub id: Uuid,
    /// What people call it; a draft has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "INV-00000042")]
    pub number: Option<String>,
    /// Whose: the record that its charges were captured for.
    pub patient_id: Uuid,
    /// Who is asked to pay.
    pub payment_mode: PaymentMode,
    /// Where it stands, for its patient.
    pub status: Status,
    /// The hospital's day on which it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub issued_on: Option<Date>,
    /// What was done, and who owes what of it.
    pub lines: Vec<InvoiceLineView>,
    /// The sums of the lines.
    pub totals: InvoiceTotals,
    /// What the patient has paid, and not got back.
    pub paid: AmountView,
    /// What is given up.
    pub written_off: AmountView,
    /// What is being paid.
    pub pending: AmountView,
    /// What the patient owes: `totals.patient - paid - writtenOff`.
    pub due: AmountView,
    /// The plan by which it is paid in instalments: while one is followed, it is not
    /// overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_plan_id: Option<Uuid>,
    /// What the patient paid, and tried to.
    pub payments: Vec<InvoicePaymentView>,
    /// What was asked to be credited, given up or given back.
    pub adjustments: Vec<AdjustmentView>,
    /// For `If-Match`.
    pub version: i64,
}

/// The sums of an invoice's lines:
/// `gross = contractual + denied + credited + patient + insurer`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceTotals {
    /// What was asked.
    pub gross: AmountView,
    /// What the hospital agreed with payers not to ask.
    pub contractual: AmountView,
    /// What nobody pays, because the hospital made a mistake.
    pub denied: AmountView,
    /// What credit notes took back.
    pub credited: AmountView,
    /// What the patient is asked for.
    pub patient: AmountView,
    /// What payers are asked for.
    pub insurer: AmountView,
}

/// One service, and who owes what of it.
#[derive(Serialize, ToSchema)]
#[schema(as = InvoiceLine)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceLineView {
    /// The charge that it is.
    pub charge_id: Uuid,
    /// What was done.
    pub service_code: String,
    /// How many units.
    pub quantity: u32,
    /// When.
    pub served_at: Timestamp,
    /// What was asked.
    pub gross: AmountView,
    /// What the hospital agreed with payers not to ask.
    pub contractual: AmountView,
    /// What nobody pays, because the hospital made a mistake.
    pub denied: AmountView,
    /// What credit notes took back.
    pub credited: AmountView,
    /// What the patient owes, or has paid.
    pub patient: AmountView,
    /// What payers are asked for, in the order in which they pay.
    pub payers: Vec<PayerShareView>,
    /// Claim adjustment reason codes (X12 CARC).
    pub reasons: Vec<String>,
    /// Why, step by step.
    pub trace: Vec<ExplanationStep>,
}

/// What a payer is asked for of a line.
#[derive(Serialize, ToSchema)]
#[schema(as = PayerShare)]
#[serde(rename_all = "camelCase")]
pub struct PayerShareView {
    /// Who.
    pub payer_id: Uuid,
    /// The coverage under which.
    pub coverage_id: Uuid,
    /// How much.
    pub amount: AmountView,
}

/// One step of the explanation of a line.
#[derive(Serialize, ToSchema)]
#[schema(as = InvoiceExplanationStep)]
#[serde(rename_all = "camelCase")]
pub struct ExplanationStep {
    /// By whose plan; without it by the hospital's tariff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer_id: Option<Uuid>,
    /// Where in the order of evaluation.
    #[schema(example = "COST_SHARE")]
    pub stage: String,
    /// By which rule of the plan.
    pub rule: String,
    /// The amount it looked at.
    pub basis: AmountView,
    /// What it took away or moved.
    pub amount: AmountView,
    /// What was left to look at afterwards.
    pub left: AmountView,
    /// Why, as a claim adjustment reason code (X12 CARC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A payment of an invoice.
#[derive(Serialize, ToSchema)]
#[schema(as = InvoicePayment)]
#[serde(rename_all = "camelCase")]
pub struct InvoicePaymentView {
    /// Its id, in `/payments` as well.
    pub id: Uuid,
    /// The invoice.
    pub invoice_id: Uuid,
    /// How it came.
    pub method: Method,
    /// The wallet that it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_wallet_id: Option<Uuid>,
    /// How much.
    pub amount: AmountView,
    /// Where it stands.
    pub status: PaymentState,
    /// Why the money is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "INSUFFICIENT_FUNDS")]
    pub reason: Option<String>,
    /// How much went back.
    pub refunded: AmountView,
    /// In the answer to a payment in cash: what was put on the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tendered: Option<AmountView>,
    /// In the answer to a payment in cash: what the patient gets back of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<AmountView>,
}

/// What somebody asked to be credited, given up or given back.
#[derive(Serialize, ToSchema)]
#[schema(as = InvoiceAdjustment)]
#[serde(rename_all = "camelCase")]
pub struct AdjustmentView {
    /// Its id.
    pub id: Uuid,
    /// The invoice.
    pub invoice_id: Uuid,
    /// What is asked.
    pub kind: super::adjustment::Kind,
    /// The payment that is given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<Uuid>,
    /// How much.
    pub amount: AmountView,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it stands.
    pub status: super::adjustment::Status,
    /// Who asked.
    pub requested_by: Uuid,
    /// When.
    pub requested_at: Timestamp,
    /// Who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Uuid>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// For `If-Match`.
    pub version: i64,
}

/// An invoice in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceSummary {
    /// Its id.
    pub id: Uuid,
    /// What people call it; a draft has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Whose.
    pub patient_id: Uuid,
    /// Where it stands, for its patient.
    pub status: Status,
    /// The hospital's day on which it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub issued_on: Option<Date>,
    /// What the patient is asked for.
    pub patient: AmountView,
    /// What payers are asked for.
    pub insurer: AmountView,
    /// What the patient owes.
    pub due: AmountView,
    /// For `If-Match`.
    pub version: i64,
}

impl InvoiceSummary {
    /// Shows one.
    #[must_use]
    pub fn of(summary: Summary) -> Self {
        let money = |minor| AmountView::of(minor, summary.currency);
        let due = match summary.number {
            Some(_) => summary.billed - summary.settled,
            None => 0,
        };
        Self {
            id: summary.id,
            number: summary.number.map(number),
            patient_id: summary.patient,
            status: summary.status,
            issued_on: summary.issued_on,
            patient: money(summary.billed),
            insurer: money(summary.insurer),
            due: money(due),
            version: summary.version,
        }
    }
}

impl InvoiceView {
    /// Shows one.
    #[must_use]
    pub fn of(invoice: &Invoice, adjustments: Vec<AdjustmentView>) -> Self {
        let money = |minor| AmountView::of(minor, invoice.currency);
        let sum = |of: fn(&Line) -> i64| money(invoice.lines.iter().map(of).sum());
        Self {
            id: invoice.id.uuid(),
            number: invoice.number.map(number),
            patient_id: invoice.patient.uuid(),
            payment_mode: invoice.mode,
            status: invoice.status(),
            issued_on: invoice.issued_on,
            lines: invoice
                .lines
                .iter()
                .map(|line| InvoiceLineView::of(line, invoice.currency))
                .collect(),
            totals: InvoiceTotals {
                gross: sum(|line| line.gross),
                contractual: sum(|line| line.contractual),
                denied: sum(|line| line.denied),
                credited: sum(|line| line.credited),
                patient: sum(|line| line.patient),
                insurer: sum(Line::insurer),
            },
            paid: money(invoice.paid()),
            written_off: money(invoice.written_off),
            pending: money(invoice.pending()),
            due: money(invoice.due()),
            payment_plan_id: None,
            payments: invoice
                .payments
                .iter()
                .map(|payment| InvoicePaymentView::of(invoice, payment))
                .collect(),
            adjustments,
            version: invoice.version,
        }
    }
}

impl InvoicePaymentView {
    /// Shows one.
    #[must_use]
    pub fn of(invoice: &Invoice, payment: &super::model::Payment) -> Self {
        Self {
            id: payment.id,
            invoice_id: invoice.id.uuid(),
            method: payment.method,
            from_wallet_id: payment.wallet,
            amount: AmountView::of(payment.amount, invoice.currency),
            status: payment.state,
            reason: payment.refusal.clone(),
            refunded: AmountView::of(payment.refunded, invoice.currency),
            tendered: None,
            change: None,
        }
    }
}

impl InvoiceLineView {
    fn of(line: &Line, currency: Currency) -> Self {
        let money = |minor| AmountView::of(minor, currency);
        Self {
            charge_id: line.charge.uuid(),
            service_code: line.code.clone(),
            quantity: line.quantity,
            served_at: line.served_at,
            gross: money(line.gross),
            contractual: money(line.contractual),
            denied: money(line.denied),
            credited: money(line.credited),
            patient: money(line.patient),
            payers: line
                .payers
                .iter()
                .map(|share| PayerShareView {
                    payer_id: share.payer,
                    coverage_id: share.coverage,
                    amount: money(share.amount),
                })
                .collect(),
            reasons: line.reasons.clone(),
            trace: line
                .trace
                .iter()
                .map(|step| ExplanationStep {
                    payer_id: step.payer,
                    stage: step.stage.clone(),
                    rule: step.rule.clone(),
                    basis: money(step.basis),
                    amount: money(step.amount),
                    left: money(step.left),
                    reason: step.reason.clone(),
                })
                .collect(),
        }
    }
}
