//! Scheduling's booking process asks whether a practitioner is available; the
//! answer is decided in staff's own order of shifts and leave.
//!
//! The answer and a leave's approval both hold the practitioner's lock, and both
//! publish under the practitioner's key. So either scheduling hears "available"
//! before it hears of the leave, and flags the booking then, or the leave came first
//! and the answer is "on leave".

use galen_contracts::convert::{self, WireError};
use galen_contracts::ids::PractitionerId;
use galen_contracts::scheduling::v1::PractitionerVerificationRequested;
use galen_contracts::staff::v1::PractitionerVerified;
use galen_eventing::{Delivery, Failure, Handle, Publish as _};
use galen_storage::Tx;
use uuid::Uuid;

use crate::availability::model::{ServiceType, Unavailable, decide};
use crate::availability::store::{self, Answered};
use crate::interval::Interval;
use crate::practitioner;

/// Answers verifications.
pub struct VerifyPractitioner;

struct Question {
    command_id: Uuid,
    process_id: Uuid,
    practitioner: PractitionerId,
    wanted: Interval,
    service: ServiceType,
}

impl TryFrom<&PractitionerVerificationRequested> for Question {
    type Error = WireError;

    fn try_from(asked: &PractitionerVerificationRequested) -> Result<Self, Self::Error> {
        let uuid = |field, text: &str| text.parse().map_err(|_| WireError::Malformed(field));
        let start = convert::instant("start", asked.start.as_ref())?;
        let end = convert::instant("end", asked.end.as_ref())?;
        Ok(Self {
            command_id: uuid("command_id", &asked.command_id)?,
            process_id: uuid("process_id", &asked.process_id)?,
            practitioner: convert::id("practitioner_id", &asked.practitioner_id)?,
            wanted: Interval::new(start, end).map_err(|_| WireError::Malformed("end"))?,
            service: ServiceType::from_wire(asked.service_type())
                .ok_or(WireError::Missing("service_type"))?,
        })
    }
}

impl Handle<PractitionerVerificationRequested> for VerifyPractitioner {
    async fn handle(
        &self,
        tx: &mut Tx,
        delivery: Delivery<PractitionerVerificationRequested>,
    ) -> Result<(), Failure> {
        let question = Question::try_from(&delivery.event)?;
        // Two statements on purpose: the second sees what was committed while the
        // first waited for the lock. One statement would decide on what was true
        // before it waited.
        practitioner::store::lock_shared(tx, question.practitioner).await?;
        let facts = store::facts(&mut **tx, question.practitioner, question.wanted).await?;
        let verdict = decide(facts.as_ref(), question.wanted, question.service);

        let answered = Answered {
            command_id: question.command_id,
            process_id: question.process_id,
            practitioner: question.practitioner,
            verdict,
        };
        let at = tx.clock().now();
        // The first answer was published with its record. Deciding a repeat anew
        // could say something else to a process that has moved on.
        if store::record(tx, &answered, at).await? {
            let reason_code = verdict.err().map_or("", Unavailable::code);
            metrics::counter!("galen_staff_verifications_total", "outcome" => if verdict.is_ok() { "AVAILABLE" } else { reason_code }).increment(1);
            tx.publish(&PractitionerVerified {
                practitioner_id: question.practitioner.to_string(),
                process_id: question.process_id.to_string(),
                command_id: question.command_id.to_string(),
                available: verdict.is_ok(),
                reason_code: reason_code.to_owned(),
            });
        }
        Ok(())
    }
}
