//! SQL of credential links.

use galen_contracts::ids::UserId;
use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;

use super::model::{Link, LinkId, Purpose};
use crate::secret::SecretHash;

/// Whether an open link of this purpose was asked for after an instant.
pub(crate) async fn asked_since(
    db: impl PgExecutor<'_>,
    account: UserId,
    purpose: Purpose,
    since: Timestamp,
) -> Result<bool, Error> {
    Ok(sqlx::query_scalar(
        "select exists (select from credential_link
                        where account_id = $1 and purpose = $2 and requested_at > $3 and closed_at is null)",
    )
    .bind(account.uuid())
    .bind(purpose.name())
    .bind(Ts::from(since))
    .fetch_one(db)
    .await?)
}

/// Stores a new link.
pub(crate) async fn insert(tx: &mut PgConnection, link: &Link) -> Result<(), Error> {
    sqlx::query("insert into credential_link (id, account_id, purpose, requested_at, mintable_until) values ($1, $2, $3, $4, $5)")
        .bind(link.id.uuid())
        .bind(link.account.uuid())
        .bind(link.purpose.name())
        .bind(Ts::from(link.requested_at))
        .bind(Ts::from(link.mintable_until))
        .execute(tx)
        .await?;
    Ok(())
}

/// The link, which nobody else changes until the transaction ends.
pub(crate) async fn lock(tx: &mut PgConnection, id: LinkId) -> Result<Option<Link>, Error> {
    let row = sqlx::query(
        "select id, account_id, purpose, requested_at, mintable_until, closed_at from credential_link where id = $1 for update",
    )
    .bind(id.uuid())
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        let purpose = row.try_get::<String, _>("purpose")?;
        Ok(Link {
            id: row.try_get::<Uuid, _>("id")?.into(),
            account: row.try_get::<Uuid, _>("account_id")?.into(),
            purpose: Purpose::from_name(&purpose).ok_or(Error::Inconsistent {
                column: "identity.credential_link.purpose",
            })?,
            requested_at: row.try_get::<Ts, _>("requested_at")?.to_jiff(),
            mintable_until: row.try_get::<Ts, _>("mintable_until")?.to_jiff(),
            closed_at: row.try_get::<Option<Ts>, _>("closed_at")?.map(Ts::to_jiff),
        })
    })
    .transpose()
}

/// Replaces the secret of a link, which is locked by this transaction.
pub(crate) async fn set_secret(
    tx: &mut PgConnection,
    id: LinkId,
    secret: SecretHash,
    expires_at: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query("update credential_link set secret_hash = $2, expires_at = $3 where id = $1 and closed_at is null")
        .bind(id.uuid())
        .bind(secret.bytes())
        .bind(Ts::from(expires_at))
        .execute(tx)
        .await?;
    Error::unless_rows("minting a link", 1, done.rows_affected())
}

/// Whose account a secret opens now, if it is of a link for one of these purposes.
pub(crate) async fn account_of(
    db: impl PgExecutor<'_>,
    secret: SecretHash,
    purposes: &[Purpose],
    now: Timestamp,
) -> Result<Option<UserId>, Error> {
    let id = sqlx::query_scalar::<_, Uuid>(
        "select account_id from credential_link
         where secret_hash = $1 and purpose = any ($2) and closed_at is null and expires_at > $3",
    )
    .bind(secret.bytes())
    .bind(names(purposes))
    .bind(Ts::from(now))
    .fetch_optional(db)
    .await?;
    Ok(id.map(Into::into))
}

/// Uses a secret up: false when it does not work any more, or is for something else.
pub(crate) async fn use_secret(
    tx: &mut PgConnection,
    secret: SecretHash,
    purposes: &[Purpose],
    now: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update credential_link set closed_at = $3
         where secret_hash = $1 and purpose = any ($2) and closed_at is null and expires_at > $3",
    )
    .bind(secret.bytes())
    .bind(names(purposes))
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Closes what links for these purposes the account has.
pub(crate) async fn close(
    tx: &mut PgConnection,
    account: UserId,
    purposes: &[Purpose],
    now: Timestamp,
) -> Result<u64, Error> {
    let done = sqlx::query(
        "update credential_link set closed_at = $3
         where account_id = $1 and purpose = any ($2) and closed_at is null",
    )
    .bind(account.uuid())
    .bind(names(purposes))
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

fn names(purposes: &[Purpose]) -> Vec<&'static str> {
    purposes.iter().map(|purpose| purpose.name()).collect()
}

/// Deletes links that were asked for before an instant.
pub(crate) async fn purge(db: impl PgExecutor<'_>, asked_before: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query("delete from credential_link where requested_at < $1")
        .bind(Ts::from(asked_before))
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
