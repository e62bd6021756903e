//! All SQL about tills.

use galen_kernel::{Currency, Timestamp};
use galen_storage::{Columns as _, Error, Tx, ts};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::CashSessionError;
use super::model::{CashSession, CashSessionId, Count, Denomination, Status};
use crate::position::Position;

const fn bad(column: &'static str) -> Error {
    Error::Inconsistent { column }
}

fn read(row: &PgRow) -> Result<CashSession, Error> {
    let currency = row.text("currency")?.parse();
    let counted: Option<i64> = row.col("counted")?;
    let counted_by: Option<Uuid> = row.col("counted_by")?;
    let approved_by: Option<Uuid> = row.col("approved_by")?;
    let count = counted.zip(counted_by).zip(row.opt_instant("counted_at")?);
    Ok(CashSession {
        id: row.id("id")?,
        cashier: row.col("cashier_id")?,
        location: row.opt_text("location")?,
        currency: currency.map_err(|_| bad("billing.cash_session.currency"))?,
        float: row.col("opening")?,
        taken: row.col("taken")?,
        given_back: row.col("given_back")?,
        status: Status::read(&row.text("status")?).ok_or(bad("billing.cash_session.status"))?,
        opened_at: row.instant("opened_at")?,
        count: count.map(|((total, by), at)| Count { total, by, at }),
        approved: approved_by.zip(row.opt_instant("approved_at")?),
        closed_at: row.opt_instant("closed_at")?,
        version: row.col("version")?,
    })
}

/// Stores a new one.
///
/// # Errors
/// When its cashier has an open one in the currency, or the database fails.
pub async fn insert(tx: &mut Tx, session: &CashSession) -> Result<(), CashSessionError> {
    let done = sqlx::query(
        "insert into cash_session (id, cashier_id, location, currency, opening, status, opened_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (cashier_id, currency) where status = 'OPEN' do nothing",
    )
    .bind(session.id.uuid())
    .bind(session.cashier)
    .bind(&session.location)
    .bind(session.currency.code())
    .bind(session.float)
    .bind(session.status.name())
    .bind(ts(session.opened_at))
    .bind(session.version)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(CashSessionError::AlreadyOpen)
    }
}

/// Reads one.
///
/// # Errors
/// When the database fails.
pub async fn get(db: impl PgExecutor<'_>, id: CashSessionId) -> Result<Option<CashSession>, Error> {
    let row = sqlx::query("select * from cash_session where id = $1")
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Reads one and locks it.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn lock(tx: &mut Tx, id: CashSessionId) -> Result<CashSession, CashSessionError> {
    let row = sqlx::query("select * from cash_session where id = $1 for update")
        .bind(id.uuid())
        .fetch_optional(tx.conn())
        .await?;
    let row = row.ok_or(CashSessionError::Unknown)?;
    Ok(read(&row)?)
}

/// Reads and locks the open one of a cashier. Whoever locks an invoice as well has
/// locked it before.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn lock_open(
    tx: &mut Tx,
    cashier: Uuid,
    currency: Currency,
) -> Result<CashSession, CashSessionError> {
    let row = sqlx::query(
        "select * from cash_session
         where cashier_id = $1 and currency = $2 and status = 'OPEN' for update",
    )
    .bind(cashier)
    .bind(currency.code())
    .fetch_optional(tx.conn())
    .await?;
    let row = row.ok_or(CashSessionError::NoneOpen)?;
    Ok(read(&row)?)
}

/// Stores a change of a locked one.
///
/// # Errors
/// When somebody else changed it, or the database fails.
pub async fn change(tx: &mut Tx, session: &CashSession) -> Result<(), Error> {
    let done = sqlx::query(
        "update cash_session
         set taken = $3, given_back = $4, status = $5, counted = $6, counted_by = $7, counted_at = $8,
             approved_by = $9, approved_at = $10, closed_at = $11, version = $2
         where id = $1 and version = $2 - 1",
    )
    .bind(session.id.uuid())
    .bind(session.version)
    .bind(session.taken)
    .bind(session.given_back)
    .bind(session.status.name())
    .bind(session.count.map(|count| count.total))
    .bind(session.count.map(|count| count.by))
    .bind(session.count.map(|count| ts(count.at)))
    .bind(session.approved.map(|(by, _)| by))
    .bind(session.approved.map(|(_, at)| ts(at)))
    .bind(session.closed_at.map(ts))
    .execute(tx.conn())
    .await?;
    Error::unless_rows("change a cash session", 1, done.rows_affected())
}

