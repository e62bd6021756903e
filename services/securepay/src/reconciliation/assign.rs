//! `POST /bank-statements/lines/{id}/match` and `/unmatch`: somebody says what the money
//! of a line is for.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations, text};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Purpose, StatementError, Target, reassign};
use super::settle;
use super::store::{self, Asked, Line, REASON};
use super::view::LineView;
use crate::SecurePay;
use crate::account::{self, Kind, Owner, PublicId};

/// The most characters of a reason.
const MOST: usize = 500;

/// What the money of a line is for: either a wallet, or a purpose.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MatchLine {
    /// Somebody's wallet.
    pub wallet_id: Option<Uuid>,
    /// Something else.
    pub purpose: Option<PurposeWithoutWallet>,
    /// Why.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "the name and the day fit"
    )]
    pub reason: String,
}

/// What money can be for other than a wallet.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[schema(as = BankLineMatch)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PurposeWithoutWallet {
    /// A payment provider settled top-ups, or paid a payout.
    Provider,
    /// What billing has booked as received already: an insurer's remittance.
    Remittance,
    /// It was earned: interest.
    Revenue,
    /// It was given up: a bank's fee.
    WriteOff,
    /// It was there before the books began.
    Equity,
}

impl From<PurposeWithoutWallet> for Purpose {
    fn from(purpose: PurposeWithoutWallet) -> Self {
        match purpose {
            PurposeWithoutWallet::Provider => Self::Provider,
            PurposeWithoutWallet::Remittance => Self::Remittance,
            PurposeWithoutWallet::Revenue => Self::Revenue,
            PurposeWithoutWallet::WriteOff => Self::WriteOff,
            PurposeWithoutWallet::Equity => Self::Equity,
        }
    }
}

impl Requires for MatchLine {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerReconcile);
}

/// A match is to be undone.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnmatchLine {
    /// Why.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "it was another patient's"
    )]
    pub reason: String,
}

impl Requires for UnmatchLine {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerReconcile);
}

/// What a line is to be matched with.
#[derive(Clone, Copy)]
enum Wish {
    Wallet(Uuid),
    Purpose(Purpose),
    Nothing,
}

/// Matches a line: its money moves from suspense to where it belongs. Matching it again
/// with the same changes nothing.
#[utoipa::path(
    post,
    path = "/bank-statements/lines/{id}/match",
    operation_id = "matchBankLine",
    tag = "securepay",
    params(("id" = Uuid, Path, description = "The line.")),
    request_body = MatchLine,
    responses((status = 200, description = "Matched.", body = LineView)),
)]
pub async fn matched(
    cx: Cx<MatchLine>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<Uuid>,
    Body(request): Body<MatchLine>,
) -> Outcome {
    let mut wrong = Violations::new();
    let reason = text::line(&mut wrong, "/reason", &request.reason, MOST).unwrap_or_default();
    let wish = match (request.wallet_id, request.purpose) {
        (Some(wallet), None) => Wish::Wallet(wallet),
        (None, Some(purpose)) => Wish::Purpose(purpose.into()),
        _ => {
            wrong.push(
                "/walletId",
                "ONE_OF",
                "either walletId or purpose is needed",
            );
            Wish::Nothing
        }
    };
    wrong.finish()?;
    change(&cx, &s, id, wish, &reason).await
}

/// Undoes a match: its money goes back to suspense, if it is still there.
#[utoipa::path(
    post,
    path = "/bank-statements/lines/{id}/unmatch",
    operation_id = "unmatchBankLine",
    tag = "securepay",
    params(("id" = Uuid, Path, description = "The line.")),
    request_body = UnmatchLine,
    responses((status = 200, description = "No longer matched.", body = LineView)),
)]
pub async fn unmatched(
    cx: Cx<UnmatchLine>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<Uuid>,
    Body(request): Body<UnmatchLine>,
) -> Outcome {
    let mut wrong = Violations::new();
    let reason = text::line(&mut wrong, "/reason", &request.reason, MOST).unwrap_or_default();
    wrong.finish()?;
    change(&cx, &s, id, Wish::Nothing, &reason).await
}

/// First what is to be done is stored, then it is done, then it is marked as done. Where
/// this ends in between, [`settle::run`] goes on.
async fn change<R: Requires>(
    cx: &Cx<R>,
    s: &SecurePay,
    id: Uuid,
    wish: Wish,
    reason: &str,
) -> Outcome {
    cx.replayed(&s.db).await?;
    let mut tx = s.db.begin().await?;
    let line = store::lock_line(tx.conn(), id)
        .await?
        .ok_or(StatementError::Unknown)?;
    cx.about("BankLine", id);
    cx.expect_version(line.version)?;
    if line.moving {
        return Err(StatementError::Moving.into());
    }
    let target = target(s, tx.conn(), &line, wish).await?;
    let change = match (line.rests.purpose, target.purpose) {
        (Some(_), Some(_)) if line.rests == target => None,
        (Some(_), Some(_)) => return Err(StatementError::Matched.into()),
        (None, None) => return Err(StatementError::NotMatched.into()),
        _ => Some(reassign(
            line.id,
            line.moves + 1,
            line.amount.minor,
            line.rests.account,
            target,
        )),
    };
    let mut postings = Vec::new();
    if let Some(change) = change {
        let key = s.vault.key_of(tx.conn(), line.statement).await;
        let key = key.map_err(StatementError::from)?;
        let sealed = key.seal(&REASON, change.id, &reason.to_owned());
        let asked = Asked {
            by: cx.principal()?.user_id.uuid(),
            at: cx.now(),
            because: "BY_HAND",
            reason: Some(sealed.map_err(StatementError::from)?),
        };
        store::ask(tx.conn(), line.statement, &change, asked).await?;
        tx.commit().await?;
        let done = settle::transfer(&s.ledger, std::slice::from_ref(&change)).await;
        match done.map_err(StatementError::from)? {
            Ok(done) => postings = done,
            Err(rejection) => {
                store::refused(s.db.pool(), change.id).await?;
                return Err(StatementError::from(rejection).into());
            }
        }
    } else {
        tx.rollback().await?;
    }
    let mut tx = cx.begin(&s.db).await?;
    store::posted(tx.conn(), &postings).await?;
    let line = store::line(tx.conn(), id)
        .await?
        .ok_or(StatementError::Unknown)?;
    let version = line.version;
    let view = LineView::open(&s.vault, tx.conn(), line).await?;
    tx.commit(Answer::ok(&view).version(version)).await
}

/// Where the money is to go.
async fn target(
    s: &SecurePay,
    db: &mut sqlx::PgConnection,
    line: &Line,
    wish: Wish,
) -> Result<Target, Problem> {
    let currency = line.amount.currency;
    let (purpose, kind) = match wish {
        Wish::Wallet(id) => {
            let wallet = account::by_id(&mut *db, PublicId::from_uuid(id))
                .await?
                .filter(|account| account.kind == Kind::Wallet)
                .ok_or(StatementError::NoSuchWallet)?;
            if wallet.currency != currency {
                return Err(StatementError::OtherCurrency.into());
            }
            return Ok(Target {
                purpose: Some(Purpose::Wallet),
                account: wallet.id,
                wallet: Some(id),
            });
        }
        Wish::Purpose(purpose) => (Some(purpose), purpose.kind()),
        Wish::Nothing => (None, Kind::Suspense),
    };
    let account = account::open(db, &s.clock, kind, Owner::Hospital, currency).await?;
    Ok(Target {
        purpose,
        account: account.id,
        wallet: None,
    })
}
