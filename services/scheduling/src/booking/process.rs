//! Performs what the booking process decides.

use galen_contracts::convert::to_wire;
use galen_contracts::scheduling::v1::{
    ConfirmationRequested, PractitionerVerificationRequested, PrepaymentRequested,
};
use galen_contracts::securepay::v1::Money;
use galen_eventing::{Decision, Failure, Instance, Process, Publish as _, Trigger};
use galen_kernel::Timestamp;
use galen_storage::Tx;

pub use super::decision::BookingState;
use super::decision::{Action, Asked, CONFIRM, Facts, Input, PREPAY, Step, VERIFY};
use crate::appointment::model::{Actor, Appointment, Cancellation};
use crate::appointment::transition;
use crate::prepayment;

/// The booking process.
#[derive(Debug, Clone, Copy)]
pub struct BookingProcess;

impl BookingState {
    /// At the beginning.
    #[must_use]
    pub fn of(appointment: &Appointment) -> Self {
        let facts = Facts {
            appointment: appointment.id,
            patient: appointment.patient,
            practitioner: appointment.practitioner,
            during: appointment.during,
            service_type: appointment.service_type,
            prepayment: appointment.quote.and_then(|quote| {
                (quote.prepayment > 0).then_some(Asked {
                    minor: quote.prepayment,
                    currency: quote.currency,
                })
            }),
            replaces: appointment.replaces,
        };
        Self {
            facts,
            step: Step::Verifying,
            repeats: 0,
        }
    }
}

impl Process for BookingProcess {
    const KIND: &'static str = "scheduling.booking";
    const VERSION: i16 = 1;
    type State = BookingState;
    type Input = Input;
    type Action = Action;

    fn decide(
        state: BookingState,
        trigger: Trigger<Input>,
        now: Timestamp,
    ) -> Decision<BookingState, Action> {
        state.decide(trigger, now)
    }

    async fn perform(
        &self,
        tx: &mut Tx,
        instance: &Instance,
        action: Action,
    ) -> Result<(), Failure> {
        match action {
            Action::RequestVerification(facts) => tx.publish(&PractitionerVerificationRequested {
                practitioner_id: facts.practitioner.to_string(),
                process_id: instance.id.to_string(),
                command_id: instance.command_id(VERIFY).to_string(),
                start: Some(to_wire(facts.during.start())),
                end: Some(to_wire(facts.during.end())),
                service_type: facts.service_type.to_wire().into(),
            }),
            Action::RequestPrepayment(facts, asked) => tx.publish(&PrepaymentRequested {
                appointment_id: facts.appointment.to_string(),
                process_id: instance.id.to_string(),
                command_id: instance.command_id(PREPAY).to_string(),
                patient_id: facts.patient.to_string(),
                amount: Some(Money {
                    minor: asked.minor,
                    currency: asked.currency.code().to_owned(),
                }),
                start: Some(to_wire(facts.during.start())),
                end: Some(to_wire(facts.during.end())),
                replaces_id: facts.replaces.map(|id| id.to_string()).unwrap_or_default(),
            }),
            Action::ForgetPrepayment(appointment) => {
                prepayment::store::forget(tx, appointment).await?;
            }
            Action::RequestConfirmation(facts) => tx.publish(&ConfirmationRequested {
                appointment_id: facts.appointment.to_string(),
                process_id: instance.id.to_string(),
                command_id: instance.command_id(CONFIRM).to_string(),
                patient_id: facts.patient.to_string(),
                practitioner_id: facts.practitioner.to_string(),
                start: Some(to_wire(facts.during.start())),
                end: Some(to_wire(facts.during.end())),
                service_type: facts.service_type.to_wire().into(),
            }),
            Action::Cancel {
                appointment,
                lack,
                reason,
            } => {
                tracing::info!(%appointment, ?lack, reason, "a booking is undone");
                let cancellation = Cancellation {
                    reason_code: lack.reason_code().to_owned(),
                    by: Actor::System,
                    note: None,
                };
                transition::cancel_if_ahead(tx, appointment, cancellation).await?;
            }
        }
        Ok(())
    }
}
