//! All SQL of payments.

use std::collections::HashMap;

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, Ts, ts};
use galen_vault::Sealed;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::model::{Capture, Payment, Status};
use super::words::{Described, Words};
use crate::account::{self, Account};
use crate::ledger::{AccountId, Amount, Hold, HoldState, LedgerId, Stamp, TransferId};

/// A payment with what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) payment: Payment,
    pub(crate) hold: Hold,
    pub(crate) from: Account,
    pub(crate) to: Account,
    /// How many times the ledger wrote about it.
    pub(crate) version: i64,
}

/// Which payments are looked for; `None` does not restrict.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// From or to one of these.
    pub(crate) accounts: Option<Vec<AccountId>>,
    pub(crate) status: Option<Status>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// A position in the list of payments: when it began, and the id.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Position(pub(crate) Timestamp, pub(crate) Uuid);

/// Stores payments, together with their holds.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    payments: &[&Payment],
) -> Result<(), Error> {
    if payments.is_empty() {
        return Ok(());
    }
    let numbers = |field: fn(&Payment) -> i64| -> Vec<i64> {
        payments.iter().map(|payment| field(payment)).collect()
    };
    let described = |payment: &&Payment| payment.description.clone();
    sqlx::query(
        "insert into payment (id, from_id, to_id, amount, currency, capture, description, subject, reference, created_by, created_at)
         select * from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bytea[],
                              $8::uuid[], $9::uuid[], $10::uuid[], $11::timestamptz[])",
    )
    .bind(payments.iter().map(|p| p.id).collect::<Vec<Uuid>>())
    .bind(numbers(|p| p.from.0))
    .bind(numbers(|p| p.to.0))
    .bind(numbers(|p| p.amount.minor()))
    .bind(payments.iter().map(|p| p.currency.code()).collect::<Vec<_>>())
    .bind(payments.iter().map(|p| p.capture.name()).collect::<Vec<_>>())
    .bind(payments.iter().map(|p| described(p).map(|d| d.words)).collect::<Vec<_>>())
    .bind(payments.iter().map(|p| described(p).map(|d| d.subject)).collect::<Vec<_>>())
    .bind(payments.iter().map(|p| p.reference).collect::<Vec<_>>())
    .bind(payments.iter().map(|p| p.created_by.map(|id| id.uuid())).collect::<Vec<_>>())
    .bind(payments.iter().map(|p| Ts::from(p.created_at)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// One payment.
pub(crate) async fn get(db: &mut PgConnection, id: Uuid) -> Result<Option<Made>, Error> {
    let rows = sqlx::query(
        "select p.*, h.ledger_id, h.captured, h.refunded, h.state, h.expires_at,
                (select 1 + count(*) from posting o where o.hold_id = p.id) as version
         from payment p join hold h using (id)
         where p.id = $1",
    )
    .bind(id)
    .fetch_all(&mut *db)
    .await?;
    Ok(with_accounts(db, &rows).await?.pop())
}

/// A page of payments, the latest first.
pub(crate) async fn find(
    db: &mut PgConnection,
    filter: &Filter,
    now: Stamp,
    before: Option<Position>,
    limit: u16,
) -> Result<Vec<Made>, Error> {
    let accounts = filter
        .accounts
        .as_ref()
        .map(|accounts| accounts.iter().map(|id| id.0).collect::<Vec<i64>>());
    let rows = sqlx::query(
        "select p.*, h.ledger_id, h.captured, h.refunded, h.state, h.expires_at,
                (select 1 + count(*) from posting o where o.hold_id = p.id) as version
         from payment p join hold h using (id)
         where ($1::bigint[] is null or p.from_id = any ($1) or p.to_id = any ($1))
           and ($2::text is null or $2 = case
                   when h.state = 2 then 'VOIDED'
                   when h.state = 3 or (h.state = 0 and h.captured = 0 and h.expires_at <= $8) then 'EXPIRED'
                   when h.state = 0 and h.captured = 0 then 'AUTHORIZED'
                   when h.refunded = 0 then 'CAPTURED'
                   when h.refunded < h.captured then 'PARTIALLY_REFUNDED'
                   else 'REFUNDED' end)
           and ($3::timestamptz is null or p.created_at >= $3)
           and ($4::timestamptz is null or p.created_at < $4)
           and ($5::timestamptz is null or (p.created_at, p.id) < ($5, $6))
         order by p.created_at desc, p.id desc
         limit $7",
    )
    .bind(accounts)
    .bind(filter.status.map(status_name))
    .bind(filter.from.map(ts))
    .bind(filter.to.map(ts))
    .bind(before.map(|position| ts(position.0)))
    .bind(before.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .bind(now.0)
    .fetch_all(&mut *db)
    .await?;
    with_accounts(db, &rows).await
}

/// The wallets of some owners.
pub(crate) async fn wallets_of(
    db: &mut PgConnection,
    owners: &[Uuid],
) -> Result<Vec<AccountId>, Error> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "select id from account_info where kind = 'WALLET' and owner_id = any ($1)",
    )
    .bind(owners)
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(AccountId).collect())
}

