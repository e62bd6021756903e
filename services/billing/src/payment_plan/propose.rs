//! `POST /payment-plans`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Money, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Instalment, Interval, MOST_INSTALMENTS, PaymentPlan, Planned, Status, equal};
use super::store;
use super::view::PaymentPlanView;
use crate::Billing;
use crate::amount::AmountView;
use crate::field;
use crate::invoice::decide::Refusal;
use crate::invoice::error::InvoiceError;
use crate::invoice::model::{Invoice, InvoiceId, Status as InvoiceStatus};
use crate::invoice::store as invoices;

/// The most invoices of a plan.
const MOST_INVOICES: usize = 20;

/// What is owed is to be paid in instalments: these ones, or so many equal ones.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProposePaymentPlan {
    /// Which invoices: issued ones of one patient, each once.
    #[schema(min_items = 1, max_items = 20)]
    pub invoice_ids: Vec<Uuid>,
    /// What is paid until when, in the order of the days: together what is owed.
    #[schema(min_items = 1, max_items = 60)]
    pub instalments: Option<Vec<InstalmentWish>>,
    /// How many equal instalments; what does not divide evenly is paid with the first.
    #[schema(minimum = 1, maximum = 60)]
    pub count: Option<u16>,
    /// The day of the first of them; today without.
    #[schema(value_type = Option<String>, format = Date)]
    pub first_due_on: Option<Date>,
    /// How far they are apart; a month without.
    #[schema(inline)]
    pub interval: Option<Interval>,
}

/// What is to be paid until a day.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstalmentWish {
    /// The last day on which it is in time.
    #[schema(value_type = String, format = Date)]
    pub due_on: Date,
    /// How much.
    pub amount: AmountView,
}

impl Requires for ProposePaymentPlan {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceManage);
}

/// When what is paid.
enum Wish {
    These(Vec<(Date, Money)>),
    Equal {
        count: u16,
        first: Date,
        every: Interval,
    },
}

impl ProposePaymentPlan {
    fn read(&self, today: Date) -> Result<Wish, Problem> {
        let mut wrong = Violations::new();
        wrong.require(
            (1..=MOST_INVOICES).contains(&self.invoice_ids.len()),
            "/invoiceIds",
            "OUT_OF_RANGE",
            "must be 1 to 20",
        );
        let given = self.invoice_ids.iter().enumerate().take(MOST_INVOICES + 1);
        for (at, id) in given {
            wrong.require(
                !self.invoice_ids[..at].contains(id),
                &format!("/invoiceIds/{at}"),
                "REPEATED",
                "must be given once",
            );
        }
        let wish = match (&self.instalments, self.count) {
            (Some(instalments), None) => {
                wrong.require(
                    self.first_due_on.is_none() && self.interval.is_none(),
                    "/instalments",
                    "EXACTLY_ONE",
                    "say their own days",
                );
                these(&mut wrong, instalments, today).map(Wish::These)
            }
            (None, Some(count)) => {
                wrong.require(
                    (1..=MOST_INSTALMENTS).contains(&count),
                    "/count",
                    "OUT_OF_RANGE",
                    "must be 1 to 60",
                );
                let first = self.first_due_on.unwrap_or(today);
                not_before(&mut wrong, "/firstDueOn", first, today);
                Some(Wish::Equal {
                    count,
                    first,
                    every: self.interval.unwrap_or_default(),
                })
            }
            _ => {
                let message = "give either instalments or count";
                wrong.push("/instalments", "EXACTLY_ONE", message);
                None
            }
        };
        wrong.finish()?;
        wish.ok_or_else(|| Problem::internal("instalments were read"))
    }
}

/// Instalments are paid from today on, and within fifty years.
fn not_before(wrong: &mut Violations, pointer: &str, day: Date, earliest: Date) {
    field::day(wrong, pointer, day);
    wrong.require(day >= earliest, pointer, "TOO_EARLY", "must be later");
    wrong.require(
        day.year() <= earliest.year() + 50,
        pointer,
        "TOO_LATE",
        "must be within fifty years",
    );
}

fn these(
    wrong: &mut Violations,
    given: &[InstalmentWish],
    today: Date,
) -> Option<Vec<(Date, Money)>> {
    wrong.require(
        (1..=usize::from(MOST_INSTALMENTS)).contains(&given.len()),
        "/instalments",
        "OUT_OF_RANGE",
        "must be 1 to 60",
    );
    let mut earliest = today;
    let mut read = Vec::new();
    for (at, wish) in given.iter().enumerate().take(60) {
        let pointer = format!("/instalments/{at}");
        not_before(wrong, &format!("{pointer}/dueOn"), wish.due_on, earliest);
        earliest = wish.due_on.saturating_add(jiff::Span::new().days(1));
        let amount = wish.amount.positive(wrong, &format!("{pointer}/amount"));
        read.push(amount.map(|amount| (wish.due_on, amount)));
    }
    read.into_iter().collect()
}

