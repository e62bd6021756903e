//! SQL of passkeys and their ceremonies.

use galen_contracts::ids::{SessionId, UserId};
use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;
use webauthn_rs::prelude::{CredentialID, DiscoverableAuthentication, PasskeyRegistration};

use super::model::{CeremonyId, Name, Passkey, PasskeyId};
use crate::attempt::model::Subject;

/// The passkeys of an account, oldest first.
pub(crate) async fn list(db: impl PgExecutor<'_>, account: UserId) -> Result<Vec<Passkey>, Error> {
    let rows = sqlx::query(
        "select id, account_id, credential, name, created_at, last_used_at
         from passkey where account_id = $1 order by id",
    )
    .bind(account.uuid())
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// The ids of an account's credentials.
pub(crate) async fn credentials_of(
    db: impl PgExecutor<'_>,
    account: UserId,
) -> Result<Vec<CredentialID>, Error> {
    Ok(
        sqlx::query_scalar("select credential_id from passkey where account_id = $1 order by id")
            .bind(account.uuid())
            .fetch_all(db)
            .await?,
    )
}

/// The passkey of a credential, which nobody else uses until the transaction ends.
pub(crate) async fn lock(
    tx: &mut PgConnection,
    credential: &[u8],
) -> Result<Option<Passkey>, Error> {
    let row = sqlx::query(
        "select id, account_id, credential, name, created_at, last_used_at
         from passkey where credential_id = $1 for update",
    )
    .bind(credential)
    .fetch_optional(tx)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Stores a new passkey; false when its credential is known.
pub(crate) async fn insert(tx: &mut PgConnection, passkey: &Passkey) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into passkey (id, account_id, credential_id, credential, name, created_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (credential_id) do nothing",
    )
    .bind(passkey.id.uuid())
    .bind(passkey.account.uuid())
    .bind(passkey.key.cred_id().as_slice())
    .bind(Json(&passkey.key))
    .bind(passkey.name.as_str())
    .bind(Ts::from(passkey.created_at))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes all passkeys of an account, and says how many.
pub(crate) async fn remove_all(tx: &mut PgConnection, account: UserId) -> Result<u64, Error> {
    let done = sqlx::query("delete from passkey where account_id = $1")
        .bind(account.uuid())
        .execute(tx)
        .await?;
    Ok(done.rows_affected())
}

/// Stores that a passkey, which is locked by this transaction, was used now.
pub(crate) async fn used(
    tx: &mut PgConnection,
    passkey: &Passkey,
    now: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update passkey set credential = $2, last_used_at = greatest(created_at, $3) where id = $1",
    )
    .bind(passkey.id.uuid())
    .bind(Json(&passkey.key))
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Error::unless_rows("using a passkey", 1, done.rows_affected())
}

/// Deletes a passkey of an account; false when it has none of this id.
pub(crate) async fn delete(
    tx: &mut PgConnection,
    id: PasskeyId,
    account: UserId,
) -> Result<bool, Error> {
    let done = sqlx::query("delete from passkey where id = $1 and account_id = $2")
        .bind(id.uuid())
        .bind(account.uuid())
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Begins a registration in a session, instead of one that it began before; false when
/// the session has ended.
pub(crate) async fn begin_registration(
    db: impl PgExecutor<'_>,
    id: CeremonyId,
    account: UserId,
    session: SessionId,
    state: &PasskeyRegistration,
    expires_at: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into passkey_ceremony (id, purpose, account_id, session_id, state, expires_at)
         select $1, 'REGISTRATION', account_id, id, $4, $5
         from session where id = $3 and account_id = $2 and revoked_at is null
         on conflict (session_id) do update
         set id = excluded.id, state = excluded.state, expires_at = excluded.expires_at",
    )
    .bind(id.uuid())
    .bind(account.uuid())
    .bind(session.uuid())
    .bind(Json(state))
    .bind(Ts::from(expires_at))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a registration of this account in this session. Of two at once, one gets it.
pub(crate) async fn take_registration(
    tx: &mut PgConnection,
    id: CeremonyId,
    account: UserId,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<PasskeyRegistration>, Error> {
    let state = sqlx::query_scalar::<_, Json<PasskeyRegistration>>(
        "delete from passkey_ceremony
         where id = $1 and purpose = 'REGISTRATION' and account_id = $2 and session_id = $3 and expires_at > $4
         returning state",
    )
    .bind(id.uuid())
    .bind(account.uuid())
    .bind(session.uuid())
    .bind(Ts::from(now))
    .fetch_optional(tx)
    .await?;
    Ok(state.map(|Json(state)| state))
}

/// Begins a login, of somebody or of the one whose name was given.
pub(crate) async fn begin_authentication(
    db: impl PgExecutor<'_>,
    id: CeremonyId,
    subject: Option<&Subject>,
    state: &DiscoverableAuthentication,
    expires_at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "insert into passkey_ceremony (id, purpose, subject, state, expires_at)
         values ($1, 'AUTHENTICATION', $2, $3, $4)",
    )
    .bind(id.uuid())
    .bind(subject.map(Subject::bytes))
    .bind(Json(state))
    .bind(Ts::from(expires_at))
    .execute(db)
    .await?;
    Ok(())
}

/// A login that was begun.
pub(crate) struct Authentication {
    /// Whose name was given.
    pub(crate) subject: Option<Subject>,
    /// What the answer is compared with.
    pub(crate) state: DiscoverableAuthentication,
}

/// Ends a login. Of two at once, one gets it.
pub(crate) async fn take_authentication(
    tx: &mut PgConnection,
    id: CeremonyId,
    now: Timestamp,
) -> Result<Option<Authentication>, Error> {
    let row = sqlx::query(
        "delete from passkey_ceremony where id = $1 and purpose = 'AUTHENTICATION' and expires_at > $2
         returning subject, state",
    )
    .bind(id.uuid())
    .bind(Ts::from(now))
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        let subject = row
            .try_get::<Option<[u8; 32]>, _>("subject")?
            .map(Subject::stored);
        let Json(state) = row.try_get("state")?;
        Ok(Authentication { subject, state })
    })
    .transpose()
}

/// Deletes ceremonies that ended before an instant.
pub(crate) async fn purge(db: impl PgExecutor<'_>, ended_before: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query("delete from passkey_ceremony where expires_at < $1")
        .bind(Ts::from(ended_before))
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

fn read(row: &PgRow) -> Result<Passkey, Error> {
    let Json(key) = row.try_get("credential")?;
    Ok(Passkey {
        id: row.try_get::<Uuid, _>("id")?.into(),
        account: row.try_get::<Uuid, _>("account_id")?.into(),
        key,
        name: Name::parse(row.try_get("name")?).map_err(|_| Error::Inconsistent {
            column: "identity.passkey.name",
        })?,
        created_at: row.try_get::<Ts, _>("created_at")?.to_jiff(),
        last_used_at: row
            .try_get::<Option<Ts>, _>("last_used_at")?
            .map(Ts::to_jiff),
    })
}
