//! `POST /invoices/{id}/issue`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Money, Problem};
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use uuid::Uuid;

use super::error::InvoiceError;
use super::model::{Invoice, InvoiceId};
use super::view::InvoiceView;
use super::{adjudicate, store};
use crate::charge::model::Charge;
use crate::journal::{self, AccountKind, AccountRef, Entry};
use crate::{Billing, charge, claim, cover, prepayment};

/// A draft is to be issued.
pub struct IssueInvoice;

impl Requires for IssueInvoice {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceManage);
}

/// Issues a draft. Who owes what is worked out once more, and counted; the patient owes
/// their part from now on, and claims for the rest are prepared. What was paid before the
/// appointments pays for it.
#[utoipa::path(
    post,
    path = "/invoices/{id}/issue",
    operation_id = "issueInvoice",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The invoice.")),
    responses((status = 200, description = "Issued.", body = InvoiceView)),
)]
pub async fn issue(
    cx: Cx<IssueInvoice>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<InvoiceId>,
) -> Outcome {
    cx.replayed(&billing.db).await?;
    let seen = {
        let mut connection = billing
            .db
            .pool()
            .acquire()
            .await
            .map_err(galen_storage::Error::from)?;
        store::get(&mut connection, id)
            .await?
            .ok_or(InvoiceError::Unknown)?
    };
    cx.reach_patient(seen.patient)?;
    cx.expect_version(seen.version)?;
    let charges = charge::store::get_all(billing.db.pool(), &ids(&seen)).await?;
    let periods = adjudicate::periods(&billing, seen.patient, &charges).await?;
    let covers = adjudicate::covers(&periods);

    let mut tx = cx.begin(&billing.db).await?;
    let prepaid = prepayment::store::lock_of_charges(&mut tx, &ids(&seen)).await?;
    let mut invoice = store::lock(&mut tx, id).await?;
    cx.expect_version(invoice.version)?;
    let charges = in_order(&invoice, charges)?;
    if !covers.is_empty() {
        cover::lock(&mut tx, &covers).await?;
    }
    let (lines, parts) = adjudicate::work_out(&mut tx, cx.now(), &periods, &charges).await?;
    let number = store::next_number(&mut tx).await?;
    let today = cx.now().to_zoned(billing.zone.clone()).date();
    let events = invoice.issue(&lines, number, today)?;
    store::append(&mut tx, &mut invoice, &events).await?;

    let mut claims = Vec::new();
    for part in &parts {
        let prepared = adjudicate::preparation(&invoice, &charges, part)?;
        let of_part = claim::prepare(&mut tx, &prepared, &billing.zone).await?;
        adjudicate::count(&mut tx, &invoice, &of_part, part).await?;
        claims.extend(of_part);
    }
    let claimed = claims.iter().map(|(id, amount)| (id.uuid(), *amount));
    let owed = std::iter::once((id.uuid(), invoice.billed())).chain(claimed);
    let order = tx.clock().uuid();
    journal::enter(&mut tx, order, &earned(&invoice, owed)).await?;
    tx.ring(&billing.bell);
    for prepayment in prepaid {
        let prepayments = &billing.prepayments;
        prepayments.apply(&mut tx, prepayment, &mut invoice).await?;
    }
    let view = InvoiceView::of(&invoice, Vec::new());
    tx.commit(Answer::ok(&view).version(invoice.version)).await
}

/// What is owed is earned.
fn earned(invoice: &Invoice, owed: impl Iterator<Item = (Uuid, i64)>) -> Vec<Entry> {
    owed.filter(|(_, minor)| *minor > 0)
        .map(|(owner, minor)| Entry {
            debit: AccountRef::receivable(owner),
            credit: AccountRef::hospital(AccountKind::Revenue),
            amount: Money {
                minor,
                currency: invoice.currency,
            },
            reference: invoice.id.uuid(),
        })
        .collect()
}

fn ids(invoice: &Invoice) -> Vec<Uuid> {
    let lines = invoice.lines.iter();
    lines.map(|line| line.charge.uuid()).collect()
}

/// The charges in the order of the lines.
fn in_order(invoice: &Invoice, mut charges: Vec<Charge>) -> Result<Vec<Charge>, Problem> {
    let order = ids(invoice);
    charges.sort_by_key(|charge| order.iter().position(|id| *id == charge.id.uuid()));
    if charges.len() == order.len() {
        Ok(charges)
    } else {
        Err(Problem::internal("an invoice has lines without charges"))
    }
}
