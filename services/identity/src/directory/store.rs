//! SQL of the directory's people and of logins through it.

use galen_contracts::ids::UserId;
use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;

use super::handshake::Handshake;
use super::model::{Bond, Origin, Subject};

/// The account of somebody.
pub(super) async fn bond(
    db: impl PgExecutor<'_>,
    issuer: &str,
    subject: &Subject,
) -> Result<Option<Bond>, Error> {
    let row = sqlx::query(
        "select account_id, origin, linked_at from directory_identity where issuer = $1 and subject = $2",
    )
    .bind(issuer)
    .bind(subject.as_str())
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let origin: String = row.try_get("origin")?;
        Ok(Bond {
            account: row.try_get::<Uuid, _>("account_id")?.into(),
            origin: Origin::from_name(&origin).ok_or(Error::Inconsistent {
                column: "identity.directory_identity.origin",
            })?,
            linked_at: row.try_get::<Ts, _>("linked_at")?.to_jiff(),
        })
    })
    .transpose()
}

/// Binds somebody to an account, unless they are bound; whoever does the same at this
/// moment is waited for. The account may be made later in the transaction.
pub(super) async fn bind(
    tx: &mut PgConnection,
    issuer: &str,
    subject: &Subject,
    bond: &Bond,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into directory_identity (issuer, subject, account_id, origin, linked_at)
         values ($1, $2, $3, $4, $5) on conflict (issuer, subject) do nothing",
    )
    .bind(issuer)
    .bind(subject.as_str())
    .bind(bond.account.uuid())
    .bind(bond.origin.name())
    .bind(Ts::from(bond.linked_at))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether an account, which is locked by this transaction, is somebody's already.
pub(super) async fn is_bound(
    tx: &mut PgConnection,
    issuer: &str,
    account: UserId,
) -> Result<bool, Error> {
    Ok(sqlx::query_scalar(
        "select exists (select from directory_identity where issuer = $1 and account_id = $2)",
    )
    .bind(issuer)
    .bind(account.uuid())
    .fetch_one(tx)
    .await?)
}

/// Parts an account from whomever it was bound to: false when it was to nobody.
pub(super) async fn part(
    tx: &mut PgConnection,
    issuer: &str,
    account: UserId,
) -> Result<bool, Error> {
    let done = sqlx::query("delete from directory_identity where issuer = $1 and account_id = $2")
        .bind(issuer)
        .bind(account.uuid())
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Remembers that a login was begun.
pub(super) async fn insert_login(
    db: impl PgExecutor<'_>,
    handshake: &Handshake,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query("insert into directory_login (state, browser, started_at) values ($1, $2, $3)")
        .bind(handshake.state_hash().bytes())
        .bind(handshake.browser_hash().bytes())
        .bind(Ts::from(now))
        .execute(db)
        .await?;
    Ok(())
}

/// Ends a login: false when it was not begun in this browser after an instant, or has
/// ended before.
pub(super) async fn use_login(
    db: impl PgExecutor<'_>,
    handshake: &Handshake,
    begun_after: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "delete from directory_login where state = $1 and browser = $2 and started_at > $3",
    )
    .bind(handshake.state_hash().bytes())
    .bind(handshake.browser_hash().bytes())
    .bind(Ts::from(begun_after))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets logins that were begun before an instant, and the oldest beyond the newest
/// `keep`.
pub(crate) async fn forget_logins(
    db: impl PgExecutor<'_>,
    before: Timestamp,
    keep: i64,
) -> Result<u64, Error> {
    let done = sqlx::query(
        "delete from directory_login
         where started_at < greatest($1, coalesce(
             (select started_at from directory_login order by started_at desc offset $2 limit 1), $1))",
    )
    .bind(Ts::from(before))
    .bind(keep)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
