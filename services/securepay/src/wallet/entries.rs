//! `GET /wallets/{id}/entries`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Money, Page, Problem, Timestamp, page};
use galen_service::{Answer, Cx, MoneyView, Needs, Outcome, PageView, Params, PathIds, Requires};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::SecurePay;
use crate::account::{self, Account, Kind, PublicId};
use crate::books;
use crate::ledger::{self, AccountId, Posting, Stamp};
use crate::patient::Reach;

/// Which entries are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListEntries {
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for ListEntries {
    const NEEDS: Needs = Needs::Permission(Permission::WalletRead);
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WalletEntryKind)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntryKind {
    /// Money moved at once.
    Transfer,
    /// Money was promised; the balance is what it was.
    Hold,
    /// Promised money moved.
    Capture,
    /// The rest of what was promised was released.
    Release,
    /// What was promised was released because its time ended.
    Expiry,
    /// Money that had moved went back.
    Refund,
}

/// Which way money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WalletEntryDirection)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Direction {
    /// Into the wallet.
    In,
    /// Out of it.
    Out,
}

/// Something that happened to a wallet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WalletEntry)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// Its id.
    pub id: Uuid,
    /// What happened.
    pub kind: EntryKind,
    /// Which way the money goes, or was to go.
    pub direction: Direction,
    /// How much.
    pub amount: MoneyView,
    /// What was in the wallet afterwards.
    pub balance: MoneyView,
    /// The wallet on the other side, where it is the caller's to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counterparty_wallet_id: Option<Uuid>,
    /// What it belongs to: a payment, an invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<Uuid>,
    /// When.
    pub at: Timestamp,
}

impl From<ledger::Kind> for EntryKind {
    fn from(kind: ledger::Kind) -> Self {
        match kind {
            ledger::Kind::Transfer => Self::Transfer,
            ledger::Kind::Hold => Self::Hold,
            ledger::Kind::Capture => Self::Capture,
            ledger::Kind::Void => Self::Release,
            ledger::Kind::Expiry => Self::Expiry,
            ledger::Kind::Refund => Self::Refund,
        }
    }
}

/// Lists what happened to a wallet, the latest first.
#[utoipa::path(
    get,
    path = "/wallets/{id}/entries",
    operation_id = "listWalletEntries",
    tag = "securepay",
    params(("id" = uuid::Uuid, Path, description = "The wallet."), ListEntries),
    responses((status = 200, description = "A page.", body = PageView<EntryView>)),
)]
pub async fn entries(
    cx: Cx<ListEntries>,
    State(pay): State<Arc<SecurePay>>,
    PathIds(id): PathIds<PublicId>,
    Params(query): Params<ListEntries>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let before: Option<i64> = query.cursor.as_deref().map(Cursor::decode).transpose()?;
    let account = account::by_id(pay.db.pool(), id).await?;
    let reach = Reach::of(cx.scope(), pay.db.pool()).await?;
    let account = reach.wallet(&cx, account)?;
    let most = i64::from(limit) + 1;
    let rows = books::entries_before(pay.db.pool(), account.id, before.map(Stamp), most).await?;
    let others: Vec<AccountId> = rows.iter().map(|entry| other(&account, entry)).collect();
    let others: HashMap<AccountId, Account> = account::by_numbers(pay.db.pool(), &others)
        .await?
        .into_iter()
        .filter(|other| other.kind == Kind::Wallet && reach.covers(other))
        .map(|other| (other.id, other))
        .collect();
    let page = Page::from_rows(rows, limit, |entry| entry.at.0);
    let items = page
        .items
        .iter()
        .map(|entry| view(&account, &others, entry))
        .collect::<Result<_, _>>()?;
    Ok(Answer::ok(&PageView::<EntryView> {
        items,
        next_cursor: page.next_cursor,
    }))
}

/// The account on the other side.
fn other(account: &Account, entry: &Posting) -> AccountId {
    if entry.debit == account.id {
        entry.credit
    } else {
        entry.debit
    }
}

fn view(
    account: &Account,
    others: &HashMap<AccountId, Account>,
    entry: &Posting,
) -> Result<EntryView, Problem> {
    let money = |minor| {
        MoneyView::from(Money {
            minor,
            currency: account.currency,
        })
    };
    let (direction, balance) = if entry.debit == account.id {
        (Direction::Out, entry.debit_balance)
    } else {
        (Direction::In, entry.credit_balance)
    };
    let counterparty = others.get(&other(account, entry));
    Ok(EntryView {
        id: entry.id.0,
        kind: entry.kind.into(),
        direction,
        amount: money(entry.amount.minor()),
        balance: money(balance),
        counterparty_wallet_id: counterparty.map(|other| other.public_id.uuid()),
        reference_id: entry.reference,
        at: Timestamp::from_microsecond(entry.at.0).map_err(Problem::internal)?,
    })
}
