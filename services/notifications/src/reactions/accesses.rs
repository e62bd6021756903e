//! Accesses: who opened a patient's record in an emergency is told to the patient.

use galen_contracts::convert;
use galen_contracts::patients::v1::BreakGlassOpened;
use galen_eventing::{Delivery, Failure, Handle};
use galen_storage::Tx;

use crate::message::{NewMessage, Params, Queue, Recipient};
use crate::reactions::appointments::traceparent;
use crate::template::TemplateName;

/// Hears of broken glasses. Why somebody broke one is read in the access log, where
/// it is for the patient alone, and not in a mail.
pub struct Accesses {
    /// Where the messages go.
    pub queue: Queue,
}

impl Handle<BreakGlassOpened> for Accesses {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<BreakGlassOpened>,
    ) -> Result<(), Failure> {
        let Delivery { event, meta } = delivery;
        let message = NewMessage {
            recipient: Recipient::Patient(convert::id("patient_id", &event.patient_id)?),
            template: TemplateName::RecordOpened,
            params: Params::Access {
                break_glass_id: convert::id::<()>("break_glass_id", &event.break_glass_id)?.uuid(),
                practitioner_id: convert::id("practitioner_id", &event.practitioner_id)?,
                start: convert::instant("opened_at", event.opened_at.as_ref())?,
                end: convert::instant("until", event.until.as_ref())?,
            },
            dedupe_key: format!("event:{}", meta.id),
            expires_at: None,
            correlation_id: meta.correlation_id,
            traceparent: traceparent(&meta),
        };
        self.queue.add(tx, &message).await?;
        Ok(())
    }
}