const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Authorized => "AUTHORIZED",
        Status::Captured => "CAPTURED",
        Status::PartiallyRefunded => "PARTIALLY_REFUNDED",
        Status::Refunded => "REFUNDED",
        Status::Voided => "VOIDED",
        Status::Expired => "EXPIRED",
    }
}

/// Reads payments, and looks their accounts up: those never change.
async fn with_accounts(db: &mut PgConnection, rows: &[PgRow]) -> Result<Vec<Made>, Error> {
    let mut made = Vec::with_capacity(rows.len());
    let payments: Vec<(Payment, Hold, i64)> = rows.iter().map(read).collect::<Result<_, _>>()?;
    let ids: Vec<AccountId> = payments
        .iter()
        .flat_map(|(payment, ..)| [payment.from, payment.to])
        .collect();
    let accounts: HashMap<AccountId, Account> = account::by_numbers(db, &ids)
        .await?
        .into_iter()
        .map(|account| (account.id, account))
        .collect();
    for (payment, hold, version) in payments {
        let account = |id: AccountId| {
            accounts
                .get(&id)
                .copied()
                .ok_or_else(|| inconsistent("securepay.payment.from_id"))
        };
        made.push(Made {
            from: account(payment.from)?,
            to: account(payment.to)?,
            payment,
            hold,
            version,
        });
    }
    Ok(made)
}

fn read(row: &PgRow) -> Result<(Payment, Hold, i64), Error> {
    let id: Uuid = row.col("id")?;
    let amount = Amount::new(row.try_get("amount")?)
        .ok_or_else(|| inconsistent("securepay.payment.amount"))?;
    let (from, to) = (AccountId(row.col("from_id")?), AccountId(row.col("to_id")?));
    let words: Option<Sealed<Words>> = row.col("description")?;
    let subject: Option<Uuid> = row.col("subject")?;
    let hold = Hold {
        id: TransferId(id),
        ledger: LedgerId(row.col("ledger_id")?),
        debit: from,
        credit: to,
        amount,
        captured: row.col("captured")?,
        refunded: row.col("refunded")?,
        state: HoldState::from_number(row.col("state")?)
            .ok_or_else(|| inconsistent("securepay.hold.state"))?,
        expires_at: row.col::<Option<i64>>("expires_at")?.map(Stamp),
    };
    let payment = Payment {
        id,
        from,
        to,
        amount,
        currency: row
            .text("currency")?
            .parse()
            .map_err(|_| inconsistent("securepay.payment.currency"))?,
        capture: Capture::from_name(&row.text("capture")?)
            .ok_or_else(|| inconsistent("securepay.payment.capture"))?,
        description: words
            .zip(subject)
            .map(|(words, subject)| Described { subject, words }),
        reference: row.col("reference")?,
        created_by: row.opt_id("created_by")?,
        created_at: row.instant("created_at")?,
    };
    Ok((payment, hold, row.col("version")?))
}

const fn inconsistent(column: &'static str) -> Error {
    Error::Inconsistent { column }
}
