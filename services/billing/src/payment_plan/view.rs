//! A plan as the API shows it.

use galen_kernel::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{PaymentPlan, Status, allocate};
use crate::amount::AmountView;

/// A plan: what is to be paid until when, and what of it is.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentPlan)]
#[serde(rename_all = "camelCase")]
pub struct PaymentPlanView {
    /// Its id.
    pub id: Uuid,
    /// Who pays: the record that the invoices are of.
    pub patient_id: Uuid,
    /// Where it stands.
    pub status: Status,
    /// What is paid by it.
    pub invoice_ids: Vec<Uuid>,
    /// What is paid in all.
    pub total: AmountView,
    /// What of that is not owed any more: paid, credited or given up.
    pub paid: AmountView,
    /// What should have been paid before today, and is not.
    pub overdue: AmountView,
    /// In the order of their days; what is paid covers the first ones first.
    pub instalments: Vec<InstalmentView>,
    /// Who proposed it.
    pub proposed_by: Uuid,
    /// When.
    pub proposed_at: Timestamp,
    /// Who agreed for the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreed_by: Option<Uuid>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreed_at: Option<Timestamp>,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// For `If-Match`.
    pub version: i64,
}

/// What is to be paid until a day.
#[derive(Serialize, ToSchema)]
#[schema(as = Instalment)]
#[serde(rename_all = "camelCase")]
pub struct InstalmentView {
    /// The last day on which it is in time.
    #[schema(value_type = String, format = Date)]
    pub due_on: Date,
    /// How much.
    pub amount: AmountView,
    /// What of it is paid.
    pub paid: AmountView,
    /// What that means.
    pub status: InstalmentStatus,
}

/// Where an instalment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InstalmentStatus {
    /// All of it is paid.
    Paid,
    /// A part of it is paid, and its day is not over.
    PartiallyPaid,
    /// Nothing of it is paid, and its day is not over.
    Open,
    /// Its day is over, and not all of it is paid.
    Overdue,
}

impl PaymentPlanView {
    /// Shows one, on a day of the hospital.
    #[must_use]
    pub fn of(plan: &PaymentPlan, today: Date) -> Self {
        let money = |minor| AmountView::of(minor, plan.currency);
        let paid = plan.paid();
        let instalments = plan.instalments.iter();
        let instalments = instalments.zip(allocate(&plan.instalments, paid));
        Self {
            id: plan.id.uuid(),
            patient_id: plan.patient.uuid(),
            status: plan.status,
            invoice_ids: plan.invoices.iter().map(|each| each.invoice).collect(),
            total: money(plan.total()),
            paid: money(paid),
            overdue: money(plan.overdue(today)),
            instalments: instalments
                .map(|(instalment, part)| InstalmentView {
                    due_on: instalment.due_on,
                    amount: money(instalment.amount),
                    paid: money(part),
                    status: if part == instalment.amount {
                        InstalmentStatus::Paid
                    } else if instalment.due_on < today {
                        InstalmentStatus::Overdue
                    } else if part > 0 {
                        InstalmentStatus::PartiallyPaid
                    } else {
                        InstalmentStatus::Open
                    },
                })
                .collect(),
            proposed_by: plan.proposed.0,
            proposed_at: plan.proposed.1,
            agreed_by: plan.agreed.map(|(by, _)| by),
            agreed_at: plan.agreed.map(|(_, at)| at),
            ended_at: plan.ended_at,
            version: plan.version,
        }
    }
}
