//! The engine: locks an instance, lets it decide, performs, stores.

use std::fmt::Debug;
use std::sync::Arc;

use galen_kernel::Timestamp;
use galen_storage::{Error, Ts, Tx};
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{Instance, Process, Status, TimerChange, Trigger};
use crate::log::ts;
use crate::timer::{Due, OnTimer, Timers, cancel_all};
use crate::{Failure, TimerSubscription};

/// The engine of one kind of process.
pub struct Processes<P> {
    process: Arc<P>,
}

impl<P> Clone for Processes<P> {
    fn clone(&self) -> Self {
        Self {
            process: Arc::clone(&self.process),
        }
    }
}

/// What went wrong inside an instance.
#[derive(Debug, thiserror::Error)]
enum ProcessError {
    #[error("process {id} runs under definition {instance}, this is {engine}")]
    OtherVersion {
        id: Uuid,
        instance: i16,
        engine: i16,
    },
    #[error("the state of process {id} cannot be read")]
    State { id: Uuid, source: serde_json::Error },
    #[error("process {0} is gone although it was locked")]
    Gone(Uuid),
}

impl ProcessError {
    /// Classified by whether waiting helps: for another binary it may.
    fn retryable(self, code: &'static str) -> Failure {
        Failure::Retryable {
            code,
            source: Box::new(self),
        }
    }
}

/// A locked instance.
struct Locked {
    instance: Instance,
    state: serde_json::Value,
    status: Status,
}

impl<P: Process> Processes<P> {
    /// Runs this process.
    #[must_use]
    pub fn new(process: Arc<P>) -> Self {
        Self { process }
    }

    /// Begins an instance in the caller's transaction and performs its first
    /// decision. Beginning an existing (kind, business key) again changes nothing
    /// and returns the existing id.
    ///
    /// # Errors
    /// [`Failure`], with nothing done.
    pub async fn start(
        &self,
        tx: &mut Tx,
        business_key: &str,
        state: P::State,
        deadline: Timestamp,
    ) -> Result<Uuid, Failure> {
        let now = tx.clock().now();
        let decision = P::decide(state, Trigger::Started, now);
        let id = tx.clock().uuid();
        let row = sqlx::query(
            "select process, created from events.begin_process($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id)
        .bind(P::KIND)
        .bind(business_key)
        .bind(P::VERSION)
        .bind(ts(deadline))
        .bind(encode(id, &decision.state)?)
        .bind(decision.status.name())
        .bind(decision.step)
        .fetch_optional(tx.conn())
        .await?;
        // The other transaction that began it is not visible until it is over.
        let row = row.ok_or_else(|| ProcessError::Gone(id).retryable("PROCESS_RACE"))?;
        let existing: Uuid = row.try_get("process")?;
        if !row.try_get::<bool, _>("created")? {
            return Ok(existing);
        }
        let instance = Instance {
            id,
            business_key: business_key.to_owned(),
            definition_version: P::VERSION,
            deadline,
        };
        if !decision.status.has_ended() {
            tx.set_timer(
                P::KIND,
                &deadline_key(id),
                deadline,
                json!({ "deadline": true }),
            )
            .await?;
        }
        self.carry_out(
            tx,
            &instance,
            decision.status,
            decision.actions,
            decision.timers,
        )
        .await?;
        Ok(id)
    }

    /// Moves an instance in the caller's transaction: locks it, decides, performs,
    /// stores. Unknown and ended instances are left alone, except that an ended
    /// instance still sees late inputs (so that a late success can be undone). An
    /// instance whose deadline passed without leading anywhere is suspended.
    ///
    /// # Errors
    /// [`Failure`], with nothing done. An instance that began under another
    /// definition waits for a binary that has it.
    pub async fn advance(
        &self,
        tx: &mut Tx,
        id: Uuid,
        trigger: Trigger<P::Input>,
    ) -> Result<(), Failure> {
        let locked = lock(tx, P::KIND, Some(id), None).await?;
        self.advance_locked(tx, locked, trigger).await
    }

    /// As [`Processes::advance`], found by business key.
    ///
    /// # Errors
    /// [`Failure`], with nothing done.
    pub async fn advance_by_key(
        &self,
        tx: &mut Tx,
        business_key: &str,
        trigger: Trigger<P::Input>,
    ) -> Result<(), Failure> {
        let locked = lock(tx, P::KIND, None, Some(business_key)).await?;
        self.advance_locked(tx, locked, trigger).await
    }

    async fn advance_locked(
        &self,
        tx: &mut Tx,
        locked: Option<Locked>,
        trigger: Trigger<P::Input>,
    ) -> Result<(), Failure> {
        let Some(Locked {
            instance,
            state,
            status,
        }) = locked
        else {
            return Ok(());
        };
        if status.has_ended() && !matches!(trigger, Trigger::Input(_)) {
            return Ok(());
        }
        let id = instance.id;
        if instance.definition_version != P::VERSION {
            let other = ProcessError::OtherVersion {
                id,
                instance: instance.definition_version,
                engine: P::VERSION,
            };
            return Err(other.retryable("PROCESS_VERSION"));
        }
        let state: P::State = serde_json::from_value(state)
            .map_err(|source| ProcessError::State { id, source }.retryable("PROCESS_STATE"))?;
        let name = trigger_name(&trigger);
        let last_chance = matches!(trigger, Trigger::DeadlinePassed);
        let mut decision = P::decide(state, trigger, tx.clock().now());
        let leads_nowhere = decision.actions.is_empty() && decision.timers.is_empty();
        if last_chance && leads_nowhere && !decision.status.has_ended() {
            decision.status = Status::Suspended;
        }
        if decision.status == Status::Suspended && status != Status::Suspended {
            tracing::warn!(kind = P::KIND, process = %id, step = decision.step, "a process is suspended");
        }
        let stored: bool = sqlx::query_scalar("select events.save_process($1, $2, $3, $4, $5)")
            .bind(id)
            .bind(encode(id, &decision.state)?)
            .bind(decision.status.name())
            .bind(decision.step)
            .bind(name)
            .fetch_one(tx.conn())
            .await?;
        if !stored {
            return Err(ProcessError::Gone(id).retryable("PROCESS_GONE"));
        }
        self.carry_out(
            tx,
            &instance,
            decision.status,
            decision.actions,
            decision.timers,
        )
        .await
    }

    /// Timers first, so that an action sees none that its decision cancelled.
    async fn carry_out(
        &self,
        tx: &mut Tx,
        instance: &Instance,
        status: Status,
        actions: Vec<P::Action>,
        timers: Vec<TimerChange>,
    ) -> Result<(), Failure> {
        if status.has_ended() {
            cancel_all(tx, P::KIND, &deadline_key(instance.id)).await?;
        }
        for change in timers {
            match change {
                TimerChange::Set { name, at } => {
                    let payload = json!({ "timer": &name });
                    tx.set_timer(P::KIND, &timer_key(instance.id, &name), at, payload)
                        .await?;
                }
                TimerChange::Cancel { name } => {
                    tx.cancel_timer(P::KIND, &timer_key(instance.id, &name))
                        .await?;
                }
            }
        }
        for action in actions {
            self.process.perform(tx, instance, action).await?;
        }
        Ok(())
    }

    /// Where an instance stands, by business key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn status(&self, tx: &mut Tx, business_key: &str) -> Result<Option<Status>, Error> {
        let status: Option<String> = sqlx::query_scalar("select events.process_status($1, $2)")
            .bind(P::KIND)
            .bind(business_key)
            .fetch_one(tx.conn())
            .await?;
        status.map(|name| Status::named(&name)).transpose()
    }

