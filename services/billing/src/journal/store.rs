//! All SQL about orders.

use galen_kernel::{Currency, Money, Timestamp};
use galen_storage::{Error, Ts, Tx};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;

use super::model::{AccountKind, AccountRef, Entry};

/// An order that is not posted yet: its entries with the ids of their transfers.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) id: Uuid,
    pub(super) entries: Vec<(Uuid, Entry)>,
}

/// Stores an order, unless it is there already.
pub(super) async fn enter(tx: &mut Tx, id: Uuid, entries: &[Entry]) -> Result<(), Error> {
    let (now, clock) = (tx.clock().now(), tx.clock().clone());
    let transfers: Vec<Uuid> = entries.iter().map(|_| clock.uuid()).collect();
    let column = |side: fn(&Entry) -> AccountRef| {
        let sides = entries.iter().map(side);
        sides
            .map(|account| (account.kind.name(), account.owner))
            .unzip::<_, _, Vec<&str>, Vec<Option<Uuid>>>()
    };
    let (debit_kinds, debit_owners) = column(|entry| entry.debit);
    let (credit_kinds, credit_owners) = column(|entry| entry.credit);
    let minors: Vec<i64> = entries.iter().map(|entry| entry.amount.minor).collect();
    let currencies: Vec<&str> = entries.iter().map(|e| e.amount.currency.code()).collect();
    let references: Vec<Uuid> = entries.iter().map(|entry| entry.reference).collect();
    sqlx::query(
        "with entered as (
             insert into journal_order (id, entered_at) values ($1, $2)
             on conflict (id) do nothing returning id
         )
         insert into journal_entry (order_id, place, transfer_id, debit_kind, debit_owner, credit_kind, credit_owner, minor, currency, reference)
         select entered.id, e.place, e.transfer_id, e.debit_kind, e.debit_owner, e.credit_kind, e.credit_owner, e.minor, e.currency, e.reference
         from entered, unnest($3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::uuid[], $8::bigint[], $9::text[], $10::uuid[])
             with ordinality as e (transfer_id, debit_kind, debit_owner, credit_kind, credit_owner, minor, currency, reference, place)",
    )
    .bind(id)
    .bind(Ts::from(now))
    .bind(transfers)
    .bind(debit_kinds)
    .bind(debit_owners)
    .bind(credit_kinds)
    .bind(credit_owners)
    .bind(minors)
    .bind(currencies)
    .bind(references)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The first orders after a place that are not posted, in the order in which they were
/// entered, and the place of the last one.
pub(super) async fn open(
    db: &mut PgConnection,
    after: i64,
    most: i64,
) -> Result<(Vec<Order>, i64), Error> {
    let rows = sqlx::query(
        "select o.id, o.place, e.transfer_id, e.debit_kind, e.debit_owner, e.credit_kind, e.credit_owner, e.minor, e.currency, e.reference
         from (select id, place from journal_order where posted_at is null and place > $1 order by place limit $2) o
         join journal_entry e on e.order_id = o.id
         order by o.place, e.place",
    )
    .bind(after)
    .bind(most)
    .fetch_all(db)
    .await?;
    let mut orders: Vec<Order> = Vec::new();
    let mut last = after;
    for row in &rows {
        let (id, entry) = (row.try_get("id")?, entry(row)?);
        last = row.try_get("place")?;
        match orders.last_mut() {
            Some(order) if order.id == id => order.entries.push(entry),
            _ => orders.push(Order {
                id,
                entries: vec![entry],
            }),
        }
    }
    Ok((orders, last))
}

fn entry(row: &PgRow) -> Result<(Uuid, Entry), Error> {
    let account = |kind: &'static str, owner: &'static str, column| {
        let name: String = row.try_get(kind)?;
        let kind = AccountKind::read(&name).ok_or(Error::Inconsistent { column })?;
        Ok::<_, Error>(AccountRef {
            kind,
            owner: row.try_get(owner)?,
        })
    };
    let currency: String = row.try_get("currency")?;
    let currency: Currency = currency.parse().map_err(|_| Error::Inconsistent {
        column: "billing.journal_entry.currency",
    })?;
    let entry = Entry {
        debit: account(
            "debit_kind",
            "debit_owner",
            "billing.journal_entry.debit_kind",
        )?,
        credit: account(
            "credit_kind",
            "credit_owner",
            "billing.journal_entry.credit_kind",
        )?,
        amount: Money {
            minor: row.try_get("minor")?,
            currency,
        },
        reference: row.try_get("reference")?,
    };
    Ok((row.try_get("transfer_id")?, entry))
}

/// Marks an order as posted.
pub(super) async fn posted(db: impl PgExecutor<'_>, id: Uuid, at: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query(
        "update journal_order set posted_at = $2, refused = null where id = $1 and posted_at is null",
    )
    .bind(id)
    .bind(Ts::from(at))
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Keeps why an order was refused.
pub(super) async fn refused(db: impl PgExecutor<'_>, id: Uuid, why: &str) -> Result<u64, Error> {
    let done =
        sqlx::query("update journal_order set refused = $2 where id = $1 and posted_at is null")
            .bind(id)
            .bind(why)
            .execute(db)
            .await?;
    Ok(done.rows_affected())
}

/// The ledger's id of an account, if it is known.
pub(super) async fn known(
    db: impl PgExecutor<'_>,
    (account, currency): (AccountRef, Currency),
) -> Result<Option<Uuid>, Error> {
    let id = sqlx::query_scalar(
        "select account_id from journal_account
         where kind = $1 and owner_id is not distinct from $2 and currency = $3",
    )
    .bind(account.kind.name())
    .bind(account.owner)
    .bind(currency.code())
    .fetch_optional(db)
    .await?;
    Ok(id)
}

/// Remembers an account.
pub(super) async fn remember(
    db: impl PgExecutor<'_>,
    (account, currency): (AccountRef, Currency),
    id: Uuid,
) -> Result<(), Error> {
    sqlx::query(
        "insert into journal_account (kind, owner_id, currency, account_id) values ($1, $2, $3, $4)
         on conflict (kind, owner_id, currency) do nothing",
    )
    .bind(account.kind.name())
    .bind(account.owner)
    .bind(currency.code())
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}
