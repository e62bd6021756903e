//! All SQL about payments of invoices.

use galen_kernel::{Money, Timestamp};
use galen_storage::{Columns as _, Error, Tx, ts};
use sqlx::PgExecutor;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// What SecurePay is asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// To pay.
    Pay,
    /// Whether it has paid.
    Look,
    /// To give it back.
    Return,
}

impl Question {
    const fn name(self) -> &'static str {
        match self {
            Self::Pay => "PAY",
            Self::Look => "LOOK",
            Self::Return => "RETURN",
        }
    }

    fn read(name: &str) -> Option<Self> {
        [Self::Pay, Self::Look, Self::Return]
            .into_iter()
            .find(|question| question.name() == name)
    }
}

/// A payment of an invoice.
#[derive(Debug, Clone)]
pub struct Payment {
    /// Its id, in SecurePay as well.
    pub id: Uuid,
    /// Of which invoice.
    pub invoice: Uuid,
    /// From where; `None`: it is cash.
    pub wallet: Option<Uuid>,
    /// How much.
    pub amount: Money,
    /// What SecurePay is asked next.
    pub question: Option<Question>,
}

fn read(row: &PgRow) -> Result<Payment, Error> {
    let question = row.opt_text("question")?;
    let question = question.map(|name| Question::read(&name).ok_or(bad("question")));
    Ok(Payment {
        id: row.col("id")?,
        invoice: row.col("invoice_id")?,
        wallet: row.col("wallet_id")?,
        amount: Money {
            minor: row.col("minor")?,
            currency: row.text("currency")?.parse().map_err(|_| bad("currency"))?,
        },
        question: question.transpose()?,
    })
}

const fn bad(column: &'static str) -> Error {
    Error::Inconsistent { column }
}

/// Stores a new one, about which SecurePay is to be asked at an instant.
///
/// # Errors
/// When the request has one already, or the database fails.
pub async fn insert(
    tx: &mut Tx,
    payment: &Payment,
    request: Uuid,
    (now, ask_at): (Timestamp, Timestamp),
) -> Result<(), Error> {
    sqlx::query(
        "insert into invoice_payment (id, request_id, invoice_id, wallet_id, minor, currency, method, status, question, ask_at, started_at)
         values ($1, $2, $3, $4, $5, $6, 'WALLET', 'PENDING', 'PAY', $7, $8)",
    )
    .bind(payment.id)
    .bind(request)
    .bind(payment.invoice)
    .bind(payment.wallet)
    .bind(payment.amount.minor)
    .bind(payment.amount.currency.code())
    .bind(ts(ask_at))
    .bind(ts(now))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stores cash, which is there at once.
///
/// # Errors
/// When the request has a payment already, or the database fails.
pub async fn insert_cash(
    tx: &mut Tx,
    (id, request): (Uuid, Uuid),
    invoice: Uuid,
    amount: Money,
) -> Result<(), Error> {
    let now = tx.clock().now();
    sqlx::query(
        "insert into invoice_payment (id, request_id, invoice_id, minor, currency, method, status, started_at, settled_at)
         values ($1, $2, $3, $4, $5, 'CASH', 'CAPTURED', $6, $6)",
    )
    .bind(id)
    .bind(request)
    .bind(invoice)
    .bind(amount.minor)
    .bind(amount.currency.code())
    .bind(ts(now))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// That of a request.
///
/// # Errors
/// When the database fails.
pub async fn of_request(db: impl PgExecutor<'_>, request: Uuid) -> Result<Option<Payment>, Error> {
    let row = sqlx::query("select * from invoice_payment where request_id = $1")
        .bind(request)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// One by its id.
///
/// # Errors
/// When the database fails.
pub async fn get(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Payment>, Error> {
    let row = sqlx::query("select * from invoice_payment where id = $1")
        .bind(id)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Those about which SecurePay is to be asked.
///
/// # Errors
/// When the database fails.
pub async fn due(
    db: impl PgExecutor<'_>,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Payment>, Error> {
    sqlx::query(
        "select * from invoice_payment where question is not null and ask_at <= $1
         order by ask_at, id limit $2",
    )
    .bind(ts(now))
    .bind(most)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Asks later.
///
/// # Errors
/// When the database fails.
pub async fn later(db: impl PgExecutor<'_>, id: Uuid, at: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query(
        "update invoice_payment set ask_at = $2 where id = $1 and question is not null",
    )
    .bind(id)
    .bind(ts(at))
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Asks something else.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn question(
    tx: &mut Tx,
    id: Uuid,
    question: Question,
    at: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query("update invoice_payment set question = $2, ask_at = $3 where id = $1")
        .bind(id)
        .bind(question.name())
        .bind(ts(at))
        .execute(tx.conn())
        .await?;
    Error::unless_rows("ask something else of a payment", 1, done.rows_affected())
}

/// There is nothing more to ask.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn end(
    tx: &mut Tx,
    id: Uuid,
    status: &'static str,
    refusal: Option<&str>,
    at: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update invoice_payment
         set status = $2, refusal = coalesce($3, refusal), question = null, ask_at = null, settled_at = $4
         where id = $1",
    )
    .bind(id)
    .bind(status)
    .bind(refusal)
    .bind(ts(at))
    .execute(tx.conn())
    .await?;
    Error::unless_rows("end a payment", 1, done.rows_affected())
}

/// A part went back.
///
/// # Errors
/// When there is none, or the database fails.
pub async fn refunded(tx: &mut Tx, id: Uuid, minor: i64) -> Result<(), Error> {
    let done = sqlx::query("update invoice_payment set refunded = refunded + $2 where id = $1")
        .bind(id)
        .bind(minor)
        .execute(tx.conn())
        .await?;
    Error::unless_rows("give back of a payment", 1, done.rows_affected())
}
