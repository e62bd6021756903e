//! All SQL of the simulator.

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::fate::Fate;
use crate::provider::order::model::after;
use crate::provider::{Instruction, ProviderReference, Reason, Report};

/// What is kept of an order for answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Charge {
    reference: Uuid,
    declined: Option<Reason>,
    is_mute: bool,
    /// Chance has no part in it.
    pub(super) is_staged: bool,
    decided_at: Timestamp,
}

impl Charge {
    /// A new one.
    pub(super) fn begin(instruction: &Instruction, fate: &Fate, now: Timestamp) -> Self {
        Self {
            reference: instruction.reference,
            declined: fate.declined.clone(),
            is_mute: fate.is_mute,
            is_staged: fate.is_staged,
            decided_at: after(now, fate.takes),
        }
    }

    /// What is said of it.
    pub(super) fn report(&self, now: Timestamp) -> Report {
        if self.is_mute {
            Report::Unknown
        } else if now < self.decided_at {
            Report::Pending
        } else if let Some(reason) = &self.declined {
            Report::Declined {
                reason: reason.clone(),
            }
        } else {
            let name = ProviderReference::new(format!("sim_{}", self.reference.simple()));
            name.map_or(Report::Unknown, |reference| Report::Succeeded { reference })
        }
    }
}

/// Keeps a new one; `false` when its reference is known.
pub(super) async fn begin(
    db: impl PgExecutor<'_>,
    instruction: &Instruction,
    fate: &Fate,
    charge: &Charge,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into simulated_charge
             (reference, direction, amount, currency, declined, is_mute, is_staged, decided_at, webhooks, webhook_at, webhook_every)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (reference) do nothing",
    )
    .bind(charge.reference)
    .bind(instruction.direction.name())
    .bind(instruction.amount.minor)
    .bind(instruction.amount.currency.code())
    .bind(charge.declined.as_ref().map(Reason::code))
    .bind(charge.is_mute)
    .bind(charge.is_staged)
    .bind(ts(charge.decided_at))
    .bind(fate.webhooks)
    .bind(ts(after(charge.decided_at, fate.webhook_after)))
    .bind(fate.webhook_after.as_secs().max(1))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Looks one up.
pub(super) async fn get(db: impl PgExecutor<'_>, reference: Uuid) -> Result<Option<Charge>, Error> {
    let row = sqlx::query(
        "select reference, declined, is_mute, is_staged, decided_at from simulated_charge where reference = $1",
    )
    .bind(reference)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &PgRow) -> Result<Charge, Error> {
    Ok(Charge {
        reference: row.col("reference")?,
        declined: row.opt_text("declined")?.map(|code| Reason::new(&code)),
        is_mute: row.col("is_mute")?,
        is_staged: row.col("is_staged")?,
        decided_at: row.instant("decided_at")?,
    })
}

/// Takes webhooks that are due out of the box, in no order. They are not put back: some
/// letters get lost.
pub(super) async fn take_webhooks(
    db: &mut PgConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar(
        "with due as (
             select reference from simulated_charge
             where webhooks > 0 and webhook_at <= $1
             order by webhook_at limit $2
             for update skip locked
         )
         update simulated_charge c
         set webhooks = c.webhooks - 1, webhook_at = $1 + c.webhook_every * interval '1 second'
         from due where c.reference = due.reference
         returning c.reference",
    )
    .bind(ts(now))
    .bind(most)
    .fetch_all(db)
    .await?)
}
