//! A payment was made: its process may not have heard the answer.

use galen_contracts::securepay::v1::{PaymentCaptured, PaymentFacts};
use galen_eventing::{Delivery, Failure, Handle, Processes, Trigger};
use galen_storage::Tx;

use crate::invoice::payment::decision::Input;
use crate::invoice::payment::process::PaymentProcess;

/// Moves the processes that asked for it; payments of others are none of ours.
pub(super) struct EndPayments {
    /// The engine.
    pub(super) paying: Processes<PaymentProcess>,
}

/// What is paid for us is paid for something, and says so: all else need not be looked up.
pub(super) fn for_something(payment: Option<PaymentFacts>) -> Option<PaymentFacts> {
    payment.filter(|payment| !payment.reference_id.is_empty())
}

impl Handle<PaymentCaptured> for EndPayments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PaymentCaptured>,
    ) -> Result<(), Failure> {
        let Some(payment) = for_something(delivery.event.payment) else {
            return Ok(());
        };
        self.paying
            .advance_by_key(tx, &payment.payment_id, Trigger::Input(Input::Captured))
            .await
    }
}
