//! `POST /invoices/{id}/credit-note`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Money, Problem};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::request::{minor_of, read};
use super::store;
use super::{Adjustment, Kind, Status};
use crate::Billing;
use crate::amount::AmountView;
use crate::charge::model::ChargeId;
use crate::invoice::event::Event;
use crate::invoice::model::{InvoiceId, Status as InvoiceStatus};
use crate::invoice::view::InvoiceView;
use crate::invoice::{adjudicate, get, store as invoices};
use crate::journal::{self, AccountKind, AccountRef, Entry};
use crate::words::{self, ADJUSTED};
use crate::{charge, cover};

/// What the patient is not asked for any more: an amount, or lines.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreditInvoice {
    /// How much, from the lines in their order.
    pub amount: Option<AmountView>,
    /// Which lines.
    #[schema(min_items = 1, max_items = 200)]
    pub lines: Option<Vec<CreditLine>>,
    /// Why.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$",
        example = "Charged twice"
    )]
    pub reason: String,
}

/// A line that the patient is not asked for any more.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreditLine {
    /// Which.
    pub charge_id: Uuid,
    /// How much of it; without it, all that the patient is asked for.
    pub amount: Option<AmountView>,
}

impl Requires for CreditInvoice {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceManage);
    const IDEMPOTENT: bool = true;
}

/// Takes back what the patient should not have been asked for. What of it was paid is
/// put into the patient's wallet. When nothing is asked of anybody any more the invoice
/// is cancelled, and its charges can be invoiced again.
#[utoipa::path(
    post,
    path = "/invoices/{id}/credit-note",
    operation_id = "creditInvoice",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The invoice."), galen_service::RequiredKey),
    request_body = CreditInvoice,
    responses((status = 200, description = "Credited.", body = InvoiceView)),
)]
pub async fn credit(
    cx: Cx<CreditInvoice>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<InvoiceId>,
    Body(request): Body<CreditInvoice>,
) -> Outcome {
    let (amount, reason) = read(request.amount.as_ref(), &request.reason)?;
    if amount.is_some() == request.lines.is_some() {
        let problem =
            Problem::invalid_field("/amount", "EXACTLY_ONE", "give either amount or lines");
        return Err(problem.into());
    }
    let lines = parts(request.lines.as_deref().unwrap_or_default())?;
    let mut tx = cx.begin(&billing.db).await?;
    let mut invoice = invoices::lock(&mut tx, id).await?;
    cx.reach_patient(invoice.patient)?;
    cx.expect_version(invoice.version)?;
    let note = cx.clock().uuid();
    let event = match amount {
        Some(amount) => invoice.credit_amount(note, minor_of(&invoice, amount)?)?,
        None => {
            let lines: Result<Vec<_>, Problem> = lines
                .into_iter()
                .map(|(charge, amount)| {
                    let minor = amount.map(|amount| minor_of(&invoice, amount));
                    Ok((charge, minor.transpose()?))
                })
                .collect();
            invoice.credit_lines(note, &lines?)?
        }
    };
    let Event::Credited {
        parts, returned, ..
    } = &event
    else {
        return Err(Problem::internal("a credit note credits").into());
    };
    let total: i64 = parts.iter().map(|part| part.amount).sum();
    let back = |account, minor| Entry {
        debit: AccountRef::hospital(AccountKind::Revenue),
        credit: account,
        amount: Money {
            minor,
            currency: invoice.currency,
        },
        reference: id.uuid(),
    };
    let wallet = AccountRef::of(AccountKind::Wallet, invoice.patient.uuid());
    let entries: Vec<Entry> = [
        back(AccountRef::receivable(id.uuid()), total - returned),
        back(wallet, *returned),
    ]
    .into_iter()
    .filter(|entry| entry.amount.minor > 0)
    .collect();
    journal::enter(&mut tx, note, &entries).await?;
    tx.ring(&billing.bell);
    invoices::append(&mut tx, &mut invoice, std::slice::from_ref(&event)).await?;
    if invoice.status() == InvoiceStatus::Cancelled {
        charge::store::release(&mut tx, id.uuid()).await?;
        for counted in adjudicate::all_counted_without_claims(&invoice) {
            cover::reverse(&mut tx, counted).await?;
        }
    }
    let adjustment = Adjustment {
        id: super::AdjustmentId::from_uuid(note),
        invoice: id,
        patient: invoice.patient,
        kind: Kind::CreditNote,
        payment: None,
        amount: Money {
            minor: total,
            currency: invoice.currency,
        },
        status: Status::Done,
        requested_by: cx.principal()?.user_id.uuid(),
        requested_at: cx.now(),
        decided: None,
        version: 1,
    };
    let place = (invoice.patient, note);
    let sealed = words::seal(&billing.vault, &mut tx, &ADJUSTED, place, &reason).await?;
    store::insert(&mut tx, &adjustment, &sealed).await?;
    let view = get::view(&billing, &mut tx, &invoice).await?;
    tx.commit(Answer::ok(&view).version(invoice.version)).await
}

/// Reads the lines, with every wrong field.
fn parts(lines: &[CreditLine]) -> Result<Vec<(ChargeId, Option<Money>)>, Problem> {
    let mut wrong = galen_kernel::Violations::new();
    let read = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            let pointer = format!("/lines/{at}/amount");
            let amount = line.amount.as_ref();
            let amount = amount.and_then(|amount| amount.positive(&mut wrong, &pointer));
            (ChargeId::from_uuid(line.charge_id), amount)
        })
        .collect();
    wrong.require(
        lines.len() <= 200,
        "/lines",
        "TOO_MANY",
        "must be at most 200",
    );
    wrong.finish()?;
    Ok(read)
}
