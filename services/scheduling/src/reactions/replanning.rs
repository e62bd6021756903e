//! A practitioner's time changed: appointments that lost their ground are flagged,
//! and those that have it again are not any longer.
//!
//! The roster is another reader of the same events, ahead of this one or behind, so
//! it only proposes which appointments to look at. Staff decide.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use galen_contracts::convert::{self, WireError, instant};
use galen_contracts::ids::PractitionerId;
use galen_contracts::scheduling::v1::AppointmentGroundRegained;
use galen_contracts::staff::v1::{
    LeaveApproved, LeaveWithdrawn, PractitionerDeactivated, ShiftCancelled, ShiftsPlanned,
};
use galen_eventing::{Delivery, Failure, Handle, Publish as _};
use galen_storage::{Error, Tx};
use uuid::Uuid;

use crate::appointment::model::Appointment;
use crate::appointment::store::{self, Ground};
use crate::interval::Interval;
use crate::roster;
use crate::roster::directory::Practitioners;

/// Watches the ground of appointments.
pub struct WatchGround {
    /// Staff.
    pub practitioners: Practitioners,
}

/// Questions to staff under way at a time.
const AT_ONCE: usize = 8;

impl WatchGround {
    /// Asks staff about each appointment, and writes down what changed.
    async fn examine(&self, tx: &mut Tx, appointments: Vec<Appointment>) -> Result<(), Failure> {
        let answers: Vec<(Appointment, Option<String>)> = stream::iter(appointments)
            .map(async |appointment| {
                let answer = self
                    .practitioners
                    .availability(
                        appointment.practitioner,
                        appointment.during,
                        appointment.service_type,
                    )
                    .await?;
                Ok::<_, Failure>((appointment, answer.err()))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        for (seen, ground_lost) in answers {
            self.note(tx, &seen, ground_lost).await?;
        }
        Ok(())
    }

    async fn note(
        &self,
        tx: &mut Tx,
        seen: &Appointment,
        ground_lost: Option<String>,
    ) -> Result<(), Failure> {
        let Some(current) = store::get_for_change(tx, seen.id).await? else {
            return Ok(());
        };
        if !current.status.is_ahead() || current.ground_lost.is_some() == ground_lost.is_some() {
            return Ok(());
        }
        let status = current.status;
        let mut changed = current.moved(status);
        changed.ground_lost.clone_from(&ground_lost);
        store::change(tx, &changed).await?;
        match ground_lost {
            Some(reason) => tx.publish(&changed.needs_reschedule(&reason)),
            None => tx.publish(&AppointmentGroundRegained {
                appointment: Some(changed.facts()),
            }),
        }
        Ok(())
    }

    /// Looks at everything that was flagged for a reason of the practitioner's.
    async fn examine_flagged(
        &self,
        tx: &mut Tx,
        practitioner: PractitionerId,
    ) -> Result<(), Failure> {
        let now = tx.clock().now();
        let flagged =
            store::ahead_of_practitioner(tx.conn(), practitioner, None, Ground::Lost, now).await?;
        self.examine(tx, flagged).await
    }
}

fn practitioner(text: &str) -> Result<PractitionerId, WireError> {
    convert::id("practitioner_id", text)
}

impl Handle<LeaveApproved> for WatchGround {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<LeaveApproved>) -> Result<(), Failure> {
        let event = delivery.event;
        let away = Interval::new(
            instant("start", event.start.as_ref())?,
            instant("end", event.end.as_ref())?,
        );
        let away = away.map_err(|_| WireError::Malformed("end"))?;
        let now = tx.clock().now();
        let touched = store::ahead_of_practitioner(
            tx.conn(),
            practitioner(&event.practitioner_id)?,
            Some(away),
            Ground::Kept,
            now,
        )
        .await?;
        self.examine(tx, touched).await
    }
}

impl Handle<ShiftCancelled> for WatchGround {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<ShiftCancelled>) -> Result<(), Failure> {
        let event = delivery.event;
        let practitioner = practitioner(&event.practitioner_id)?;
        let shift = convert::id::<()>("shift_id", &event.shift_id)?.uuid();
        let now = tx.clock().now();
        let ahead =
            store::ahead_of_practitioner(tx.conn(), practitioner, None, Ground::Kept, now).await?;
        let touched = without_ground(tx, practitioner, shift, ahead).await?;
        self.examine(tx, touched).await
    }
}

/// The appointments that the roster does not cover, or covers with the cancelled
/// shift because it has not heard of the cancellation yet.
async fn without_ground(
    tx: &mut Tx,
    practitioner: PractitionerId,
    cancelled: Uuid,
    appointments: Vec<Appointment>,
) -> Result<Vec<Appointment>, Error> {
    let still_known = roster::store::shift(tx.conn(), cancelled).await?;
    let mut touched = Vec::new();
    for operating in [false, true] {
        let (some, during): (Vec<&Appointment>, Vec<Interval>) = appointments
            .iter()
            .filter(|a| roster::store::operates(a.service_type) == operating)
            .map(|a| (a, a.during))
            .unzip();
        let Some(service) = some.first().map(|a| a.service_type) else {
            continue;
        };
        let covered = roster::store::covered(tx.conn(), practitioner, service, &during).await?;
        let lost = some.into_iter().zip(covered).filter(|(a, covered)| {
            !covered || still_known.is_some_and(|shift| shift.overlaps(&a.during))
        });
        touched.extend(lost.map(|(a, _)| a.clone()));
    }
    Ok(touched)
}

impl Handle<PractitionerDeactivated> for WatchGround {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PractitionerDeactivated>,
    ) -> Result<(), Failure> {
        let now = tx.clock().now();
        let ahead = store::ahead_of_practitioner(
            tx.conn(),
            practitioner(&delivery.event.practitioner_id)?,
            None,
            Ground::Kept,
            now,
        )
        .await?;
        self.examine(tx, ahead).await
    }
}

impl Handle<LeaveWithdrawn> for WatchGround {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<LeaveWithdrawn>) -> Result<(), Failure> {
        self.examine_flagged(tx, practitioner(&delivery.event.practitioner_id)?)
            .await
    }
}

impl Handle<ShiftsPlanned> for WatchGround {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<ShiftsPlanned>) -> Result<(), Failure> {
        self.examine_flagged(tx, practitioner(&delivery.event.practitioner_id)?)
            .await
    }
}
