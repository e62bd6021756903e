//! `POST /invoices/{id}/pay`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use galen_access::{Permission, Scope};
use galen_contracts::securepay::v1 as securepay;
use galen_kernel::{Money, Problem, Violations};
use galen_service::rpc::ask as ask_peer;
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, PeerError, Requires};
use galen_storage::Error;
use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::decision::{DEADLINE, PaymentState};
use super::store::{Payment, Question};
use super::{ask, cash, store};
use crate::Billing;
use crate::amount::AmountView;
use crate::invoice::adjustment::request::minor_of;
use crate::invoice::error::InvoiceError;
use crate::invoice::event::Event;
use crate::invoice::model::{Invoice, InvoiceId, PaymentState as Standing};
use crate::invoice::store as invoices;
use crate::invoice::view::InvoicePaymentView;

/// How long the job leaves a payment to whoever asked for it.
const HEAD_START: SignedDuration = SignedDuration::from_secs(3);

/// An invoice is to be paid.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PayInvoice {
    /// How; from a wallet without it.
    #[serde(default)]
    pub method: PayWith,
    /// From this wallet; cash comes from none.
    pub from_wallet_id: Option<Uuid>,
    /// How much; without it, all that is owed and not being paid.
    pub amount: Option<AmountView>,
    /// The cash that the patient puts on the table: what is too much is change.
    pub tendered: Option<AmountView>,
}

/// What an invoice is paid with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = PayInvoiceMethod)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayWith {
    /// With what is in a wallet.
    #[default]
    Wallet,
    /// With cash, at the till of whoever asks.
    Cash,
}

impl Requires for PayInvoice {
    const NEEDS: Needs = Needs::Permission(Permission::InvoicePay);
    const IDEMPOTENT: bool = true;
}

/// Pays an invoice, or a part of it, from a wallet or in cash. Patients pay their own
/// invoices from their own wallets; cash is taken by whoever has an open till, at once.
///
/// 201 when the money has moved, 202 while nobody knows; `GET /invoices/{id}` shows what
/// became of it. When the wallet does not have as much, or SecurePay refuses for another
/// reason, 409 with its code.
#[utoipa::path(
    post,
    path = "/invoices/{id}/pay",
    operation_id = "payInvoice",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The invoice."), galen_service::RequiredKey),
    request_body = PayInvoice,
    responses(
        (status = 201, description = "Paid.", body = InvoicePaymentView),
        (status = 202, description = "Under way.", body = InvoicePaymentView),
    ),
)]
pub async fn pay(
    cx: Cx<PayInvoice>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<InvoiceId>,
    Body(request): Body<PayInvoice>,
) -> Outcome {
    let mut wrong = Violations::new();
    let given = request.amount.as_ref();
    let amount = given.and_then(|amount| amount.positive(&mut wrong, "/amount"));
    let given = request.tendered.as_ref();
    let tendered = given.and_then(|amount| amount.positive(&mut wrong, "/tendered"));
    match (request.method, request.from_wallet_id) {
        (PayWith::Wallet, None) => wrong.push("/fromWalletId", "REQUIRED", "is required"),
        (PayWith::Cash, Some(_)) => {
            wrong.push("/fromWalletId", "NOT_CASH", "cash comes from no wallet");
        }
        _ => {}
    }
    wrong.require(
        request.method == PayWith::Cash || request.tendered.is_none(),
        "/tendered",
        "NOT_CASH",
        "only cash is put on the table",
    );
    wrong.finish()?;
    match request.from_wallet_id {
        Some(wallet) => from_wallet(&cx, &billing, id, wallet, amount).await,
        None => cash::pay(&cx, &billing, id, amount, tendered).await,
    }
}

async fn from_wallet(
    cx: &Cx<PayInvoice>,
    billing: &Billing,
    id: InvoiceId,
    wallet: Uuid,
    amount: Option<Money>,
) -> Outcome {
    let seen = load(billing, id).await?;
    cx.reach_patient(seen.patient)?;
    cx.replayed(&billing.db).await?;
    // The same for every repetition of the request: a payment that was begun is gone on
    // with, also when its first request broke off.
    let asked = cx
        .request_id()
        .ok_or_else(|| Problem::internal("a payment has an idempotency key"))?;
    let started = match store::of_request(billing.db.pool(), asked).await? {
        Some(payment) => payment,
        None => {
            let amount = amount.map(|amount| minor_of(&seen, amount)).transpose()?;
            check_wallet(billing, cx.scope(), &seen, wallet).await?;
            start(billing, id, asked, wallet, amount).await?
        }
    };
    let same_amount = amount.is_none_or(|amount| amount == started.amount);
    if started.invoice != id.uuid() || started.wallet != Some(wallet) || !same_amount {
        return Err(reused().into());
    }
    ask::ask_one(billing, &started).await?;

    let invoice = load(billing, id).await?;
    let payment = invoice
        .payment(started.id)
        .ok_or_else(|| Problem::internal("a payment was begun and is gone"))?;
    cx.about("payment", payment.id);
    let status = match payment.state {
        Standing::Captured => StatusCode::CREATED,
        Standing::Pending => StatusCode::ACCEPTED,
        Standing::Refused => {
            return Err(refused(payment.refusal.as_deref(), payment.id).into());
        }
    };
    let view = InvoicePaymentView::of(&invoice, payment);
    let tx = cx.begin(&billing.db).await?;
    tx.commit(Answer::json(status, &view).location(&format!("/api/v1/invoices/{id}")))
        .await
}

