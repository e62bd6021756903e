//! Posting a remittance: the same for people and for payers that are asked.

use galen_contracts::billing::v1::RemittancePosted;
use galen_contracts::securepay::v1::Money as WireMoney;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Timestamp};
use galen_storage::{Error, Tx};
use uuid::Uuid;

use super::store;
use crate::Billing;
use crate::claim::answer::LineAnswer;
use crate::claim::decide::Refused;
use crate::claim::error::ClaimError;
use crate::claim::model::{Claim, ClaimId};
use crate::claim::next::{self, Next};
use crate::claim::payer::Advice;
use crate::claim::{books, change, denial, store as claims};

/// Why a remittance is refused. Nothing of it is in the books then.
#[derive(Debug, thiserror::Error)]
pub enum RemittanceError {
    /// Another one with the same number says something else.
    #[error("another remittance has the same number")]
    Differs,
    /// The lines are not what was paid.
    #[error("the lines do not add up to the amount")]
    Sum,
    /// A claim is not one of the payer, or is there twice.
    #[error("claim {0} is none of the payer's")]
    Claim(usize),
    /// A claim is of another currency.
    #[error("claim {0} is of another currency")]
    Currency(usize),
    /// A line is wrong.
    #[error("claim {claim}: {refused}")]
    Line {
        /// Which claim of the request.
        claim: usize,
        /// Which line of it in the request; `None`: one is missing.
        line: Option<usize>,
        /// Why.
        refused: Refused,
    },
    /// Another rule of a claim.
    #[error(transparent)]
    Of(#[from] ClaimError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] Error),
}

impl From<RemittanceError> for Problem {
    fn from(error: RemittanceError) -> Self {
        match error {
            RemittanceError::Differs => Self::conflict(
                "REMITTANCE_DIFFERS",
                "Another remittance of this payer has the same number and says something else.",
            ),
            RemittanceError::Sum => Self::invalid_field(
                "/amount",
                "DOES_NOT_ADD_UP",
                "must be what is paid for all lines",
            ),
            RemittanceError::Claim(claim) => Self::invalid_field(
                format!("/claims/{claim}/claimId"),
                "UNKNOWN_CLAIM",
                "must be a claim to this payer, once",
            ),
            RemittanceError::Currency(claim) => Self::invalid_field(
                format!("/claims/{claim}/claimId"),
                "CURRENCY_MISMATCH",
                "must be a claim of the remittance's currency",
            ),
            RemittanceError::Line {
                refused:
                    refused @ (Refused::Status(_) | Refused::TooMuch(_) | Refused::NotDenied(_)),
                ..
            } => refused.into(),
            RemittanceError::Line {
                claim,
                line,
                refused,
            } => {
                let pointer = match line {
                    Some(line) => format!("/claims/{claim}/lines/{line}"),
                    None => format!("/claims/{claim}/lines"),
                };
                let code = match refused {
                    Refused::Line(_) => "UNKNOWN_OR_MISSING_LINE",
                    _ => "DOES_NOT_ADD_UP",
                };
                Self::invalid_field(pointer, code, refused.to_string())
            }
            RemittanceError::Of(error) => error.into(),
            RemittanceError::Storage(error) => error.into(),
        }
    }
}

/// A remittance that is in the books.
#[derive(Debug)]
pub struct Posted {
    /// Its id.
    pub id: Uuid,
    /// Since when.
    pub at: Timestamp,
    /// It was before.
    pub again: bool,
}

/// Posts a remittance, once. `next`: who insures after the payers of its claims.
///
/// # Errors
/// [`RemittanceError`]; the transaction is to be given up then.
pub async fn post(
    tx: &mut Tx,
    billing: &Billing,
    advice: &Advice,
    next: &Next,
) -> Result<Posted, RemittanceError> {
    let now = tx.clock().now();
    let lines = advice.claims.iter().flat_map(|(_, lines)| lines);
    let paid: i128 = lines.map(|line| i128::from(line.paid)).sum();
    if paid != i128::from(advice.amount.minor) {
        return Err(RemittanceError::Sum);
    }
    let id = tx.clock().uuid();
    if let Some(before) = store::insert(tx.conn(), id, advice, now).await? {
        return if before.fingerprint == store::fingerprint(advice) {
            Ok(Posted {
                id: before.id,
                at: before.posted_at,
                again: true,
            })
        } else {
            Err(RemittanceError::Differs)
        };
    }
    // In one order, so that two remittances about the same claims do not wait for each other.
    let mut order: Vec<usize> = (0..advice.claims.len()).collect();
    order.sort_by_key(|index| advice.claims[*index].0);
    let mut last: Option<ClaimId> = None;
    for index in order {
        let (claim, lines) = &advice.claims[index];
        if last == Some(*claim) {
            return Err(RemittanceError::Claim(index));
        }
        last = Some(*claim);
        let mut claim = claims::lock(tx, *claim)
            .await?
            .filter(|claim| claim.facts.payer == advice.payer)
            .ok_or(RemittanceError::Claim(index))?;
        if claim.facts.currency != advice.amount.currency {
            return Err(RemittanceError::Currency(index));
        }
        answered(tx, (billing, next), (&mut claim, lines), (index, id), now).await?;
    }
    store::insert_lines(tx.conn(), id, advice).await?;
    tx.publish(&RemittancePosted {
        remittance_id: id.to_string(),
        payer_id: advice.payer.to_string(),
        amount: Some(WireMoney {
            minor: advice.amount.minor,
            currency: advice.amount.currency.code().to_owned(),
        }),
    });
    tx.ring(&billing.claim_bell);
    Ok(Posted {
        id,
        at: now,
        again: false,
    })
}

/// One claim of a remittance.
async fn answered(
    tx: &mut Tx,
    (billing, next): (&Billing, &Next),
    (claim, lines): (&mut Claim, &[LineAnswer]),
    (index, remittance): (usize, Uuid),
    now: Timestamp,
) -> Result<(), RemittanceError> {
    let refuse = |refused: Refused| {
        let named = match refused {
            Refused::Line(n) | Refused::Unbalanced(n) | Refused::TooMuch(n) => {
                lines.iter().position(|line| line.sequence == n)
            }
            Refused::Status(_) | Refused::NotDenied(_) => None,
        };
        RemittanceError::Line {
            claim: index,
            line: named,
            refused,
        }
    };
    // A payment says what was decided, if nobody has heard of it before.
    if claim.status.waits() {
        let decided = claim.adjudicated(lines.to_vec()).map_err(refuse)?;
        change::happened(tx, claim, decided, now).await?;
    }
    let before = claim.clone();
    let posted = claim.posted(remittance, lines.to_vec()).map_err(refuse)?;
    change::happened(tx, claim, posted, now).await?;
    let passed = next::answered(tx, billing, (&before, claim), next).await?;
    books::enter(tx, (&before, claim), &passed, remittance).await?;
    denial::store::answered(tx, claim, now).await?;
    next::ask_again(tx, billing, claim).await?;
    Ok(())
}
