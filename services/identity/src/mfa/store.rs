//! SQL of authenticators and backup codes.

use galen_contracts::ids::UserId;
use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use galen_vault::{Column, Sealed, SealedColumn};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row as _};

use crate::secret::SecretHash;

/// The secret that an account's authenticator shares with its owner's, in base32.
pub(crate) const SECRET: Column<String> = Column::new("identity", "totp", "secret");

/// As the tools see it.
pub(crate) const SEALED: SealedColumn = SealedColumn {
    place: SECRET.place(),
    row: "account_id",
    subject: "t.account_id",
};

/// An authenticator as it is stored.
pub(crate) struct Stored {
    /// Its secret.
    pub(crate) secret: Sealed<String>,
    /// When it was enrolled.
    pub(crate) enrolled_at: Timestamp,
    /// When its owner showed a first code of it; until then it is no second factor.
    pub(crate) confirmed_at: Option<Timestamp>,
    /// The step whose code was accepted last.
    pub(crate) last_step: Option<i64>,
}

/// The authenticator of an account.
pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    account: UserId,
) -> Result<Option<Stored>, Error> {
    let row = sqlx::query(
        "select secret, enrolled_at, confirmed_at, last_step from totp where account_id = $1",
    )
    .bind(account.uuid())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// As [`find`]; nobody else looks at it so until the transaction ends, so that codes are
/// tried one after another.
pub(crate) async fn lock(tx: &mut PgConnection, account: UserId) -> Result<Option<Stored>, Error> {
    let row = sqlx::query(
        "select secret, enrolled_at, confirmed_at, last_step from totp where account_id = $1 for update",
    )
    .bind(account.uuid())
    .fetch_optional(tx)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Stores an authenticator that has yet to be confirmed, instead of one that never was;
/// false when there is one that is in use.
pub(crate) async fn enrol(
    tx: &mut PgConnection,
    account: UserId,
    secret: &Sealed<String>,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into totp (account_id, secret, enrolled_at) values ($1, $2, $3)
         on conflict (account_id) do update set secret = excluded.secret, enrolled_at = excluded.enrolled_at
         where totp.confirmed_at is null",
    )
    .bind(account.uuid())
    .bind(secret)
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes an authenticator into use, which is locked by this transaction.
pub(crate) async fn confirm(
    tx: &mut PgConnection,
    account: UserId,
    step: i64,
    now: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update totp set confirmed_at = greatest($3, enrolled_at), last_step = $2
         where account_id = $1 and confirmed_at is null",
    )
    .bind(account.uuid())
    .bind(step)
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Error::unless_rows("confirming an authenticator", 1, done.rows_affected())
}

/// Uses a step's code up: false when it or a later one was used before.
pub(crate) async fn use_step(
    tx: &mut PgConnection,
    account: UserId,
    step: i64,
) -> Result<bool, Error> {
    let done =
        sqlx::query("update totp set last_step = $2 where account_id = $1 and last_step < $2")
            .bind(account.uuid())
            .bind(step)
            .execute(tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes an account's authenticator with its backup codes: false when it has none.
pub(crate) async fn remove(tx: &mut PgConnection, account: UserId) -> Result<bool, Error> {
    let done = sqlx::query("delete from totp where account_id = $1")
        .bind(account.uuid())
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces the backup codes of an account whose authenticator is locked by this
/// transaction.
pub(crate) async fn replace_backup_codes(
    tx: &mut PgConnection,
    account: UserId,
    codes: &[SecretHash],
) -> Result<(), Error> {
    sqlx::query("delete from backup_code where account_id = $1")
        .bind(account.uuid())
        .execute(&mut *tx)
        .await?;
    let hashes: Vec<&[u8]> = codes.iter().map(SecretHash::bytes).collect();
    sqlx::query(
        "insert into backup_code (account_id, hash) select $1, hash from unnest($2::bytea[]) as code (hash)",
    )
    .bind(account.uuid())
    .bind(hashes)
    .execute(tx)
    .await?;
    Ok(())
}

/// Uses a backup code up: false when it is none of the account's or was used before.
pub(crate) async fn use_backup_code(
    tx: &mut PgConnection,
    account: UserId,
    code: SecretHash,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update backup_code set used_at = $3 where account_id = $1 and hash = $2 and used_at is null",
    )
    .bind(account.uuid())
    .bind(code.bytes())
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many backup codes of an account still work.
pub(crate) async fn backup_codes_left(
    db: impl PgExecutor<'_>,
    account: UserId,
) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(
        "select count(*) from backup_code where account_id = $1 and used_at is null",
    )
    .bind(account.uuid())
    .fetch_one(db)
    .await?)
}

/// Deletes authenticators that were not confirmed since an instant.
pub(crate) async fn purge(db: impl PgExecutor<'_>, before: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query("delete from totp where confirmed_at is null and enrolled_at < $1")
        .bind(Ts::from(before))
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

fn read(row: &PgRow) -> Result<Stored, Error> {
    Ok(Stored {
        secret: row.try_get("secret")?,
        enrolled_at: row.try_get::<Ts, _>("enrolled_at")?.to_jiff(),
        confirmed_at: row
            .try_get::<Option<Ts>, _>("confirmed_at")?
            .map(Ts::to_jiff),
        last_step: row.try_get("last_step")?,
    })
}
