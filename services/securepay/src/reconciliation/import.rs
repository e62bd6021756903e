//! `POST /bank-statements`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, Requires, Xml};
use galen_storage::Error;
use galen_vault::DataKey;
use jiff::ToSpan as _;
use uuid::Uuid;

use super::matching::{self, Decision};
use super::model::{Purpose, StatementError, Target, book, line_id};
use super::statement::{Entry, Said, Statement};
use super::store::{self, NewLine, SAID};
use super::view::StatementView;
use super::{camt, expected};
use crate::SecurePay;
use crate::account::{self, Kind, Owner};
use crate::ledger::AccountId;

/// Days before a statement's first entry in which what it is about may have begun.
const BACK: i64 = 30;

/// A statement that was sent.
pub struct ImportStatement;

impl Requires for ImportStatement {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerReconcile);
}

/// Imports a bank's statement of one account (ISO 20022 camt.053, since 001.02). It has
/// to begin where the last one of the account ended. Its money is booked at once: as what
/// it was found to be about, or to suspense. A statement that is known already is answered
/// as it is, with 200.
#[utoipa::path(
    post,
    path = "/bank-statements",
    operation_id = "importBankStatement",
    tag = "securepay",
    request_body(content(
        (String = "application/xml"),
        (String = "text/xml"),
    ), description = "One camt.053 document with one statement, in UTF-8."),
    responses(
        (status = 201, description = "Imported.", body = StatementView),
        (status = 200, description = "It was imported before.", body = StatementView),
    ),
)]
pub async fn import(
    cx: Cx<ImportStatement>,
    State(s): State<Arc<SecurePay>>,
    Xml(document): Xml,
) -> Outcome {
    let statement = camt::read(&document).map_err(StatementError::from)?;
    let now = cx.now();
    let mut tx = cx.begin(&s.db).await?;
    let bank = store::lock_account(tx.conn(), &statement.account, statement.currency, now).await?;
    if let Some(known) = store::named(tx.conn(), bank, &statement.id).await? {
        if known.fingerprint != statement.fingerprint() {
            return Err(StatementError::Differs.into());
        }
        cx.about("BankStatement", known.id);
        return tx.commit(Answer::ok(&StatementView::from(known))).await;
    }
    let last = store::last(tx.conn(), bank).await?;
    let place = match &last {
        None => 1,
        Some(last) if follows(last, &statement) => last.place + 1,
        Some(last) => {
            return Err(StatementError::DoesNotFollow {
                closing: galen_kernel::Money {
                    minor: last.closing,
                    currency: last.currency,
                }
                .to_string(),
                name: last.name.clone(),
            }
            .into());
        }
    };
    let id: Uuid = cx.clock().uuid();
    let accounts = Accounts::open(&s, tx.conn(), bank, &statement).await?;
    let days = (
        statement.entries.iter().map(|entry| entry.booked_on).min(),
        statement.entries.iter().map(|entry| entry.booked_on).max(),
    );
    let candidates = match days {
        (Some(first), Some(last)) => {
            let first = first.saturating_sub(BACK.days());
            expected::open(tx.conn(), statement.currency, &s.zone, (first, last)).await?
        }
        _ => Vec::new(),
    };
    let decisions = matching::decide(&statement.entries, &candidates);
    let key = s
        .vault
        .key_of(tx.conn(), id)
        .await
        .map_err(StatementError::from)?;
    let mut lines = lines(id, &statement, decisions, &accounts, &key)?;
    if last.is_none() && statement.opening != 0 {
        lines.insert(0, opening(id, &statement, &accounts));
    }
    store::insert(tx.conn(), (id, bank, place), &statement, &lines, now).await?;
    let imported = store::statement(tx.conn(), id)
        .await?
        .ok_or(StatementError::Unknown)?;
    cx.about("BankStatement", id);
    tx.ring(&s.bank_bell);
    tx.commit(
        Answer::created(&StatementView::from(imported))
            .location(&format!("/api/v1/bank-statements/{id}")),
    )
    .await
}

fn follows(last: &store::Imported, statement: &Statement) -> bool {
    last.closing == statement.opening && last.closed_on <= statement.closed_on
}

/// Where the money of a statement may rest.
struct Accounts {
    bank: AccountId,
    clearing: AccountId,
    suspense: AccountId,
    equity: AccountId,
}

impl Accounts {
    async fn open(
        s: &SecurePay,
        db: &mut sqlx::PgConnection,
        bank: Uuid,
        statement: &Statement,
    ) -> Result<Self, Error> {
        let mut numbers = [AccountId(0); 4];
        for (number, (kind, owner)) in numbers.iter_mut().zip([
            (Kind::Bank, Owner::Thing(bank)),
            (Kind::Clearing, Owner::Hospital),
            (Kind::Suspense, Owner::Hospital),
            (Kind::Equity, Owner::Hospital),
        ]) {
            *number = account::open(&mut *db, &s.clock, kind, owner, statement.currency)
                .await?
                .id;
        }
        let [bank, clearing, suspense, equity] = numbers;
        Ok(Self {
            bank,
            clearing,
            suspense,
            equity,
        })
    }

    /// Where money rests of which this was found.
    const fn of(&self, decision: &Decision) -> Target {
        if decision.candidates.is_empty() {
            Target {
                purpose: None,
                account: self.suspense,
                wallet: None,
            }
        } else {
            Target {
                purpose: Some(Purpose::Provider),
                account: self.clearing,
                wallet: None,
            }
        }
    }
}

fn lines(
    statement: Uuid,
    content: &Statement,
    decisions: Vec<Decision>,
    accounts: &Accounts,
    key: &DataKey,
) -> Result<Vec<NewLine>, StatementError> {
    let line = |(entry, decision): (&Entry, Decision)| {
        let id = line_id(statement, entry.number);
        let said = (entry.said != Said::default())
            .then(|| key.seal(&SAID, id, &entry.said))
            .transpose()?;
        Ok(NewLine {
            id,
            number: entry.number,
            amount: entry.signed(),
            booked_on: entry.booked_on,
            value_on: entry.value_on,
            is_return: entry.is_return,
            bank_reference: entry.bank_reference.clone(),
            said,
            because: decision.because.name(),
            book: book(id, entry.signed(), accounts.bank, accounts.of(&decision)),
            candidates: decision.candidates,
        })
    };
    content.entries.iter().zip(decisions).map(line).collect()
}

/// What an account had before its first statement.
fn opening(statement: Uuid, content: &Statement, accounts: &Accounts) -> NewLine {
    let id = line_id(statement, 0);
    let target = Target {
        purpose: Some(Purpose::Equity),
        account: accounts.equity,
        wallet: None,
    };
    NewLine {
        id,
        number: 0,
        amount: content.opening,
        booked_on: content.closed_on,
        value_on: None,
        is_return: false,
        bank_reference: None,
        said: None,
        because: "OPENING_BALANCE",
        candidates: Vec::new(),
        book: book(id, content.opening, accounts.bank, target),
    }
}
