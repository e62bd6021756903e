//! What happens to appointments happens to what was paid before them.

use galen_contracts::convert::{self, WireError, instant};
use galen_contracts::ids::{AppointmentId, PatientId};
use galen_contracts::scheduling::v1 as scheduling;
use galen_contracts::scheduling::v1::{
    AppointmentCancelled, AppointmentMissed, AppointmentRescheduled, NoShowReverted,
    PrepaymentRequested,
};
use galen_contracts::securepay::v1::PaymentCaptured;
use galen_eventing::{Delivery, Failure, Handle};
use galen_kernel::{Currency, Timestamp};
use galen_storage::Tx;

use super::captured::for_something;
use crate::prepayment::decide::{DEADLINE, Input};
use crate::prepayment::model::{Asker, Prepayment, PrepaymentId};
use crate::prepayment::{Prepayments, store};

/// Follows appointments and payments.
pub(super) struct FollowAppointments {
    /// Performs what is decided.
    pub(super) prepayments: Prepayments,
}

fn of(appointment: Option<&scheduling::Appointment>) -> Result<AppointmentId, WireError> {
    let appointment = appointment.ok_or(WireError::Missing("appointment"))?;
    convert::id("appointment_id", &appointment.appointment_id)
}

/// When something was told: not when it is heard, which may be much later, and not after
/// that either, whatever the clocks of two machines say.
fn told_at(tx: &Tx, published: Timestamp) -> Timestamp {
    published.min(tx.clock().now())
}

impl FollowAppointments {
    /// Has the prepayment of an appointment hear something; most have none.
    async fn hear(&self, tx: &mut Tx, id: AppointmentId, input: Input) -> Result<(), Failure> {
        if let Some(prepayment) = store::lock(tx, id).await? {
            self.prepayments.hear(tx, prepayment, input).await?;
        }
        Ok(())
    }
}

impl Handle<PrepaymentRequested> for FollowAppointments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PrepaymentRequested>,
    ) -> Result<(), Failure> {
        let asked = delivery.event;
        let id: AppointmentId = convert::id("appointment_id", &asked.appointment_id)?;
        let patient: PatientId = convert::id("patient_id", &asked.patient_id)?;
        let asker = Asker {
            process: convert::id::<()>("process_id", &asked.process_id)?.uuid(),
            command: convert::id::<()>("command_id", &asked.command_id)?.uuid(),
        };
        let replaces = convert::optional_id("replaces_id", &asked.replaces_id)?;
        let ends_at = instant("end", asked.end.as_ref())?;
        let amount = asked.amount.ok_or(WireError::Missing("amount"))?;
        let currency: Currency = amount
            .currency
            .parse()
            .map_err(|_| WireError::Malformed("amount.currency"))?;
        if amount.minor <= 0 {
            return Err(WireError::Malformed("amount.minor").into());
        }
        let followed = match replaces {
            Some(old) => self.prepayments.follow(tx, old, id).await?,
            None => store::lock(tx, id).await?,
        };
        let now = tx.clock().now();
        let deadline = now.saturating_add(DEADLINE).unwrap_or(Timestamp::MAX);
        let mut prepayment = match followed {
            Some(known) => known,
            None => {
                let fresh =
                    Prepayment::new(tx.clock().id(), id, patient, currency, (ends_at, deadline));
                store::insert(tx, &fresh).await?;
                let stored = store::lock(tx, id).await?;
                stored.ok_or(galen_storage::Error::Inconsistent {
                    column: "billing.prepayment.appointment_id",
                })?
            }
        };
        if prepayment.asker.is_none() {
            (prepayment.ends_at, prepayment.deadline) = (ends_at, deadline);
        }
        let input = Input::Asked {
            amount: amount.minor,
            asker,
        };
        self.prepayments.hear(tx, prepayment, input).await?;
        Ok(())
    }
}

impl Handle<AppointmentCancelled> for FollowAppointments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentCancelled>,
    ) -> Result<(), Failure> {
        let Delivery { event, meta } = delivery;
        let id = of(event.appointment.as_ref())?;
        let start = event.appointment.as_ref().and_then(|a| a.start.as_ref());
        let start = instant("start", start)?;
        let by_patient = event.cancelled_by == "PATIENT" || event.reason_code == "PATIENT_REQUEST";
        let fee = self
            .prepayments
            .terms
            .of_cancellation(by_patient, start, told_at(tx, meta.at));
        self.hear(tx, id, Input::CalledOff { fee }).await
    }
}

impl Handle<AppointmentRescheduled> for FollowAppointments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentRescheduled>,
    ) -> Result<(), Failure> {
        let old = of(delivery.event.appointment.as_ref())?;
        let new = convert::id("replaced_by_id", &delivery.event.replaced_by_id)?;
        self.prepayments.follow(tx, old, new).await?;
        Ok(())
    }
}

impl Handle<AppointmentMissed> for FollowAppointments {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentMissed>,
    ) -> Result<(), Failure> {
        let Delivery { event, meta } = delivery;
        let id = of(event.appointment.as_ref())?;
        let grace = self.prepayments.terms.grace;
        let settle_at = told_at(tx, meta.at).saturating_add(grace);
        let settle_at = settle_at.unwrap_or(Timestamp::MAX);
        self.hear(tx, id, Input::Missed { settle_at }).await
    }
}

impl Handle<NoShowReverted> for FollowAppointments {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<NoShowReverted>) -> Result<(), Failure> {
        let id = of(delivery.event.appointment.as_ref())?;
        self.hear(tx, id, Input::Came).await
    }
}

impl Handle<PaymentCaptured> for FollowAppointments {
    /// The answer may not have been heard. Payments of others are none of ours.
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PaymentCaptured>,
    ) -> Result<(), Failure> {
        let Some(payment) = for_something(delivery.event.payment) else {
            return Ok(());
        };
        let id: PrepaymentId = convert::id("payment_id", &payment.payment_id)?;
        if let Some(prepayment) = store::lock_by_id(tx, id).await? {
            self.prepayments
                .hear(tx, prepayment, Input::Captured)
                .await?;
        }
        Ok(())
    }
}
