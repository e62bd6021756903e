//! What commands and the work have in common: how a claim changes.

use galen_contracts::billing::v1::{ClaimAdjudicated, ClaimSubmitted};
use galen_contracts::securepay::v1::Money as WireMoney;
use galen_eventing::Publish as _;
use galen_kernel::{Money, Timestamp};
use galen_service::Cx;
use galen_service::extract::Requires;
use galen_storage::{Error, Tx};

use super::error::ClaimError;
use super::event::Event;
use super::model::{Claim, ClaimId};
use super::position::Moves;
use super::scrub::Finding;
use super::{authorisation, dispatch, prepare, store};
use crate::Billing;

/// An event happens: it is stored, and told.
pub(super) async fn happened(
    tx: &mut Tx,
    claim: &mut Claim,
    event: Event,
    at: Timestamp,
) -> Result<(), Error> {
    let facts = &claim.facts;
    match &event {
        Event::Submitted => tx.publish(&ClaimSubmitted {
            claim_id: facts.id.to_string(),
            patient_id: facts.patient.to_string(),
            invoice_id: facts.invoice.to_string(),
            payer_id: facts.payer.to_string(),
        }),
        Event::Adjudicated { outcome, lines } => tx.publish(&ClaimAdjudicated {
            claim_id: facts.id.to_string(),
            patient_id: facts.patient.to_string(),
            invoice_id: facts.invoice.to_string(),
            outcome: outcome.name().to_owned(),
            paid: Some(WireMoney {
                minor: lines.iter().map(|line| line.paid).sum(),
                currency: facts.currency.code().to_owned(),
            }),
        }),
        _ => {}
    }
    store::append(tx, claim, event, at).await
}

/// Loads a claim that a command is about to change.
pub(super) async fn load<R: Requires>(
    cx: &Cx<R>,
    tx: &mut Tx,
    id: ClaimId,
) -> Result<Claim, galen_service::Halt> {
    let claim = store::lock(tx, id).await?.ok_or(ClaimError::Unknown)?;
    cx.concerns(claim.facts.patient);
    cx.expect_version(claim.version)?;
    Ok(claim)
}

/// Looks a claim through and lets it go to its payer.
pub(super) async fn submit(
    tx: &mut Tx,
    billing: &Billing,
    claim: &mut Claim,
    now: Timestamp,
) -> Result<(), ClaimError> {
    let today = now.to_zoned(billing.zone.clone()).date();
    claim.expect(&Event::Scrubbed {
        findings: Vec::new(),
    })?;
    prepare::look_through(tx, claim, now, today).await?;
    if claim.findings.iter().any(Finding::is_error) {
        return Err(ClaimError::Wrong(claim.findings.clone()));
    }
    claim.expect(&Event::Submitted)?;
    authorisation::store::use_up(tx, claim).await?;
    happened(tx, claim, Event::Submitted, now).await?;
    dispatch::send(tx.conn(), claim, false, now).await?;
    tx.ring(&billing.claim_bell);
    Ok(())
}

/// What moved between the places of a claim's lines, line by line.
pub(super) fn moved(before: &Claim, after: &Claim) -> Vec<(u16, Moves)> {
    let lines = before.facts.lines.iter().zip(&after.facts.lines);
    lines
        .map(|(before, after)| {
            let (was, is) = (before.position, after.position);
            let moves = Moves {
                paid: is.received - was.received,
                left_over: is.left_over - was.left_over,
                written_off: is.written_off - was.written_off,
            };
            (before.sequence, moves)
        })
        .collect()
}

/// An amount of a claim.
pub(super) const fn amount(claim: &Claim, minor: i64) -> Money {
    Money {
        minor,
        currency: claim.facts.currency,
    }
}
