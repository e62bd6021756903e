//! An appointment was called off: its time is offered to who waits for it.

use galen_contracts::convert::{self, WireError, instant};
use galen_contracts::scheduling::v1::{Appointment, AppointmentCancelled, AppointmentRescheduled};
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;

use crate::interval::Interval;
use crate::settings::Settings;
use crate::waitlist::offering;

/// Offers freed time.
pub struct OfferFreedTime {
    /// How long an offer stands.
    pub settings: Settings,
}

impl OfferFreedTime {
    async fn offer(&self, tx: &mut Tx, freed: Option<Appointment>) -> Result<(), Failure> {
        let freed = freed.ok_or(WireError::Missing("appointment"))?;
        let practitioner = convert::id("practitioner_id", &freed.practitioner_id)?;
        let during = Interval::new(
            instant("start", freed.start.as_ref())?,
            instant("end", freed.end.as_ref())?,
        );
        let during = during.map_err(|_| WireError::Malformed("end"))?;
        offering::offer(tx, practitioner, during, None, &self.settings).await?;
        Ok(())
    }
}

impl Handle<AppointmentCancelled> for OfferFreedTime {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentCancelled>,
    ) -> Result<(), Failure> {
        self.offer(tx, delivery.event.appointment).await
    }
}

impl Handle<AppointmentRescheduled> for OfferFreedTime {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<AppointmentRescheduled>,
    ) -> Result<(), Failure> {
        self.offer(tx, delivery.event.appointment).await
    }
}