/// The key of another request.
pub(super) fn reused() -> Problem {
    Problem::new(
        422,
        "IDEMPOTENCY_KEY_REUSED",
        "The idempotency key was used for another request.",
    )
}

async fn load(billing: &Billing, id: InvoiceId) -> Result<Invoice, Problem> {
    let mut connection = billing.db.pool().acquire().await.map_err(Error::from)?;
    let invoice = invoices::get(&mut connection, id).await?;
    Ok(invoice.ok_or(InvoiceError::Unknown)?)
}

/// Stores what is wanted, if as much is due.
async fn start(
    billing: &Billing,
    id: InvoiceId,
    request: Uuid,
    wallet: Uuid,
    amount: Option<i64>,
) -> Result<Payment, Problem> {
    let mut tx = billing.db.begin().await?;
    let mut invoice = invoices::lock(&mut tx, id).await?;
    // Another copy of the request may have been faster.
    if let Some(payment) = store::of_request(tx.conn(), request).await? {
        return Ok(payment);
    }
    let payment = tx.clock().uuid();
    let event = invoice.pay(payment, wallet, amount)?;
    let Event::PaymentStarted { amount, .. } = event else {
        return Err(Problem::internal("a payment begins"));
    };
    invoices::append(&mut tx, &mut invoice, &[event]).await?;
    let now = tx.clock().now();
    let later = |by| now.checked_add(by).map_err(Problem::internal);
    let payment = Payment {
        id: payment,
        invoice: id.uuid(),
        wallet: Some(wallet),
        amount: Money {
            minor: amount,
            currency: invoice.currency,
        },
        question: Some(Question::Pay),
    };
    store::insert(&mut tx, &payment, request, (now, later(HEAD_START)?)).await?;
    let state = PaymentState::new(payment.invoice, payment.id);
    billing
        .paying
        .start(&mut tx, &payment.id.to_string(), state, later(DEADLINE)?)
        .await
        .map_err(ask::problem)?;
    tx.commit().await?;
    Ok(payment)
}

/// The wallet exists, is in the invoice's currency, and patients use their own.
async fn check_wallet(
    billing: &Billing,
    scope: Scope,
    invoice: &Invoice,
    wallet: Uuid,
) -> Result<(), Problem> {
    let unknown = || Problem::invalid_field("/fromWalletId", "UNKNOWN_WALLET", "is no wallet");
    let mut accounts = billing.accounts.clone();
    let question = securepay::GetAccountRequest {
        account_id: wallet.to_string(),
    };
    let asked = ask_peer("securepay", question, |request| async move {
        accounts.get_account(request).await
    });
    let account = match asked.await {
        Ok(answer) => answer
            .account
            .ok_or_else(|| Problem::internal("SecurePay found an account and did not tell it"))?,
        Err(PeerError::NotFound { .. }) => return Err(unknown()),
        Err(error) => return Err(error.into()),
    };
    let own = account.owner_id == invoice.patient.to_string();
    if account.kind() != securepay::AccountKind::Wallet || !(own || scope == Scope::Any) {
        return Err(unknown());
    }
    if account.currency != invoice.currency.code() {
        return Err(Problem::conflict(
            "CURRENCY_MISMATCH",
            "The wallet is in another currency than the invoice.",
        ));
    }
    Ok(())
}

/// Why a payment was refused, as SecurePay said it.
fn refused(code: Option<&str>, payment: Uuid) -> Problem {
    let (code, title) = match code {
        Some("INSUFFICIENT_FUNDS") => ("INSUFFICIENT_FUNDS", "The wallet does not have as much."),
        Some("ACCOUNT_FROZEN") => ("ACCOUNT_FROZEN", "The wallet is frozen."),
        Some("ACCOUNT_CLOSED") => ("ACCOUNT_CLOSED", "The wallet is closed."),
        Some("CURRENCY_MISMATCH") => (
            "CURRENCY_MISMATCH",
            "The wallet is in another currency than the invoice.",
        ),
        Some("TIMED_OUT") => (
            "PAYMENT_TIMED_OUT",
            "Nobody answered in time; no money has moved.",
        ),
        _ => ("PAYMENT_REFUSED", "The payment was refused."),
    };
    Problem::conflict(code, title).with("paymentId", payment.to_string().into())
}
