//! The work between claims and payers: send, ask, take what was paid.
//!
//! Every step asks the payer first and then records what it said in one transaction, so
//! that it can end anywhere: what was not recorded is asked again, and is answered in the
//! same way.

use galen_kernel::{Problem, Timestamp};
use jiff::SignedDuration;

use super::dispatch::{self, Dispatch};
use super::event::Event;
use super::model::Status;
use super::next::Next;
use super::payer::{Frequency, NoAnswer, Standing};
use super::remittance::post::{RemittanceError, post};
use super::{authorisation, change, store};
use crate::Billing;
use crate::cover::CoverError;

/// The longest time between two attempts.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// Does all that is due; returns how much it did.
///
/// # Errors
/// When the database fails. A payer that does not answer is no error here.
pub async fn work(billing: &Billing) -> Result<u64, Problem> {
    let mut done = 0;
    for dispatch in dispatch::due(billing.db.pool(), billing.clock.now()).await? {
        let step = if dispatch.is_sent {
            ask(billing, &dispatch).await?
        } else {
            send(billing, &dispatch).await?
        };
        if let Step::NoAnswer(error) = step {
            later(billing, &dispatch, &error).await?;
        } else {
            done += 1;
        }
    }
    done += take(billing).await?;
    done += authorisation::decide::ask_all(billing).await?;
    Ok(done)
}

enum Step {
    Done,
    NoAnswer(NoAnswer),
}

async fn later(billing: &Billing, dispatch: &Dispatch, error: &NoAnswer) -> Result<(), Problem> {
    let reference = &dispatch.submission.reference;
    tracing::warn!(
        reference,
        attempts = dispatch.attempts + 1,
        error = error as &dyn std::error::Error,
        "a payer did not answer"
    );
    let doublings = u32::try_from(dispatch.attempts).unwrap_or(0).min(10);
    let wait = billing
        .claims
        .ask
        .saturating_mul(1 << doublings)
        .min(LONGEST);
    let due = after(billing.clock.now(), wait);
    Ok(dispatch::failed(billing.db.pool(), reference, due).await?)
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(now)
}

async fn send(billing: &Billing, dispatch: &Dispatch) -> Result<Step, Problem> {
    let submission = &dispatch.submission;
    if let Err(error) = billing.payer.submit(submission).await {
        return Ok(Step::NoAnswer(error));
    }
    let now = billing.clock.now();
    // Nobody answers to a withdrawal.
    let due = (submission.frequency != Frequency::Void).then(|| after(now, billing.claims.ask));
    dispatch::known(billing.db.pool(), &submission.reference, Some(now), due).await?;
    Ok(Step::Done)
}

async fn ask(billing: &Billing, dispatch: &Dispatch) -> Result<Step, Problem> {
    let reference = &dispatch.submission.reference;
    let standing = match billing.payer.ask(reference).await {
        Ok(standing) => standing,
        Err(error) => return Ok(Step::NoAnswer(error)),
    };
    let mut tx = billing.db.begin().await?;
    let now = billing.clock.now();
    let claim = store::lock(&mut tx, dispatch.claim).await?;
    // A claim that was replaced, withdrawn or sent again waits for another answer.
    let waiting = claim.filter(|claim| claim.status.waits() && claim.reference() == *reference);
    let (mut sent, mut due) = (Some(now), None);
    if let Some(mut claim) = waiting {
        let event = match standing {
            Standing::Unknown => {
                (sent, due) = (None, Some(now));
                None
            }
            Standing::Received => {
                due = Some(after(now, billing.claims.ask));
                None
            }
            Standing::Acknowledged => {
                due = Some(after(now, billing.claims.ask));
                Some(Event::Acknowledged).filter(|_| claim.status == Status::Submitted)
            }
            Standing::Pended => {
                due = Some(after(now, billing.claims.ask));
                let asked = matches!(claim.status, Status::Submitted | Status::Acknowledged);
                Some(Event::Pended).filter(|_| asked)
            }
            Standing::Rejected { findings } => Some(Event::Rejected { findings }),
            Standing::Decided { lines } => Some(claim.adjudicated(lines)?),
        };
        if let Some(event) = event {
            claim.expect(&event)?;
            change::happened(&mut tx, &mut claim, event, now).await?;
        }
    }
    dispatch::known(tx.conn(), reference, sent, due).await?;
    tx.commit().await?;
    Ok(Step::Done)
}

/// Takes what payers have paid, through the same command as people do.
async fn take(billing: &Billing) -> Result<u64, Problem> {
    let advices = match billing.payer.advices().await {
        Ok(advices) => advices,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a payer did not say what it has paid"
            );
            return Ok(0);
        }
    };
    let mut taken = 0;
    for advice in advices {
        let next = match Next::after(billing, &advice.claim_ids()).await {
            Ok(next) => next,
            Err(CoverError::Storage(error)) => return Err(error.into()),
            // Who insures next is not known at the moment; it is offered again.
            Err(error) => {
                tracing::warn!(
                    trace = advice.trace,
                    error = &error as &dyn std::error::Error,
                    "nobody knows who pays after a remittance"
                );
                continue;
            }
        };
        let mut tx = billing.db.begin().await?;
        match post(&mut tx, billing, &advice, &next).await {
            Ok(_) => {
                tx.ring(&billing.bell);
                tx.commit().await?;
            }
            Err(RemittanceError::Storage(error)) => return Err(error.into()),
            // Nothing of it is in the books; it is offered again.
            Err(error) => {
                tx.rollback().await?;
                tracing::warn!(
                    trace = advice.trace,
                    error = &error as &dyn std::error::Error,
                    "a remittance cannot be posted"
                );
                continue;
            }
        }
        if let Err(error) = billing.payer.taken(&advice).await {
            tracing::warn!(
                trace = advice.trace,
                error = &error as &dyn std::error::Error,
                "a payer does not know that its remittance was taken"
            );
        }
        taken += 1;
    }
    Ok(taken)
}

/// Marks claims that wait too long; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn follow_up(billing: &Billing) -> Result<u64, Problem> {
    let now = billing.clock.now();
    let before = now.saturating_sub(billing.claims.follow_up).unwrap_or(now);
    Ok(store::mark_unanswered(billing.db.pool(), before, now).await?)
}
