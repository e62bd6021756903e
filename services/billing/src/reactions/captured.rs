//! A payment was made: its process may not have heard the answer.

use galen_contracts::securepay::v1::PaymentCaptured;
use galen_eventing::{Delivery, Failure, Handle, Processes, Trigger};
use galen_storage::Tx;

use crate::invoice::payment::decision::Input;
use crate::invoice::payment::process::PaymentProcess;

/// Moves the processes that asked for it; payments of others are none of ours.
pub(super) struct EndPayments {
    /// The engine.
    pub(super) paying: Processes<PaymentProcess>,
}

impl Handle<PaymentCaptured> for EndPayments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PaymentCaptured>,
    ) -> Result<(), Failure> {
        let Some(payment) = delivery.event.payment else {
            return Ok(());
        };
        self.paying
            .advance_by_key(tx, &payment.payment_id, Trigger::Input(Input::Captured))
            .await
    }
}
