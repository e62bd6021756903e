//! Performs what the booking process decides.

use galen_contracts::convert::to_wire;
use galen_contracts::ids::AppointmentId;
use galen_contracts::scheduling::v1::{
    ConfirmationRequested, PractitionerVerificationRequested, PrepaymentRequested, QuoteRequested,
};
use galen_contracts::securepay::v1::Money;
use galen_eventing::{Decision, Failure, Instance, Process, Publish as _, Trigger};
use galen_kernel::Timestamp;
use galen_storage::Tx;

pub use super::decision::BookingState;
use super::decision::{Action, Asked, CONFIRM, Facts, Input, PREPAY, QUOTE, Step, VERIFY};
use crate::appointment::model::{Actor, Appointment, Cancellation};
use crate::appointment::{store, transition};
use crate::prepayment::{self, Prepayment};
use crate::price::Pricing;

/// The booking process.
#[derive(Debug, Clone, Copy)]
pub struct BookingProcess;

impl BookingState {
    /// At the beginning, of a booking that waits until then for a price that is not known.
    #[must_use]
    pub fn of(appointment: &Appointment, priced_by: Timestamp) -> Self {
        let facts = Facts {
            appointment: appointment.id,
            patient: appointment.patient,
            practitioner: appointment.practitioner,
            during: appointment.during,
            service_type: appointment.service_type,
            prepayment: appointment.pricing.quote().and_then(Asked::of),
            replaces: appointment.replaces,
            payment_mode: appointment.payment_mode,
            priced_by: (appointment.pricing == Pricing::Pending).then_some(priced_by),
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
            Action::RequestQuote(facts) => tx.publish(&QuoteRequested {
                appointment_id: facts.appointment.to_string(),
                process_id: instance.id.to_string(),
                command_id: instance.command_id(QUOTE).to_string(),
                patient_id: facts.patient.to_string(),
                start: Some(to_wire(facts.during.start())),
                service_type: facts.service_type.to_wire().into(),
                payment_mode: facts.payment_mode.to_wire().into(),
            }),
            Action::Price(appointment, pricing) => note(tx, appointment, pricing).await?,
            Action::RequestPrepayment(facts, asked) => {
                request_prepayment(tx, instance, &facts, asked).await?;
            }
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

/// Notes what is known of a price that was waited for.
async fn note(tx: &mut Tx, id: AppointmentId, pricing: Pricing) -> Result<(), Failure> {
    if !store::price(tx, id, pricing).await? {
        return Ok(());
    }
    let outcome = pricing.status();
    tracing::info!(appointment = %id, ?outcome, "the price of a booking was waited for");
    metrics::counter!("scheduling_late_prices_total", "outcome" => outcome.name()).increment(1);
    if let Some(asked) = Prepayment::asked(pricing) {
        prepayment::store::put(tx, id, asked).await?;
    }
    Ok(())
}

/// Asks for what is to be paid before, of who has not come yet: what is paid afterwards
/// would be held for something that is over.
async fn request_prepayment(
    tx: &mut Tx,
    instance: &Instance,
    facts: &Facts,
    asked: Asked,
) -> Result<(), Failure> {
    let appointment = store::get_for_change(tx, facts.appointment).await?;
    if !appointment.is_some_and(|appointment| appointment.status.is_ahead()) {
        prepayment::store::forget(tx, facts.appointment).await?;
        return Ok(());
    }
    tx.publish(&PrepaymentRequested {
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
    });
    Ok(())
}
