//! SQL of signing keys.

use galen_access::SigningKey;
use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use sqlx::{PgConnection, PgExecutor, Row as _};

use super::model::State;

/// A stored key.
pub(crate) struct StoredKey {
    /// The key itself.
    pub(crate) key: SigningKey,
    /// Where it is in its life.
    pub(crate) state: State,
    /// Since when it signs.
    pub(crate) activated_at: Option<Timestamp>,
}

/// Makes everybody else who would change the keys wait.
pub(crate) async fn lock(tx: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("lock table signing_key in share row exclusive mode")
        .execute(tx)
        .await?;
    Ok(())
}

/// Every key.
pub(crate) async fn all(db: impl PgExecutor<'_>) -> Result<Vec<StoredKey>, Error> {
    let rows = sqlx::query(
        "select kid, pkcs8, state, activated_at from signing_key order by created_at, kid",
    )
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let key = SigningKey::from_pkcs8(row.try_get("kid")?, row.try_get("pkcs8")?).map_err(
                |_| Error::Inconsistent {
                    column: "identity.signing_key.pkcs8",
                },
            )?;
            let state = State::from_name(row.try_get("state")?).ok_or(Error::Inconsistent {
                column: "identity.signing_key.state",
            })?;
            let activated_at = row
                .try_get::<Option<Ts>, _>("activated_at")?
                .map(Ts::to_jiff);
            Ok(StoredKey {
                key,
                state,
                activated_at,
            })
        })
        .collect()
}

/// Stores the next key.
pub(crate) async fn insert_next(
    tx: &mut PgConnection,
    key: &SigningKey,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "insert into signing_key (kid, pkcs8, state, created_at) values ($1, $2, 'NEXT', $3)",
    )
    .bind(key.kid())
    .bind(key.pkcs8())
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Ok(())
}

/// Retires the current key, if there is one.
pub(crate) async fn retire(tx: &mut PgConnection, now: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "update signing_key set state = 'RETIRED', retired_at = $1 where state = 'CURRENT'",
    )
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Ok(())
}

/// Makes the next key the current one.
pub(crate) async fn activate(tx: &mut PgConnection, now: Timestamp) -> Result<(), Error> {
    let done = sqlx::query(
        "update signing_key set state = 'CURRENT', activated_at = $1 where state = 'NEXT'",
    )
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    match done.rows_affected() {
        1 => Ok(()),
        actual => Err(Error::RowsAffected {
            operation: "activating a signing key",
            expected: 1,
            actual,
        }),
    }
}

/// Deletes keys that were retired before an instant.
pub(crate) async fn forget(tx: &mut PgConnection, retired_before: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query("delete from signing_key where retired_at < $1")
        .bind(Ts::from(retired_before))
        .execute(tx)
        .await?;
    Ok(done.rows_affected())
}
