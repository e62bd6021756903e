//! Payments as they are shown.

use galen_kernel::{Money, Pii, Problem, Timestamp};
use galen_service::MoneyView;
use galen_vault::{Keyring, Sealed, Vault};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Capture, Status};
use super::store::Made;
use super::words::{DESCRIPTION, Words};
use crate::ledger::Stamp;

/// A payment. Personal, where something is written about it: has no `Debug`.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Payment)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    /// Its id.
    pub id: Uuid,
    /// What became of it.
    pub status: Status,
    /// Who pays.
    pub from_wallet_id: Uuid,
    /// Who is paid: a wallet, or what somebody owes.
    pub to_wallet_id: Uuid,
    /// How much, at most.
    pub amount: MoneyView,
    /// How much of it has moved.
    pub captured_amount: MoneyView,
    /// How much of that went back.
    pub refunded_amount: MoneyView,
    /// When the money moves.
    pub capture: Capture,
    /// What somebody wrote about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it belongs to: an invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<Uuid>,
    /// From then on it cannot be captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
    /// For `If-Match`.
    pub version: i64,
}

/// Money that went back.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PaymentRefund)]
#[serde(rename_all = "camelCase")]
pub struct RefundView {
    /// Its id: that of the entry in both wallets.
    pub id: Uuid,
    /// Of which payment.
    pub payment_id: Uuid,
    /// How much.
    pub amount: MoneyView,
    /// When.
    pub refunded_at: Timestamp,
}

impl PaymentView {
    /// A payment, with what was written about it.
    ///
    /// # Errors
    /// When the stamp of its end is none.
    pub(crate) fn of(made: &Made, words: Option<&Pii<Words>>, now: Stamp) -> Result<Self, Problem> {
        let payment = &made.payment;
        let money = |minor| {
            MoneyView::from(Money {
                minor,
                currency: payment.currency,
            })
        };
        let expires_at = made.hold.expires_at.map(instant).transpose()?;
        Ok(Self {
            id: payment.id,
            status: Status::of(&made.hold, now),
            from_wallet_id: made.from.public_id.uuid(),
            to_wallet_id: made.to.public_id.uuid(),
            amount: money(payment.amount.minor()),
            captured_amount: money(made.hold.captured),
            refunded_amount: money(made.hold.refunded),
            capture: payment.capture,
            description: words.map(|words| words.expose().as_str().to_owned()),
            reference_id: payment.reference,
            expires_at,
            created_at: payment.created_at,
            version: made.version,
        })
    }
}

/// An instant of the ledger.
pub(crate) fn instant(stamp: Stamp) -> Result<Timestamp, Problem> {
    Timestamp::from_microsecond(stamp.0).map_err(Problem::internal)
}

/// Payments, with what was written about them. What was written by or about who was
/// erased is as if it had never been.
pub(crate) async fn open_all(
    vault: &Vault,
    db: &mut PgConnection,
    payments: &[Made],
    now: Stamp,
) -> Result<Vec<PaymentView>, Problem> {
    let sealed = payments
        .iter()
        .filter_map(|made| made.payment.description.as_ref());
    let keys = sealed.filter_map(|description| Sealed::key_id(&description.words));
    let ring = vault.keyring_of(db, keys.collect()).await?;
    payments
        .iter()
        .map(|made| PaymentView::of(made, words(&ring, made)?.as_ref(), now))
        .collect()
}

fn words(ring: &Keyring, made: &Made) -> Result<Option<Pii<Words>>, Problem> {
    let Some(described) = &made.payment.description else {
        return Ok(None);
    };
    let (subject, row) = (described.subject, made.payment.id);
    Ok(ring.open_unless_erased(&DESCRIPTION, subject, row, &described.words)?)
}