/// Proposes to pay what is owed of invoices in instalments. Nothing changes until the
/// patient, or a desk for them, agrees.
#[utoipa::path(
    post,
    path = "/payment-plans",
    operation_id = "proposePaymentPlan",
    tag = "billing",
    request_body = ProposePaymentPlan,
    responses((status = 201, description = "Proposed.", body = PaymentPlanView)),
)]
pub async fn propose(
    cx: Cx<ProposePaymentPlan>,
    State(billing): State<Arc<Billing>>,
    Body(request): Body<ProposePaymentPlan>,
) -> Outcome {
    let today = cx.now().to_zoned(billing.zone.clone()).date();
    let wish = request.read(today)?;
    let mut tx = cx.begin(&billing.db).await?;
    // In one order, so that two proposals do not wait for each other.
    let mut order: Vec<(usize, &Uuid)> = request.invoice_ids.iter().enumerate().collect();
    order.sort_unstable_by_key(|(_, id)| **id);
    let mut found: Vec<(usize, Invoice)> = Vec::new();
    for (at, id) in order {
        let locked = invoices::lock(&mut tx, InvoiceId::from_uuid(*id)).await;
        let invoice = match locked {
            Err(InvoiceError::Unknown) => {
                let pointer = format!("/invoiceIds/{at}");
                let message = "is no invoice";
                return Err(Problem::invalid_field(pointer, "UNKNOWN_INVOICE", message).into());
            }
            locked => locked?,
        };
        cx.reach_patient(invoice.patient)?;
        found.push((at, invoice));
    }
    found.sort_unstable_by_key(|(at, _)| *at);
    let found: Vec<Invoice> = found.into_iter().map(|(_, invoice)| invoice).collect();
    let plan = planned(&cx, &found, wish)?;
    store::insert(&mut tx, &plan).await?;
    cx.about("payment-plan", plan.id);
    let view = PaymentPlanView::of(&plan, today);
    let path = format!("/api/v1/payment-plans/{}", plan.id);
    tx.commit(Answer::created(&view).version(plan.version).location(&path))
        .await
}

/// The plan for locked invoices.
fn planned(
    cx: &Cx<ProposePaymentPlan>,
    invoices: &[Invoice],
    wish: Wish,
) -> Result<PaymentPlan, Problem> {
    let first = invoices
        .first()
        .ok_or_else(|| Problem::internal("a plan is for an invoice"))?;
    let same = |other: &Invoice| (other.patient, other.currency) == (first.patient, first.currency);
    if !invoices.iter().all(same) {
        return Err(Problem::conflict(
            "SEVERAL_PATIENTS",
            "The invoices are of several patients, or currencies.",
        ));
    }
    for invoice in invoices {
        match invoice.status() {
            InvoiceStatus::Draft | InvoiceStatus::Cancelled => {
                return Err(Refusal::NotIssued.into());
            }
            InvoiceStatus::Balanced => return Err(Refusal::NothingDue.into()),
            InvoiceStatus::Issued | InvoiceStatus::PartiallyPaid => {}
        }
        if invoice.pending() > 0 {
            return Err(Refusal::PaymentUnderWay.into());
        }
    }
    let owed: i64 = invoices.iter().map(Invoice::due).sum();
    let differ = || {
        let owed = AmountView::of(owed, first.currency);
        Problem::conflict(
            "INSTALMENTS_DIFFER",
            "The instalments are not what is owed.",
        )
        .with("owed", serde_json::json!(owed))
    };
    let instalments = match wish {
        Wish::Equal {
            count,
            first,
            every,
        } => equal(owed, count, first, every).ok_or_else(differ)?,
        Wish::These(these) => {
            let fits = these
                .iter()
                .all(|(_, each)| each.currency == first.currency);
            let sum: i64 = these.iter().map(|(_, each)| each.minor).sum();
            if !fits || sum != owed {
                return Err(differ());
            }
            these
                .into_iter()
                .map(|(due_on, each)| Instalment {
                    due_on,
                    amount: each.minor,
                })
                .collect()
        }
    };
    Ok(PaymentPlan {
        id: cx.clock().id(),
        patient: first.patient,
        currency: first.currency,
        status: Status::Proposed,
        instalments,
        invoices: invoices
            .iter()
            .map(|invoice| Planned {
                invoice: invoice.id.uuid(),
                planned: invoice.due(),
                billed: invoice.billed(),
                billed_now: invoice.billed(),
                due_now: invoice.due(),
            })
            .collect(),
        proposed: (cx.principal()?.user_id.uuid(), cx.now()),
        agreed: None,
        ended_at: None,
        version: 1,
    })
}
