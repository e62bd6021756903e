//! All SQL about resolutions.

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, ts};
use galen_vault::{Column, Sealed, SealedColumn};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Outcome, Resolution, ResolutionError, ResolutionId, Status};
use crate::payment::words::Words;
use crate::provider::ProviderReference;

/// How something was found out.
pub(crate) const REASON: Column<Words> = Column::new("securepay", "order_resolution", "reason");

/// What is sealed: with the key of whoever owns the wallet of the order.
pub(crate) const SEALED: SealedColumn = SealedColumn {
    place: REASON.place(),
    row: "id",
    subject: "(select coalesce(i.owner_id, i.public_id) from provider_order o join account_info i on i.public_id = o.wallet_id where o.id = t.order_id)",
};

/// A resolution with its sealed reason.
pub struct Row {
    /// The resolution.
    pub resolution: Resolution,
    /// Whose key the reason is sealed with.
    pub subject: Uuid,
    /// How it was found out.
    pub reason: Sealed<Words>,
}

/// A position in the list.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Position(pub Timestamp, pub Uuid);

/// Which resolutions are looked for; `None` does not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// Where they stand.
    pub status: Option<Status>,
    /// About which order.
    pub order: Option<Uuid>,
}

const fn bad(column: &'static str) -> Error {
    Error::Inconsistent { column }
}

fn read(row: &PgRow) -> Result<Row, Error> {
    let by: Option<Uuid> = row.col("decided_by")?;
    let says = row
        .opt_text("provider_says")?
        .map(|name| Outcome::read(&name).ok_or(bad("securepay.order_resolution.provider_says")))
        .transpose()?;
    Ok(Row {
        resolution: Resolution {
            id: row.id("id")?,
            order: row.col("order_id")?,
            outcome: Outcome::read(&row.text("outcome")?)
                .ok_or(bad("securepay.order_resolution.outcome"))?,
            evidence: ProviderReference::new(row.text("evidence")?)
                .ok_or(bad("securepay.order_resolution.evidence"))?,
            status: Status::read(&row.text("status")?)
                .ok_or(bad("securepay.order_resolution.status"))?,
            requested_by: row.col("requested_by")?,
            requested_at: row.instant("requested_at")?,
            decided: by.zip(row.opt_instant("decided_at")?),
            provider_says: says.zip(row.opt_instant("said_at")?),
            version: row.col("version")?,
        },
        subject: row.col("subject")?,
        reason: row.col("reason")?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select r.id, r.order_id, r.outcome, r.evidence, r.reason, r.status, r.requested_by, r.requested_at,
                    r.decided_by, r.decided_at, r.provider_says, r.said_at, r.version,
                    coalesce(i.owner_id, i.public_id) as subject
             from order_resolution r
             join provider_order o on o.id = r.order_id
             join account_info i on i.public_id = o.wallet_id ",
            $rest
        )
    };
}

/// Stores a new one.
///
/// # Errors
/// When somebody was first, or the database fails.
pub async fn insert(
    db: &mut PgConnection,
    resolution: &Resolution,
    reason: &Sealed<Words>,
) -> Result<(), ResolutionError> {
    sqlx::query(
        "insert into order_resolution (id, order_id, outcome, evidence, reason, status, requested_by, requested_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(resolution.id.uuid())
    .bind(resolution.order)
    .bind(resolution.outcome.name())
    .bind(resolution.evidence.as_str())
    .bind(reason)
    .bind(resolution.status.name())
    .bind(resolution.requested_by)
    .bind(ts(resolution.requested_at))
    .bind(resolution.version)
    .execute(db)
    .await
    .map_err(Error::from)?;
    Ok(())
}

/// Reads one and locks it.
///
/// # Errors
/// When the database fails.
pub async fn get_for_change(db: &mut PgConnection, id: ResolutionId) -> Result<Option<Row>, Error> {
    let row = sqlx::query(select!("where r.id = $1 for update of r"))
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Writes down what was decided; `ask_at`: when the provider is asked next.
///
/// # Errors
/// When somebody else changed it, or the database fails.
pub async fn decide(
    db: &mut PgConnection,
    resolution: &Resolution,
    ask_at: Option<Timestamp>,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update order_resolution set status = $3, decided_by = $4, decided_at = $5, ask_at = $6, version = $2
         where id = $1 and version = $2 - 1",
    )
    .bind(resolution.id.uuid())
    .bind(resolution.version)
    .bind(resolution.status.name())
    .bind(resolution.decided.map(|(by, _)| by))
    .bind(resolution.decided.map(|(_, at)| ts(at)))
    .bind(ask_at.map(ts))
    .execute(db)
    .await?;
    Error::unless_rows("decide about an order", 1, done.rows_affected())
}

/// A page, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &mut PgConnection,
    filter: &Filter,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<Row>, Error> {
    sqlx::query(select!(
        "where ($1::text is null or r.status = $1)
           and ($2::uuid is null or r.order_id = $2)
           and ($3::timestamptz is null or (r.requested_at, r.id) > ($3, $4))
         order by r.requested_at, r.id
         limit $5"
    ))
    .bind(filter.status.map(Status::name))
    .bind(filter.order)
    .bind(after.map(|position| ts(position.0)))
    .bind(after.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Takes up those about which the provider is to be asked, and puts the next question
/// off: their ids, orders, which way the money goes, and what was found out.
///
/// # Errors
/// When the database fails.
pub async fn take_up(
    db: impl PgExecutor<'_>,
    provider: &str,
    now: Timestamp,
    next: Timestamp,
    most: i64,
) -> Result<Vec<(ResolutionId, Uuid, Outcome)>, Error> {
    sqlx::query(
        "update order_resolution r set ask_at = $3
         where r.id in (
             select d.id from order_resolution d join provider_order o on o.id = d.order_id
             where d.ask_at <= $2 and o.provider = $1
             order by d.ask_at limit $4
             for update of d skip locked)
         returning r.id, r.order_id, r.outcome",
    )
    .bind(provider)
    .bind(ts(now))
    .bind(ts(next))
    .bind(most)
    .fetch_all(db)
    .await?
    .iter()
    .map(|row| {
        let outcome = Outcome::read(&row.text("outcome")?);
        Ok((
            row.id("id")?,
            row.col("order_id")?,
            outcome.ok_or(bad("securepay.order_resolution.outcome"))?,
        ))
    })
    .collect()
}

/// Writes down what the provider says by now; `false` when it said something before.
///
/// # Errors
/// When the database fails.
pub async fn said(
    db: impl PgExecutor<'_>,
    id: ResolutionId,
    says: Outcome,
    at: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update order_resolution set provider_says = $2, said_at = $3, ask_at = null, version = version + 1
         where id = $1 and status = 'APPROVED' and provider_says is null",
    )
    .bind(id.uuid())
    .bind(says.name())
    .bind(ts(at))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The provider let know that there is something to ask for; how many wait for it.
///
/// # Errors
/// When the database fails.
pub async fn knocked(db: impl PgExecutor<'_>, order: Uuid, now: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query(
        "update order_resolution set ask_at = $2
         where order_id = $1 and status = 'APPROVED' and provider_says is null and (ask_at is null or ask_at > $2)",
    )
    .bind(order)
    .bind(ts(now))
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
