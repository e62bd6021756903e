//! Answers to the booking process: from staff and from notifications.

use galen_contracts::convert;
use galen_contracts::notifications::v1::ConfirmationQueued;
use galen_contracts::staff::v1::PractitionerVerified;
use galen_eventing::{Delivery, Failure, Handle, Processes, Trigger};
use galen_storage::Tx;

use crate::booking::decision::Input;
use crate::booking::process::BookingProcess;

/// Moves the processes that asked.
pub struct AdvanceBookings {
    /// The engine.
    pub bookings: Processes<BookingProcess>,
}

impl Handle<PractitionerVerified> for AdvanceBookings {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PractitionerVerified>,
    ) -> Result<(), Failure> {
        let answer = delivery.event;
        let process = convert::id::<()>("process_id", &answer.process_id)?.uuid();
        let input = Input::Verified {
            available: answer.available,
            reason_code: answer.reason_code,
        };
        self.bookings
            .advance(tx, process, Trigger::Input(input))
            .await
    }
}

impl Handle<ConfirmationQueued> for AdvanceBookings {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<ConfirmationQueued>,
    ) -> Result<(), Failure> {
        let process = convert::id::<()>("process_id", &delivery.event.process_id)?.uuid();
        self.bookings
            .advance(tx, process, Trigger::Input(Input::ConfirmationQueued))
            .await
    }
}