/// Keeps a count: also those that are counted again.
///
/// # Errors
/// When the database fails.
pub async fn keep_count(
    tx: &mut Tx,
    session: &CashSession,
    count: &Count,
    denominations: Option<&[Denomination]>,
) -> Result<(), Error> {
    sqlx::query(
        "insert into cash_count (session_id, place, expected, counted, denominations, counted_by, counted_at)
         select $1, coalesce(max(place), 0) + 1, $2, $3, $4, $5, $6 from cash_count where session_id = $1",
    )
    .bind(session.id.uuid())
    .bind(session.expected())
    .bind(count.total)
    .bind(denominations.map(Json))
    .bind(count.by)
    .bind(ts(count.at))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A count, with its coins and notes when they were counted.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What, by whom and when.
    pub count: Count,
    /// What should have been there; minor units.
    pub expected: i64,
    /// Coins and notes.
    pub denominations: Option<Vec<Denomination>>,
}

/// The counts of a session, in order.
///
/// # Errors
/// When the database fails.
pub async fn counts(db: impl PgExecutor<'_>, id: CashSessionId) -> Result<Vec<Kept>, Error> {
    sqlx::query("select * from cash_count where session_id = $1 order by place")
        .bind(id.uuid())
        .fetch_all(db)
        .await?
        .iter()
        .map(|row| {
            let denominations: Option<Json<Vec<Denomination>>> = row.col("denominations")?;
            Ok(Kept {
                count: Count {
                    total: row.col("counted")?,
                    by: row.col("counted_by")?,
                    at: row.instant("counted_at")?,
                },
                expected: row.col("expected")?,
                denominations: denominations.map(|Json(each)| each),
            })
        })
        .collect()
}

/// Which way cash went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CashMovementKind)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Direction {
    /// A patient paid.
    Payment,
    /// A patient got something back.
    Refund,
}

impl Direction {
    const fn name(self) -> &'static str {
        match self {
            Self::Payment => "PAYMENT",
            Self::Refund => "REFUND",
        }
    }

    fn read(name: &str) -> Option<Self> {
        [Self::Payment, Self::Refund]
            .into_iter()
            .find(|direction| direction.name() == name)
    }
}

/// Cash that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// The payment's id, or the refund's.
    pub id: Uuid,
    /// Which way.
    pub direction: Direction,
    /// For which invoice.
    pub invoice: Uuid,
    /// Which payment of it.
    pub payment: Uuid,
    /// How much; minor units.
    pub minor: i64,
    /// What the patient put on the table; minor units.
    pub tendered: Option<i64>,
    /// When.
    pub at: Timestamp,
}

/// Stores cash that moved in a session.
///
/// # Errors
/// When the database fails.
pub async fn moved(tx: &mut Tx, session: &CashSession, movement: &Movement) -> Result<(), Error> {
    sqlx::query(
        "insert into cash_movement (id, session_id, currency, kind, invoice_id, payment_id, minor, tendered, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(movement.id)
    .bind(session.id.uuid())
    .bind(session.currency.code())
    .bind(movement.direction.name())
    .bind(movement.invoice)
    .bind(movement.payment)
    .bind(movement.minor)
    .bind(movement.tendered)
    .bind(ts(movement.at))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What moved in a session, in order.
///
/// # Errors
/// When the database fails.
pub async fn movements(db: impl PgExecutor<'_>, id: CashSessionId) -> Result<Vec<Movement>, Error> {
    sqlx::query("select * from cash_movement where session_id = $1 order by at, id")
        .bind(id.uuid())
        .fetch_all(db)
        .await?
        .iter()
        .map(|row| {
            let kind = Direction::read(&row.text("kind")?);
            Ok(Movement {
                id: row.col("id")?,
                direction: kind.ok_or(bad("billing.cash_movement.kind"))?,
                invoice: row.col("invoice_id")?,
                payment: row.col("payment_id")?,
                minor: row.col("minor")?,
                tendered: row.col("tendered")?,
                at: row.instant("at")?,
            })
        })
        .collect()
}

/// A page of sessions by when they were opened.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    cashier: Option<Uuid>,
    status: Option<Status>,
    after: Option<Position>,
    limit: u16,
) -> Result<Vec<CashSession>, Error> {
    sqlx::query(
        "select * from cash_session
         where ($1::uuid is null or cashier_id = $1)
           and ($2::text is null or status = $2)
           and ($3::timestamptz is null or (opened_at, id) > ($3, $4))
         order by opened_at, id
         limit $5",
    )
    .bind(cashier)
    .bind(status.map(Status::name))
    .bind(after.map(|position| ts(position.0)))
    .bind(after.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}
