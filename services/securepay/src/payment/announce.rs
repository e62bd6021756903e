//! Telling others what became of payments.
//!
//! The postings are the outbox. The announcer keeps a cursor, the stamp of the last
//! posting that it has told of, and moves it in the transaction that publishes: so
//! everything is told exactly once, whoever dies in between. Postings commit in the
//! order of their stamps, because one writer at a time stores them: what is behind the
//! cursor is complete.

use galen_contracts::securepay::v1 as wire;
use galen_eventing::Publish as _;
use galen_kernel::Problem;
use galen_storage::{Columns as _, Db, Error, Tx};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::ledger::Kind;

/// Most batches of the writer in one transaction.
const MOST: i64 = 32;

/// Tells of all that was posted; returns how many events that were.
///
/// # Errors
/// When the database fails; what was not told will be.
pub async fn run(db: &Db) -> Result<u64, Problem> {
    let mut told = 0;
    while let Some(events) = step(db).await? {
        told += events;
    }
    Ok(told)
}

/// Tells of some batches; `None` when there are no more.
async fn step(db: &Db) -> Result<Option<u64>, Error> {
    let mut tx = db.begin().await?;
    // Whoever else announces waits here, and goes on where this one stops.
    let told: i64 = sqlx::query_scalar("select told from announcer where shard = 0 for update")
        .fetch_one(tx.conn())
        .await?;
    let until: Option<i64> = sqlx::query_scalar(
        "select max(last) from (
             select last from batch where shard = 0 and first > $1 order by first limit $2
         ) b",
    )
    .bind(told)
    .bind(MOST)
    .fetch_one(tx.conn())
    .await?;
    let Some(until) = until else {
        return Ok(None);
    };
    let rows = sqlx::query(
        "select p.kind, p.amount, y.id, y.amount as payment_amount, y.currency, y.reference, y.capture = 'MANUAL' as is_manual,
                f.public_id as from_id, f.owner_id as from_owner, t.public_id as to_id, t.owner_id as to_owner,
                case when p.kind = 6 then (
                    select sum(r.amount)::bigint from posting r where r.hold_id = p.hold_id and r.kind = 6 and r.at <= p.at
                ) end as refunded,
                p.kind in (4, 5) and exists (
                    select from posting c where c.hold_id = p.hold_id and c.kind = 3 and c.at < p.at
                ) as is_rest
         from posting p
         join payment y on y.id = coalesce(p.hold_id, p.id)
         join account_info f on f.id = y.from_id
         join account_info t on t.id = y.to_id
         where p.at > $1 and p.at <= $2 and (p.kind <> 2 or y.capture = 'MANUAL')
         order by p.at",
    )
    .bind(told)
    .bind(until)
    .fetch_all(tx.conn())
    .await?;
    let before = tx.outbox_len();
    for row in &rows {
        tell(&mut tx, row)?;
    }
    let events = tx.outbox_len() - before;
    let moved = sqlx::query("update announcer set told = $1 where shard = 0 and told = $2")
        .bind(until)
        .bind(told)
        .execute(tx.conn())
        .await?
        .rows_affected();
    Error::unless_rows("move the cursor of the announcer", 1, moved)?;
    tx.commit().await?;
    Ok(Some(u64::try_from(events).unwrap_or(u64::MAX)))
}

fn tell(tx: &mut Tx, row: &PgRow) -> Result<(), Error> {
    let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let currency = row.text("currency")?;
    let money = |minor: i64| {
        Some(wire::Money {
            minor,
            currency: currency.clone(),
        })
    };
    let payment = Some(wire::PaymentFacts {
        payment_id: text(row.col("id")?),
        amount: money(row.col("payment_amount")?),
        from_wallet_id: text(row.col("from_id")?),
        to_wallet_id: text(row.col("to_id")?),
        from_owner_id: text(row.col("from_owner")?),
        to_owner_id: text(row.col("to_owner")?),
        reference_id: text(row.col("reference")?),
    });
    let amount = money(row.col("amount")?);
    let kind = Kind::from_number(row.col("kind")?).ok_or(Error::Inconsistent {
        column: "securepay.posting.kind",
    })?;
    match kind {
        // Money that moved at once was never only promised, though earlier versions wrote so.
        Kind::Hold if row.col("is_manual")? => tx.publish(&wire::PaymentAuthorized { payment }),
        Kind::Capture | Kind::Transfer => tx.publish(&wire::PaymentCaptured {
            payment,
            captured: amount,
        }),
        // The rest of what was captured in part is no news.
        Kind::Void | Kind::Expiry if row.col("is_rest")? => {}
        Kind::Void => tx.publish(&wire::PaymentVoided { payment }),
        Kind::Expiry => tx.publish(&wire::PaymentExpired { payment }),
        Kind::Refund => tx.publish(&wire::PaymentRefunded {
            payment,
            amount,
            refunded: money(row.col::<Option<i64>>("refunded")?.unwrap_or_default()),
        }),
        Kind::Hold => {}
    }
    Ok(())
}
