//! Payments of other services: of invoices, from wallets.

use std::sync::Arc;

use galen_contracts::securepay::v1 as wire;
use galen_contracts::securepay::v1::payment_service_server::PaymentService;
use galen_kernel::Timestamp;
use galen_storage::Error;
use jiff::SignedDuration;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::make::{USUAL, begun};
use super::model::{Capture, Payment, Status as PaymentStatus};
use super::store::{self, Made};
use crate::SecurePay;
use crate::account::wire::{
    amount, failed, invalid, leaving, made, money, of_account, optional_uuid, posted, unanswered,
    uuid,
};
use crate::ledger::{Group, Stamp};
use crate::writer::Fact;

/// How much a caller's clock may be ahead.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// Answers over gRPC.
pub struct Payments(pub Arc<SecurePay>);

impl Payments {
    async fn get(&self, id: Uuid) -> Result<Made, Status> {
        let pool = self.0.db.pool();
        let mut connection = pool
            .acquire()
            .await
            .map_err(|error| failed(Error::from(error)))?;
        store::get(&mut connection, id)
            .await
            .map_err(failed)?
            .ok_or_else(|| Status::not_found("payment_id names no payment"))
    }

    /// Says whether it was done before.
    async fn submit(&self, group: Group, facts: Vec<Fact>) -> Result<bool, Status> {
        let told = self.0.ledger.submit_with(group, facts);
        let told = told.await.map_err(unanswered)?;
        posted(told.answers)?;
        Ok(told.is_repeated)
    }

    fn show(&self, made: &Made) -> wire::Payment {
        let payment = &made.payment;
        let state = match PaymentStatus::of(&made.hold, self.0.now()) {
            PaymentStatus::Authorized => wire::PaymentState::Authorized,
            PaymentStatus::Captured => wire::PaymentState::Captured,
            PaymentStatus::PartiallyRefunded => wire::PaymentState::PartiallyRefunded,
            PaymentStatus::Refunded => wire::PaymentState::Refunded,
            PaymentStatus::Voided => wire::PaymentState::Voided,
            PaymentStatus::Expired => wire::PaymentState::Expired,
        };
        let money = |minor| Some(money(minor, payment.currency));
        wire::Payment {
            payment_id: payment.id.to_string(),
            state: state.into(),
            amount: money(payment.amount.minor()),
            captured: money(made.hold.captured),
            refunded: money(made.hold.refunded),
            from_account_id: made.from.public_id.to_string(),
            to_account_id: made.to.public_id.to_string(),
            reference_id: payment
                .reference
                .map(|id| id.to_string())
                .unwrap_or_default(),
        }
    }
}

/// When the promise of a payment ends: counted from when its id was made, so that asking
/// again asks for the same.
fn end(id: Uuid, now: Timestamp) -> Result<Stamp, Status> {
    let (milliseconds, _) = id.as_u64_pair();
    let begun = i64::try_from(milliseconds >> 16)
        .ok()
        .and_then(|made| Timestamp::from_millisecond(made).ok())
        .filter(|made| now.checked_add(GRACE).is_ok_and(|latest| *made <= latest))
        .ok_or_else(|| invalid("payment_id is from the future"))?;
    let end = begun.checked_add(USUAL).map_err(invalid)?;
    Ok(Stamp(end.as_microsecond()))
}

#[tonic::async_trait]
impl PaymentService for Payments {
    async fn initiate_payment(
        &self,
        request: Request<wire::InitiatePaymentRequest>,
    ) -> Result<Response<wire::InitiatePaymentResponse>, Status> {
        let asked = request.into_inner();
        let id = made("payment_id", &asked.payment_id)?;
        let reference = optional_uuid("reference_id", &asked.reference_id)?;
        let now = self.0.clock.now();
        let (capture, expires_at) = if asked.manual_capture {
            (Capture::Manual, Some(end(id, now)?))
        } else {
            (Capture::Automatic, None)
        };
        let sides = (&*asked.from_account_id, &*asked.to_account_id);
        let (from, to, amount) = leaving(&self.0, sides, asked.amount.as_ref()).await?;
        let payment = Payment {
            id,
            from: from.id,
            to: to.id,
            amount,
            currency: from.currency,
            capture,
            description: None,
            reference,
            created_by: None,
            created_at: now,
        };
        let group = payment.begin(expires_at);
        let facts = vec![Fact::Payment(payment.clone())];
        // Whatever was done before may have gone on since.
        let made = if self.submit(group, facts).await? {
            self.get(id).await?
        } else {
            begun(payment, from, to, expires_at)
        };
        Ok(Response::new(wire::InitiatePaymentResponse {
            payment: Some(self.show(&made)),
        }))
    }

    async fn get_payment(
        &self,
        request: Request<wire::GetPaymentRequest>,
    ) -> Result<Response<wire::GetPaymentResponse>, Status> {
        let id = uuid("payment_id", &request.into_inner().payment_id)?;
        Ok(Response::new(wire::GetPaymentResponse {
            payment: Some(self.show(&self.get(id).await?)),
        }))
    }

    async fn refund_payment(
        &self,
        request: Request<wire::RefundPaymentRequest>,
    ) -> Result<Response<wire::RefundPaymentResponse>, Status> {
        let asked = request.into_inner();
        let id = uuid("payment_id", &asked.payment_id)?;
        let refund = made("refund_id", &asked.refund_id)?;
        amount("amount", asked.amount.as_ref())?;
        let payment = self.get(id).await?;
        let amount = of_account("amount", asked.amount.as_ref(), &payment.from)?;
        let group = payment.payment.refunded(refund, amount);
        self.submit(group, Vec::new()).await?;
        Ok(Response::new(wire::RefundPaymentResponse {
            payment: Some(self.show(&self.get(id).await?)),
        }))
    }
}