    /// The timers of this kind; a service lists them among its own.
    #[must_use]
    pub fn timers(&self) -> TimerSubscription {
        TimerSubscription::new(P::KIND, Arc::new(self.clone()))
    }
}

impl<P: Process> OnTimer for Processes<P> {
    async fn on_timer(&self, tx: &mut Tx, due: Due) -> Result<(), Failure> {
        let id = due.key.split('/').next().and_then(|id| id.parse().ok());
        let id: Uuid = id.ok_or(Error::Inconsistent {
            column: "events.timer.key",
        })?;
        let trigger = match due.payload.get("timer").and_then(serde_json::Value::as_str) {
            Some(name) => Trigger::TimedOut(name.to_owned()),
            None => Trigger::DeadlinePassed,
        };
        self.advance(tx, id, trigger).await
    }
}

/// The instance's own timer; also the prefix of its others.
fn deadline_key(id: Uuid) -> String {
    id.to_string()
}

fn timer_key(id: Uuid, name: &str) -> String {
    format!("{id}/{name}")
}

fn encode<S: Serialize>(id: Uuid, state: &S) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(state).map_err(|source| Failure::Permanent {
        code: "PROCESS_STATE",
        source: Box::new(ProcessError::State { id, source }),
    })
}

/// For the history: the kind of trigger and the name of the input's variant, without
/// what it holds.
fn trigger_name<I: Debug>(trigger: &Trigger<I>) -> String {
    match trigger {
        Trigger::Started => "Started".to_owned(),
        Trigger::Input(input) => {
            let text = format!("{input:?}");
            let variant = text
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default();
            format!("Input {variant}")
        }
        Trigger::TimedOut(name) => format!("TimedOut {name}"),
        Trigger::DeadlinePassed => "DeadlinePassed".to_owned(),
    }
}

async fn lock(
    tx: &mut Tx,
    kind: &str,
    id: Option<Uuid>,
    key: Option<&str>,
) -> Result<Option<Locked>, Failure> {
    let row = sqlx::query("select process, key, definition, deadline, state, status from events.lock_process($1, $2, $3)")
        .bind(kind)
        .bind(id)
        .bind(key)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|row| read(&row)).transpose()?)
}

fn read(row: &PgRow) -> Result<Locked, Error> {
    Ok(Locked {
        instance: Instance {
            id: row.try_get("process")?,
            business_key: row.try_get("key")?,
            definition_version: row.try_get("definition")?,
            deadline: row.try_get::<Ts, _>("deadline")?.to_jiff(),
        },
        state: row.try_get("state")?,
        status: Status::named(row.try_get("status")?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_names_an_input_but_not_what_it_holds() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "only its name is looked at")]
        enum Answer {
            Accepted { note: &'static str },
        }
        let trigger = Trigger::Input(Answer::Accepted { note: "Mrs Doe" });
        assert_eq!(trigger_name(&trigger), "Input Accepted");
    }
}
