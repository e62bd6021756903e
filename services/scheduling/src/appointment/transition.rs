//! What all steps of an appointment have in common: load and lock, decide, write,
//! publish.

use galen_access::Scope;
use galen_contracts::ids::AppointmentId;
use galen_eventing::{Processes, Publish as _, Trigger};
use galen_kernel::{Problem, Timestamp};
use galen_service::{Answer, Command, Cx, Outcome, Requires};
use galen_storage::Tx;
use sqlx::PgConnection;

use super::error::AppointmentError;
use super::model::{Actor, Appointment, Cancellation, Cancelling, Status, Step};
use super::view::AppointmentView;
use super::words::NOTE;
use super::{store, words};
use crate::Scheduling;
use crate::booking::decision::Input;
use crate::booking::process::BookingProcess;
use crate::patient::reach::reach;

/// Who asks, in the eyes of the rules: whoever reaches only their own is a patient.
#[must_use]
pub const fn actor(scope: Scope) -> Actor {
    match scope {
        Scope::Any | Scope::Care { .. } => Actor::Staff,
        Scope::Own { .. } => Actor::Patient,
    }
}

/// Reads an appointment within reach, locked, and checks `If-Match`.
///
/// # Errors
/// 404, 412, or when the database fails.
pub async fn load<R: Requires>(
    cx: &Cx<R>,
    db: &mut PgConnection,
    id: AppointmentId,
) -> Result<Appointment, Problem> {
    let appointment = store::get_for_change(db, id)
        .await?
        .ok_or(AppointmentError::Unknown)?;
    reach(cx.scope(), db, appointment.patient).await?;
    cx.expect_version(appointment.version)?;
    Ok(appointment)
}

/// Tells the booking process that its appointment will not be. Comes before the
/// appointment is locked: the process locks in the same order, itself first.
///
/// # Errors
/// When the database fails.
pub async fn call_off(
    bookings: &Processes<BookingProcess>,
    tx: &mut Tx,
    id: AppointmentId,
) -> Result<(), AppointmentError> {
    Ok(bookings
        .advance_by_key(tx, &id.to_string(), Trigger::Input(Input::CalledOff))
        .await?)
}

impl Appointment {
    /// The next version, in another status.
    #[must_use]
    pub fn moved(mut self, status: Status) -> Self {
        self.status = status;
        self.version += 1;
        self
    }
}

/// One of the steps that need nothing but themselves.
///
/// # Errors
/// 404, 409, 412, or when the database fails.
pub async fn take<R: Requires>(
    cx: &Cx<R>,
    scheduling: &Scheduling,
    id: AppointmentId,
    step: Step,
) -> Outcome {
    let mut tx = cx.begin(&scheduling.db).await?;
    let appointment = load(cx, &mut tx, id).await?;
    let next = appointment.decide(step, actor(cx.scope()), cx.now(), &scheduling.settings)?;
    let moved = appointment.moved(next);
    store::change(&mut tx, &moved).await?;
    publish(&mut tx, &moved, step);
    finish(scheduling, tx, moved).await
}

/// Commits with the appointment as the answer.
///
/// # Errors
/// When what was said about it does not open, or the commit fails.
pub async fn finish(scheduling: &Scheduling, mut tx: Command, appointment: Appointment) -> Outcome {
    let version = appointment.version;
    let view = AppointmentView::open(&scheduling.vault, &mut tx, appointment).await?;
    tx.commit(Answer::ok(&view).version(version)).await
}

fn publish(tx: &mut Tx, moved: &Appointment, step: Step) {
    use galen_contracts::scheduling::v1 as contract;
    let appointment = Some(moved.facts());
    match step {
        Step::Confirm => tx.publish(&contract::AppointmentConfirmed { appointment }),
        Step::CheckIn => tx.publish(&contract::AppointmentCheckedIn { appointment }),
        Step::Start => tx.publish(&contract::AppointmentStarted { appointment }),
        Step::Complete => tx.publish(&contract::AppointmentFulfilled { appointment }),
        Step::MarkNoShow => tx.publish(&contract::AppointmentMissed { appointment }),
        Step::RevertNoShow => tx.publish(&contract::NoShowReverted { appointment }),
        // These carry more and are published where it is known.
        Step::Cancel | Step::Reschedule => {}
    }
}

/// Cancels a loaded appointment, for whoever may.
///
/// # Errors
/// When the rules refuse, or the database fails.
pub async fn cancel(
    scheduling: &Scheduling,
    tx: &mut Tx,
    appointment: Appointment,
    wish: &Cancelling,
    now: Timestamp,
) -> Result<Appointment, AppointmentError> {
    let next = appointment.decide(Step::Cancel, wish.by, now, &scheduling.settings)?;
    let of = (appointment.patient, appointment.id);
    let cancellation = Cancellation {
        reason_code: wish.reason_code.clone(),
        by: wish.by,
        note: words::seal(&scheduling.vault, tx, &NOTE, of, wish.note.as_ref()).await?,
    };
    let mut cancelled = appointment.moved(next);
    tx.publish(&cancelled.cancelled(&cancellation));
    cancelled.cancellation = Some(cancellation);
    store::change(tx, &cancelled).await?;
    Ok(cancelled)
}

/// Cancels an appointment by a rule, if nobody has arrived for it: who is there is
/// treated, whatever the roster says.
///
/// # Errors
/// When the database fails.
pub async fn cancel_if_ahead(
    tx: &mut Tx,
    id: AppointmentId,
    cancellation: Cancellation,
) -> Result<Option<Appointment>, AppointmentError> {
    let Some(appointment) = store::get_for_change(tx, id).await? else {
        return Ok(None);
    };
    if !appointment.status.is_ahead() {
        return Ok(None);
    }
    let mut cancelled = appointment.moved(Status::Cancelled);
    tx.publish(&cancelled.cancelled(&cancellation));
    cancelled.cancellation = Some(cancellation);
    store::change(tx, &cancelled).await?;
    Ok(Some(cancelled))
}
