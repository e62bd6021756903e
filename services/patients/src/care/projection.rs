//! Keeps the grounds of care: takes in what scheduling says about appointments. Does
//! nothing else, so that it can be replayed and rebuilt.

use std::collections::BTreeMap;
use std::sync::Arc;

use galen_contracts::convert::{self, WireError};
use galen_contracts::scheduling::v1::{
    Appointment, AppointmentBooked, AppointmentCancelled, AppointmentCheckedIn,
    AppointmentFulfilled, AppointmentRescheduled, AppointmentStarted, NoShowReverted,
};
use galen_contracts::{Event, EventType};
use galen_eventing::{Failure, HandleBatch, Projection, Received, Subscription};
use galen_kernel::Timestamp;
use galen_storage::Tx;
use prost::Message as _;

use super::model::{Change, Fact, Ground, Source};
use super::store;

/// Takes in what becomes of appointments. A confirmation changes nothing, nor does an
/// absence: who was expected had an appointment, and somebody should ask after them.
pub struct KeepGrounds;

/// One type of event: what it means for care, and where its appointment is.
struct Heard {
    event: EventType,
    change: Change,
    read: fn(&[u8]) -> Result<Option<Appointment>, prost::DecodeError>,
}

macro_rules! heard {
    ($($event:ident => $change:ident,)+) => {
        &[$(Heard {
            event: $event::TYPE,
            change: Change::$change,
            read: |data| Ok($event::decode(data)?.appointment),
        },)+]
    };
}

const HEARD: &[Heard] = heard! {
    AppointmentBooked => Arranged,
    AppointmentCheckedIn => TookPlace,
    AppointmentStarted => TookPlace,
    AppointmentFulfilled => TookPlace,
    NoShowReverted => TookPlace,
    AppointmentCancelled => CalledOff,
    AppointmentRescheduled => CalledOff,
};

/// The projection `patients.care`.
#[must_use]
pub fn projection() -> Projection {
    let types: Vec<EventType> = HEARD.iter().map(|heard| heard.event).collect();
    let subscription = Subscription::new("patients.care", Arc::new(KeepGrounds)).in_batches(&types);
    Projection::new(subscription.build(), &["care_ground"])
}

impl HandleBatch for KeepGrounds {
    async fn handle_batch(&self, tx: &mut Tx, batch: &[Received]) -> Result<(), Failure> {
        let facts = batch.iter().map(fact).collect::<Result<Vec<_>, _>>()?;
        let mut ids: Vec<_> = facts.iter().map(|fact| fact.source_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let known: BTreeMap<_, _> = store::grounds_for_update(tx, Source::Appointment, &ids)
            .await?
            .into_iter()
            .map(|ground| (ground.source_id, ground))
            .collect();
        let mut grounds = known.clone();
        for fact in &facts {
            let before = grounds.get(&fact.source_id).copied();
            grounds.insert(fact.source_id, Ground::after(before, fact));
        }
        // An appointment says more often that it took place than it changes anything.
        let changed: Vec<Ground> = grounds
            .into_values()
            .filter(|ground| {
                known.get(&ground.source_id).is_none_or(|known| {
                    (known.until, known.took_place) != (ground.until, ground.took_place)
                })
            })
            .collect();
        store::save(tx, &changed).await?;
        Ok(())
    }
}

fn fact(received: &Received) -> Result<Fact, Failure> {
    let heard = HEARD
        .iter()
        .find(|heard| heard.event.name == received.event_type)
        .ok_or_else(|| Failure::Permanent {
            code: "NOT_SUBSCRIBED",
            source: format!("{} was not asked for", received.event_type).into(),
        })?;
    let appointment = (heard.read)(&received.data)
        .map_err(|error| Failure::Permanent {
            code: "UNDECODABLE",
            source: Box::new(error),
        })?
        .ok_or(WireError::Missing("appointment"))?;
    Ok(read(&appointment, heard.change, received.at)?)
}

fn read(appointment: &Appointment, change: Change, at: Timestamp) -> Result<Fact, WireError> {
    Ok(Fact {
        source: Source::Appointment,
        source_id: convert::id::<()>("appointment_id", &appointment.appointment_id)?.uuid(),
        patient_id: convert::id("patient_id", &appointment.patient_id)?,
        practitioner_id: convert::id("practitioner_id", &appointment.practitioner_id)?,
        change,
        at,
        version: appointment.version,
    })
}
