//! Keeps the roster: applies staff's events in their order. Does nothing else, so
//! that it can be replayed.

use std::sync::Arc;

use galen_contracts::convert::{self, WireError, instant};
use galen_contracts::ids::PractitionerId;
use galen_contracts::staff::v1::{
    LeaveApproved, LeaveWithdrawn, PractitionerChanged, PractitionerDeactivated,
    PractitionerRegistered, ShiftCancelled, ShiftKind, ShiftsPlanned,
};
use galen_eventing::{Delivery, Failure, Handle, Projection, Subscription};
use galen_storage::Tx;
use uuid::Uuid;

use super::directory::Practitioners;
use super::store::{self, Shift};
use crate::interval::Interval;

/// Applies staff's events.
pub struct KeepRoster {
    practitioners: Practitioners,
}

/// The tables that make up the read model.
const TABLES: &[&str] = &["practitioner", "working_time", "absence", "roster"];

/// The projection `scheduling.staff`.
#[must_use]
pub fn projection(practitioners: Practitioners) -> Projection {
    let subscription =
        Subscription::new("scheduling.staff", Arc::new(KeepRoster { practitioners }))
            .on::<PractitionerRegistered>()
            .on::<PractitionerChanged>()
            .on::<PractitionerDeactivated>()
            .on::<ShiftsPlanned>()
            .on::<ShiftCancelled>()
            .on::<LeaveApproved>()
            .on::<LeaveWithdrawn>();
    Projection::new(subscription.build(), TABLES)
}

fn practitioner(text: &str) -> Result<PractitionerId, WireError> {
    convert::id("practitioner_id", text)
}

fn uuid(field: &'static str, text: &str) -> Result<Uuid, WireError> {
    Ok(convert::id::<()>(field, text)?.uuid())
}

impl Handle<PractitionerRegistered> for KeepRoster {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PractitionerRegistered>,
    ) -> Result<(), Failure> {
        let event = delivery.event;
        Ok(store::put_practitioner(
            tx,
            practitioner(&event.practitioner_id)?,
            &event.specialty,
            &event.department,
        )
        .await?)
    }
}

impl Handle<PractitionerChanged> for KeepRoster {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PractitionerChanged>,
    ) -> Result<(), Failure> {
        let event = delivery.event;
        let id = practitioner(&event.practitioner_id)?;
        store::put_practitioner(tx, id, &event.specialty, &event.department).await?;
        self.practitioners.forget(id).await;
        Ok(())
    }
}

impl Handle<PractitionerDeactivated> for KeepRoster {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PractitionerDeactivated>,
    ) -> Result<(), Failure> {
        let id = practitioner(&delivery.event.practitioner_id)?;
        store::deactivate(tx, id).await?;
        self.practitioners.forget(id).await;
        Ok(())
    }
}

impl Handle<ShiftsPlanned> for KeepRoster {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<ShiftsPlanned>) -> Result<(), Failure> {
        let event = delivery.event;
        let id = practitioner(&event.practitioner_id)?;
        let shifts: Vec<Shift> = event
            .shifts
            .iter()
            .map(read_shift)
            .collect::<Result<_, _>>()?;
        let (first, last) = (
            shifts.iter().map(|s| s.during.start()).min(),
            shifts.iter().map(|s| s.during.end()).max(),
        );
        let Some(changed) = first
            .zip(last)
            .and_then(|(first, last)| Interval::new(first, last).ok())
        else {
            return Ok(());
        };
        store::add_shifts(tx, id, &shifts).await?;
        Ok(store::fold(tx, id, changed).await?)
    }
}

fn read_shift(shift: &galen_contracts::staff::v1::Shift) -> Result<Shift, WireError> {
    let kind = match shift.kind() {
        ShiftKind::Clinic => "CLINIC",
        ShiftKind::Night => "NIGHT",
        ShiftKind::Surgery => "SURGERY",
        ShiftKind::OnCall => "ON_CALL",
        ShiftKind::Unspecified => return Err(WireError::Malformed("kind")),
    };
    let during = Interval::new(
        instant("start", shift.start.as_ref())?,
        instant("end", shift.end.as_ref())?,
    );
    Ok(Shift {
        id: uuid("shift_id", &shift.shift_id)?,
        during: during.map_err(|_| WireError::Malformed("end"))?,
        kind,
    })
}

impl Handle<ShiftCancelled> for KeepRoster {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<ShiftCancelled>) -> Result<(), Failure> {
        let event = delivery.event;
        let id = practitioner(&event.practitioner_id)?;
        if let Some(changed) = store::remove_shift(tx, uuid("shift_id", &event.shift_id)?).await? {
            store::fold(tx, id, changed).await?;
        }
        Ok(())
    }
}

impl Handle<LeaveApproved> for KeepRoster {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<LeaveApproved>) -> Result<(), Failure> {
        let event = delivery.event;
        let id = practitioner(&event.practitioner_id)?;
        let away = Interval::new(
            instant("start", event.start.as_ref())?,
            instant("end", event.end.as_ref())?,
        );
        let away = away.map_err(|_| WireError::Malformed("end"))?;
        store::add_leave(tx, id, uuid("leave_id", &event.leave_id)?, away).await?;
        Ok(store::fold(tx, id, away).await?)
    }
}

impl Handle<LeaveWithdrawn> for KeepRoster {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<LeaveWithdrawn>) -> Result<(), Failure> {
        let event = delivery.event;
        let id = practitioner(&event.practitioner_id)?;
        if let Some(changed) = store::remove_leave(tx, uuid("leave_id", &event.leave_id)?).await? {
            store::fold(tx, id, changed).await?;
        }
        Ok(())
    }
}
