//! SQL of signing keys, which are sealed.

use galen_access::SigningKey;
use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use galen_vault::{Column, Sealed, SealedColumn, Vault};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

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

/// What the sealed keys are about: the hospital itself.
const SUBJECT: Uuid = uuid::uuid!("67616c65-6e01-8000-8000-000000000001");

/// A key as PKCS #8.
const PKCS8: Column<Vec<u8>> = Column::new("identity", "signing_key", "sealed");

/// The sealed column, for the tools.
pub(crate) const SEALED: SealedColumn = SealedColumn {
    place: PKCS8.place(),
    row: "id",
    subject: "'67616c65-6e01-8000-8000-000000000001'::uuid",
};

/// Seals what an older version has stored as it was; returns how many keys.
pub(crate) async fn seal(tx: &mut PgConnection, vault: &Vault) -> Result<u64, galen_vault::Error> {
    let stored: Vec<(Uuid, Vec<u8>)> =
        sqlx::query_as("select id, pkcs8 from signing_key where pkcs8 is not null for update")
            .fetch_all(&mut *tx)
            .await?;
    for (id, pkcs8) in &stored {
        let sealed = vault
            .key_of(&mut *tx, SUBJECT)
            .await?
            .seal(&PKCS8, *id, pkcs8)?;
        let done = sqlx::query("update signing_key set pkcs8 = null, sealed = $2 where id = $1")
            .bind(id)
            .bind(sealed)
            .execute(&mut *tx)
            .await?;
        Error::unless_rows("sealing a signing key", 1, done.rows_affected())?;
    }
    Ok(stored.len() as u64)
}

/// Every key.
pub(crate) async fn all(
    db: &mut PgConnection,
    vault: &Vault,
) -> Result<Vec<StoredKey>, galen_vault::Error> {
    let rows = sqlx::query(
        "select id, kid, pkcs8, sealed, state, activated_at from signing_key order by created_at, kid",
    )
    .fetch_all(&mut *db)
    .await?;
    let sealed: Vec<Option<Sealed<Vec<u8>>>> = rows
        .iter()
        .map(|row| row.try_get("sealed"))
        .collect::<Result<_, _>>()?;
    let ring = vault.keyring(db, sealed.iter().flatten()).await?;
    rows.iter()
        .zip(&sealed)
        .map(|(row, sealed)| {
            let pkcs8 = match sealed {
                Some(sealed) => {
                    let id: Uuid = row.try_get("id")?;
                    ring.open(&PKCS8, SUBJECT, id, sealed)?.into_inner()
                }
                // Of a process of an older version, which is about to end.
                None => row.try_get("pkcs8")?,
            };
            let key = SigningKey::from_pkcs8(row.try_get("kid")?, &pkcs8).map_err(|_| {
                Error::Inconsistent {
                    column: "identity.signing_key.sealed",
                }
            })?;
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
    vault: &Vault,
    key: &SigningKey,
    id: Uuid,
    now: Timestamp,
) -> Result<(), galen_vault::Error> {
    let sealing = vault.key_of(&mut *tx, SUBJECT).await?;
    sqlx::query(
        "insert into signing_key (id, kid, sealed, state, created_at) values ($1, $2, $3, 'NEXT', $4)",
    )
    .bind(id)
    .bind(key.kid())
    .bind(sealing.seal(&PKCS8, id, &key.pkcs8().to_vec())?)
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
    Error::unless_rows("activating a signing key", 1, done.rows_affected())
}

/// Deletes keys that were retired before an instant.
pub(crate) async fn forget(tx: &mut PgConnection, retired_before: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query("delete from signing_key where retired_at < $1")
        .bind(Ts::from(retired_before))
        .execute(tx)
        .await?;
    Ok(done.rows_affected())
}
