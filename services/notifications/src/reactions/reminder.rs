//! Reminders by durable timers: an appointment that comes near is told of, even when
//! nobody runs at the hour.

use galen_contracts::ids::PatientId;
use galen_eventing::{Failure, OnTimer, Timers as _, timer::Due};
use galen_kernel::Timestamp;
use galen_storage::{Error, Tx};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::message::{NewMessage, Params, Queue, Recipient};
use crate::settings::MAX_REMINDERS;
use crate::template::TemplateName;

/// Kind of the timers.
pub const KIND: &str = "reminder";

/// When to remind, and until when that is of use: the next reminder, or the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminder {
    /// When.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What a timer carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    patient_id: PatientId,
    params: Params,
    until: Timestamp,
}

/// The reminders of an appointment that are still to come; hours most first.
#[must_use]
pub fn plan(hours: &[i64], start: Timestamp, now: Timestamp) -> Vec<Reminder> {
    let mut until = start;
    let mut reminders = Vec::new();
    for hours in hours.iter().rev() {
        let Ok(at) = start.checked_sub(SignedDuration::from_hours(*hours)) else {
            break;
        };
        if at <= now {
            break;
        }
        reminders.push(Reminder { at, until });
        until = at;
    }
    reminders.reverse();
    reminders
}

fn key(appointment: Uuid, n: usize) -> String {
    format!("{appointment}/{n}")
}

/// Sets the timers of an appointment.
///
/// # Errors
/// When the database fails.
pub async fn set(
    tx: &mut Tx,
    patient_id: PatientId,
    params: &Params,
    reminders: &[Reminder],
) -> Result<(), Failure> {
    for (n, reminder) in reminders.iter().take(MAX_REMINDERS).enumerate() {
        let payload = Payload {
            patient_id,
            params: params.clone(),
            until: reminder.until,
        };
        let payload = serde_json::to_value(payload).map_err(|e| Failure::Permanent {
            code: "UNWRITABLE",
            source: Box::new(e),
        })?;
        tx.set_timer(KIND, &key(params.about(), n), reminder.at, payload)
            .await?;
    }
    Ok(())
}

/// Removes the timers of an appointment, however many there are.
///
/// # Errors
/// When the database fails.
pub async fn cancel(tx: &mut Tx, appointment: Uuid) -> Result<(), Error> {
    for n in 0..MAX_REMINDERS {
        tx.cancel_timer(KIND, &key(appointment, n)).await?;
    }
    Ok(())
}

/// Hears the timers.
pub struct Reminders {
    /// Where the messages go.
    pub queue: Queue,
}

impl OnTimer for Reminders {
    /// Queues the reminder, unless it comes so late that the next one or the
    /// appointment itself is already there.
    async fn on_timer(&self, tx: &mut Tx, due: Due) -> Result<(), Failure> {
        let payload: Payload =
            serde_json::from_value(due.payload).map_err(|e| Failure::Permanent {
                code: "UNREADABLE",
                source: Box::new(e),
            })?;
        let now = tx.clock().now();
        if payload.until <= now {
            tracing::info!(timer = due.key, "a reminder comes too late and is left out");
            return Ok(());
        }
        let start = match &payload.params {
            Params::Appointment { start, .. } => *start,
            Params::Offer { .. } | Params::Access { .. } | Params::Link { .. } => return Ok(()),
        };
        let message = NewMessage {
            recipient: Recipient::Patient(payload.patient_id),
            template: TemplateName::AppointmentReminder,
            params: payload.params,
            dedupe_key: format!("reminder:{}", due.key),
            expires_at: Some(start),
            correlation_id: None,
            traceparent: galen_telemetry::current().map(|trace| trace.to_string()),
        };
        self.queue.add(tx, &message).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_day_and_two_hours_before() {
        let both = [
            Reminder {
                at: at(76),
                until: at(98),
            },
            Reminder {
                at: at(98),
                until: at(100),
            },
        ];
        assert_eq!(plan(&[24, 2], at(100), at(0)), both);
        assert_eq!(plan(&[24, 2], at(100), at(76)), both[1..]);
        assert_eq!(plan(&[24, 2], at(100), at(99)), []);
        assert_eq!(plan(&[], at(100), at(0)), []);
    }

    proptest! {
        #[test]
        fn reminders_follow_each_other_up_to_the_start(
            hours in proptest::collection::btree_set(1_i64..720, 0..=MAX_REMINDERS),
            start in 0_i64..2000,
            now in 0_i64..2000,
        ) {
            let hours: Vec<_> = hours.into_iter().rev().collect();
            let reminders = plan(&hours, at(start), at(now));
            let due = hours.iter().filter(|h| start - **h > now).count();
            prop_assert_eq!(reminders.len(), due);
            for pair in reminders.windows(2) {
                prop_assert_eq!(pair[0].until, pair[1].at);
            }
            for reminder in &reminders {
                prop_assert!(at(now) < reminder.at && reminder.at < reminder.until);
            }
            prop_assert!(reminders.last().is_none_or(|last| last.until == at(start)));
        }
    }
}
