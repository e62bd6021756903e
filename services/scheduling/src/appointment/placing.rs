//! Placing an order for an appointment: the one way by which time is taken, whether
//! for a booking, a new time, an occurrence of a series or an accepted offer.

use galen_contracts::ids::{AppointmentId, PatientId, PractitionerId, UserId};
use galen_eventing::{Processes, Publish as _};
use galen_kernel::{Pii, Timestamp};
use galen_storage::Tx;
use galen_vault::Vault;
use jiff::SignedDuration;
use uuid::Uuid;

use super::error::AppointmentError;
use super::model::{Appointment, SeriesId, Status};
use super::store;
use super::words::{self, REASON, Words};
use crate::booking::process::{BookingProcess, BookingState};
use crate::claim::model::{HoldId, Obstacle, Unfit};
use crate::claim::store as claims;
use crate::interval::Interval;
use crate::prepayment::{self, Prepayment};
use crate::price::Pricing;
use crate::service_type::{PaymentMode, ServiceType};
use crate::settings::Settings;

/// What is ordered.
#[derive(Debug, Clone)]
pub struct Order {
    /// For whom.
    pub patient: PatientId,
    /// With whom.
    pub practitioner: PractitionerId,
    /// When.
    pub during: Interval,
    /// What for.
    pub service_type: ServiceType,
    /// Who is to pay.
    pub payment_mode: PaymentMode,
    /// In the patient's words.
    pub reason: Option<Pii<Words>>,
    /// The series it belongs to.
    pub series: Option<SeriesId>,
    /// The appointment whose place it takes.
    pub replaces: Option<AppointmentId>,
    /// The account that orders.
    pub by: Option<UserId>,
    /// What it costs, as far as billing says.
    pub pricing: Pricing,
}

/// Tries after somebody in the way went away between two statements.
const TRIES: u8 = 3;

/// Places orders.
#[derive(Clone)]
pub struct Placing {
    bookings: Processes<BookingProcess>,
    vault: Vault,
    settings: Settings,
}

impl Placing {
    /// Places orders whose booking process takes as long as these say.
    #[must_use]
    pub const fn new(
        bookings: Processes<BookingProcess>,
        vault: Vault,
        settings: Settings,
    ) -> Self {
        Self {
            bookings,
            vault,
            settings,
        }
    }

    /// Takes the time, writes the appointment and begins its booking process.
    /// `given_up` is the claim that makes room for it: a hold, an offer, or the
    /// appointment that is replaced.
    ///
    /// # Errors
    /// [`AppointmentError::SlotTaken`], [`AppointmentError::PatientBusy`], or a
    /// failure; the transaction is then of no further use.
    pub async fn place(
        &self,
        tx: &mut Tx,
        order: Order,
        given_up: Option<Uuid>,
    ) -> Result<Appointment, AppointmentError> {
        let clock = tx.clock().clone();
        let now = clock.now();
        let id = clock.id();
        let of = (order.patient, id);
        let reason = words::seal(&self.vault, tx, &REASON, of, order.reason.as_ref()).await?;
        let appointment = Appointment {
            id,
            patient: order.patient,
            practitioner: order.practitioner,
            during: order.during,
            service_type: order.service_type,
            payment_mode: order.payment_mode,
            reason,
            status: Status::Booked,
            ground_lost: None,
            cancellation: None,
            replaces: order.replaces,
            replaced_by: None,
            series: order.series,
            booked_by: order.by,
            booked_at: now,
            pricing: order.pricing,
            version: 1,
        };
        let taken = take(tx, &appointment, given_up, now).await;
        count(&taken);
        taken?;
        if let Some(asked) = Prepayment::asked(appointment.pricing) {
            prepayment::store::put(tx, id, asked).await?;
        }
        tx.publish(&appointment.booked());
        let deadline = self.deadline_of(&appointment, now);
        self.bookings
            .start(
                tx,
                &appointment.id.to_string(),
                BookingState::of(&appointment, self.priced_by(&appointment, now)),
                deadline,
            )
            .await?;
        Ok(appointment)
    }

    /// A booking that has not been verified when it begins never will be.
    fn deadline_of(&self, appointment: &Appointment, now: Timestamp) -> Timestamp {
        after(now, self.settings.booking_deadline).min(appointment.during.end())
    }

    /// Who comes is told before that they may.
    fn priced_by(&self, appointment: &Appointment, now: Timestamp) -> Timestamp {
        after(now, self.settings.quote).min(appointment.during.start())
    }
}

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.saturating_add(time).unwrap_or(Timestamp::MAX)
}

/// Counts what became of wishes, by outcome.
fn count(taken: &Result<(), AppointmentError>) {
    let outcome = match taken {
        Ok(()) => "BOOKED",
        Err(AppointmentError::SlotTaken) => "SLOT_TAKEN",
        Err(AppointmentError::PatientBusy) => "PATIENT_BUSY",
        Err(_) => "FAILED",
    };
    metrics::counter!("scheduling_bookings_total", "outcome" => outcome).increment(1);
}

async fn take(
    tx: &mut Tx,
    appointment: &Appointment,
    given_up: Option<Uuid>,
    now: Timestamp,
) -> Result<(), AppointmentError> {
    for _ in 0..TRIES {
        if store::insert(tx, appointment, given_up, now).await? {
            return Ok(());
        }
        match claims::in_the_way(
            tx,
            appointment.practitioner,
            appointment.patient,
            appointment.during,
        )
        .await?
        {
            Some(Obstacle::Practitioner) => return Err(AppointmentError::SlotTaken),
            Some(Obstacle::Patient) => return Err(AppointmentError::PatientBusy),
            None => {}
        }
    }
    Err(AppointmentError::SlotTaken)
}

/// Checks that a hold serves an order, and locks it against its expiry.
///
/// # Errors
/// [`AppointmentError::HoldExpired`], [`AppointmentError::HoldMismatch`], or a failure.
pub async fn check_hold(
    tx: &mut Tx,
    id: HoldId,
    order: &Order,
    anybodys: bool,
) -> Result<(), AppointmentError> {
    let now = tx.clock().now();
    let hold = claims::get_hold(tx, id)
        .await?
        .ok_or(AppointmentError::HoldExpired)?;
    if !anybodys && order.by != hold.held_by {
        return Err(AppointmentError::HoldExpired);
    }
    hold.fits(
        order.practitioner,
        order.during,
        order.service_type,
        order.patient,
        now,
    )
    .map_err(|unfit| match unfit {
        Unfit::Expired => AppointmentError::HoldExpired,
        Unfit::Mismatch => AppointmentError::HoldMismatch,
    })
}
