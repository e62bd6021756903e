//! Answers to the booking process: from staff, billing and notifications. What billing says
//! is shown with the appointment.

use galen_contracts::billing::v1::{
    AppointmentQuoted, PrepaymentEnded, PrepaymentHeld, PrepaymentRefused,
};
use galen_contracts::convert::{self, WireError};
use galen_contracts::ids::AppointmentId;
use galen_contracts::notifications::v1::ConfirmationQueued;
use galen_contracts::staff::v1::PractitionerVerified;
use galen_eventing::{Delivery, Failure, Handle, Processes, Trigger};
use galen_kernel::Money;
use galen_storage::Tx;

use crate::booking::decision::Input;
use crate::booking::process::BookingProcess;
use crate::prepayment::{self, Prepayment, Status};
use crate::price::Quote;

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

impl Handle<AppointmentQuoted> for AdvanceBookings {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentQuoted>,
    ) -> Result<(), Failure> {
        let told = delivery.event;
        let process = convert::id::<()>("process_id", &told.process_id)?.uuid();
        let estimate = told.estimate.ok_or(WireError::Missing("estimate"))?;
        let input = Input::Quoted(Quote::read(&estimate));
        self.bookings
            .advance(tx, process, Trigger::Input(input))
            .await
    }
}

impl Handle<PrepaymentHeld> for AdvanceBookings {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<PrepaymentHeld>) -> Result<(), Failure> {
        let told = delivery.event;
        // Nobody asked for what came with another appointment.
        if let Some(process) = convert::optional_id::<()>("process_id", &told.process_id)? {
            let input = Trigger::Input(Input::PrepaymentHeld);
            self.bookings.advance(tx, process.uuid(), input).await?;
        }
        let id: AppointmentId = convert::id("appointment_id", &told.appointment_id)?;
        let held = told.held.ok_or(WireError::Missing("held"))?;
        let currency = held
            .currency
            .parse()
            .map_err(|_| WireError::Malformed("held.currency"))?;
        let there = Prepayment {
            amount: Money {
                minor: held.minor,
                currency,
            },
            status: Status::Held,
        };
        prepayment::store::put(tx, id, there).await?;
        Ok(())
    }
}

impl Handle<PrepaymentRefused> for AdvanceBookings {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PrepaymentRefused>,
    ) -> Result<(), Failure> {
        let told = delivery.event;
        let process = convert::id::<()>("process_id", &told.process_id)?.uuid();
        let input = Input::PrepaymentRefused {
            reason_code: told.reason_code,
        };
        self.bookings
            .advance(tx, process, Trigger::Input(input))
            .await?;
        let id: AppointmentId = convert::id("appointment_id", &told.appointment_id)?;
        prepayment::store::stands(tx, id, Status::Refused).await?;
        Ok(())
    }
}

impl Handle<PrepaymentEnded> for AdvanceBookings {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PrepaymentEnded>,
    ) -> Result<(), Failure> {
        let told = delivery.event;
        let id: AppointmentId = convert::id("appointment_id", &told.appointment_id)?;
        let status = Status::named(&told.outcome).ok_or(WireError::Malformed("outcome"))?;
        prepayment::store::stands(tx, id, status).await?;
        Ok(())
    }
}
