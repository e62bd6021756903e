//! Performs what a payment process decides.

use std::sync::Arc;

use galen_eventing::{Decision, Failure, Instance, Process, Trigger};
use galen_kernel::Timestamp;
use galen_storage::{Error, Tx};
use tokio::sync::Notify;
use uuid::Uuid;

pub use super::decision::PaymentState;
use super::decision::{Action, CALM, Input};
use super::store::{self, Question};
use crate::invoice::model::InvoiceId;
use crate::invoice::store as invoices;

/// The payment process.
pub struct PaymentProcess {
    /// Rung when SecurePay is to be asked.
    pub bell: Arc<Notify>,
}

impl Process for PaymentProcess {
    const KIND: &'static str = "billing.payment";
    const VERSION: i16 = 1;
    type State = PaymentState;
    type Input = Input;
    type Action = (Uuid, Uuid, Action);

    fn decide(
        state: PaymentState,
        trigger: Trigger<Input>,
        now: Timestamp,
    ) -> Decision<PaymentState, Self::Action> {
        let decided = state.decide(trigger, now);
        let actions = decided.actions.into_iter();
        Decision {
            actions: actions
                .map(|action| (state.invoice, state.payment, action))
                .collect(),
            state: decided.state,
            status: decided.status,
            step: decided.step,
            timers: decided.timers,
        }
    }

    async fn perform(
        &self,
        tx: &mut Tx,
        _: &Instance,
        (invoice, payment, action): Self::Action,
    ) -> Result<(), Failure> {
        let now = tx.clock().now();
        match action {
            Action::Record => {
                let mut invoice = invoices::lock(tx, InvoiceId::from_uuid(invoice)).await?;
                if let Some(event) = invoice.record(payment).map_err(refusal)? {
                    invoices::append(tx, &mut invoice, &[event]).await?;
                }
                store::end(tx, payment, "CAPTURED", None, now).await?;
            }
            Action::Refuse { code } => {
                let mut invoice = invoices::lock(tx, InvoiceId::from_uuid(invoice)).await?;
                if let Some(event) = invoice.refuse(payment, &code).map_err(refusal)? {
                    invoices::append(tx, &mut invoice, &[event]).await?;
                }
                store::end(tx, payment, "REFUSED", Some(&code), now).await?;
            }
            Action::Look => {
                let calm = now.checked_add(CALM).map_err(|_| Error::Inconsistent {
                    column: "billing.invoice_payment.ask_at",
                })?;
                store::question(tx, payment, Question::Look, calm).await?;
            }
            Action::Return => {
                tracing::warn!(%payment, "a payment was made after it was given up, and is given back");
                store::question(tx, payment, Question::Return, now).await?;
            }
            Action::EndReturn => store::end(tx, payment, "RETURNED", None, now).await?,
        }
        tx.ring(&self.bell);
        Ok(())
    }
}

/// The invoice and the process disagree: somebody has to look.
fn refusal(refusal: crate::invoice::decide::Refusal) -> Failure {
    Failure::Retryable {
        code: "INVOICE_PAYMENT",
        source: Box::new(refusal),
    }
}
