//! Performs what the booking process decides.

use galen_contracts::convert::to_wire;
use galen_contracts::scheduling::v1::{ConfirmationRequested, PractitionerVerificationRequested};
use galen_eventing::{Decision, Failure, Instance, Process, Publish as _, Trigger};
use galen_kernel::Timestamp;
use galen_storage::Tx;

pub use super::decision::BookingState;
use super::decision::{Action, CONFIRM, Facts, Input, Step, VERIFY};
use crate::appointment::model::{Actor, Appointment, Cancellation};
use crate::appointment::transition;

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
                reason,
            } => {
                tracing::info!(%appointment, reason, "a booking is undone: the practitioner is not there");
                let cancellation = Cancellation {
                    reason_code: "PRACTITIONER_UNAVAILABLE".to_owned(),
                    by: Actor::System,
                    note: None,
                };
                transition::cancel_if_ahead(tx, appointment, cancellation).await?;
            }
        }
        Ok(())
    }
}
