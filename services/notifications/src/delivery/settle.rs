//! Writing down what became of a claimed message, with its event.

use galen_contracts::notifications::v1::{MessageDead, MessageSent};
use galen_eventing::Publish as _;
use galen_kernel::Timestamp;
use galen_storage::{Db, Error, Ts};
use sqlx::types::Json;

use crate::delivery::Code;
use crate::delivery::claim::Claimed;
use crate::message::Status;
use crate::message::model::AttemptOutcome;
use crate::message::plan::Skip;
use crate::template::store::TemplateId;
use crate::template::{Channel, Locale};

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// It was handed over, with this version of its text.
    Sent(Channel, TemplateId, Locale),
    /// An attempt failed; another one follows.
    Again(FailedAttempt, Timestamp),
    /// An attempt failed, and it was the last one.
    GivenUp(FailedAttempt),
    /// There is no way to try.
    Dead(Code),
    /// It is not to be sent.
    Suppressed(Code),
    /// Nothing was tried: it is quiet.
    Quiet(Timestamp),
    /// Nothing was tried: a provider or another service is down.
    Postponed(Timestamp),
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// The way.
    pub channel: Channel,
    /// Whether that way is closed for good.
    pub refused: bool,
    /// Why.
    pub code: Code,
}

/// One attempt, as it is written down.
struct Tried<'a> {
    channel: Channel,
    outcome: AttemptOutcome,
    code: Option<&'a str>,
}

impl Settlement {
    const fn status(&self) -> Status {
        match self {
            Self::Sent(..) => Status::Sent,
            Self::Again(..) | Self::Quiet(_) | Self::Postponed(_) => Status::Queued,
            Self::GivenUp(_) | Self::Dead(_) => Status::Dead,
            Self::Suppressed(_) => Status::Suppressed,
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Sent(..) | Self::Quiet(_) | Self::Postponed(_) => None,
            Self::Again(failed, _) | Self::GivenUp(failed) => Some(&failed.code),
            Self::Dead(code) | Self::Suppressed(code) => Some(code),
        }
    }

    fn channel(&self) -> Option<Channel> {
        match self {
            Self::Sent(channel, ..) => Some(*channel),
            Self::Again(failed, _) | Self::GivenUp(failed) => Some(failed.channel),
            _ => None,
        }
    }

    fn tried(&self) -> Option<Tried<'_>> {
        match self {
            Self::Sent(channel, ..) => Some(Tried {
                channel: *channel,
                outcome: AttemptOutcome::Delivered,
                code: None,
            }),
            Self::Again(failed, _) | Self::GivenUp(failed) => Some(Tried {
                channel: failed.channel,
                outcome: if failed.refused {
                    AttemptOutcome::Refused
                } else {
                    AttemptOutcome::Failed
                },
                code: Some(&failed.code),
            }),
            _ => None,
        }
    }

    const fn next(&self) -> Option<Timestamp> {
        match self {
            Self::Again(_, at) | Self::Quiet(at) | Self::Postponed(at) => Some(*at),
            _ => None,
        }
    }
}

/// Writes it down: the attempt, the state and the event in one transaction. `false`
/// when the lease had run out and the message is another sender's by now.
///
/// # Errors
/// When the database fails; the lease then runs out, and another sender takes over.
pub async fn settle(
    db: &Db,
    message: &Claimed,
    settlement: &Settlement,
    skipped: &[Skip],
    now: Timestamp,
) -> Result<bool, Error> {
    let mut tx = db.begin().await?;
    let tried = settlement.tried();
    let (template, locale) = match settlement {
        Settlement::Sent(_, template, locale) => (Some(template.uuid()), Some(locale.as_str())),
        _ => (None, None),
    };
    let not_before = match settlement {
        Settlement::Quiet(until) => Some(Ts::from(*until)),
        _ => None,
    };
    let status = settlement.status();
    let settled = sqlx::query(
        "update message
         set status = $3, reason_code = $4, channel = $5, template_id = $6, locale = $7, skipped = $8,
             attempts = attempts + $9, next_attempt_at = coalesce($10, next_attempt_at),
             not_before = coalesce($11, not_before), sent_at = $12, claim = null, locked_until = null,
             version = version + 1
         where id = $1 and claim = $2",
    )
    .bind(message.id.uuid())
    .bind(message.claim)
    .bind(status.code())
    .bind(settlement.reason())
    .bind(settlement.channel().map(Channel::code))
    .bind(template)
    .bind(locale)
    .bind(Json(skipped))
    .bind(i32::from(tried.is_some()))
    .bind(settlement.next().map(Ts::from))
    .bind(not_before)
    .bind((status == Status::Sent).then_some(Ts::from(now)))
    .execute(tx.conn())
    .await?
    .rows_affected();
    if settled == 0 {
        tx.rollback().await?;
        return Ok(false);
    }
    if let Some(tried) = &tried {
        sqlx::query(
            "insert into attempt (message_id, n, round, channel, at, outcome, error_code)
             select $1, coalesce(max(n), 0) + 1, $2, $3, $4, $5, $6 from attempt where message_id = $1",
        )
        .bind(message.id.uuid())
        .bind(message.round)
        .bind(tried.channel.code())
        .bind(Ts::from(now))
        .bind(tried.outcome.code())
        .bind(tried.code)
        .execute(tx.conn())
        .await?;
    }
    let channel = settlement.channel().map_or("", Channel::code).to_owned();
    let message_id = message.id.to_string();
    match status {
        Status::Sent => tx.publish(&MessageSent {
            message_id,
            channel,
        }),
        Status::Dead => {
            let reason_code = settlement.reason().unwrap_or_default().to_owned();
            tx.publish(&MessageDead {
                message_id,
                channel,
                reason_code,
            });
        }
        Status::Queued | Status::Sending | Status::Suppressed => {}
    }
    tx.commit().await?;
    Ok(true)
}
