//! SQL of sessions and refresh tokens.

use galen_access::{Authentication, Method};
use galen_contracts::ids::{SessionId, UserId};
use galen_kernel::{Pii, Timestamp};
use galen_storage::{Error, Ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;

use super::model::{Delegation, Session};
use crate::account::Account;
use crate::client::ClientId;
use crate::provider::Scopes;
use crate::role::model::CustomName;
use crate::secret::SecretHash;

/// Stores a session of an account, if the account is still what the login saw: not
/// locked since, and with the same password, or still without. A change under way is waited for.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    session: &Session,
    account: &Account,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into session (id, account_id, created_at, last_used_at, expires_at, user_agent, address, authenticated_at, methods,
                              client_id, scopes)
         select $1, id, $4, $5, $6, $7, $8::inet, $9, $10, $11, $12 from account
         where id = $2 and lock_reason is null and password_hash is not distinct from $3
         for share",
    )
    .bind(session.id.uuid())
    .bind(account.id.uuid())
    .bind(account.password.as_ref().map(|hash| hash.phc()))
    .bind(Ts::from(session.created_at))
    .bind(Ts::from(session.last_used_at))
    .bind(Ts::from(session.expires_at))
    .bind(session.user_agent.as_deref())
    .bind(session.address.as_ref().map(|address| address.expose().to_string()))
    .bind(Ts::from(session.authentication.at))
    .bind(method_names(&session.authentication))
    .bind(session.delegation.as_ref().map(|given| given.client.uuid()))
    .bind(session.delegation.as_ref().map_or_else(Vec::new, |given| given.scopes.names()))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn method_names(authentication: &Authentication) -> Vec<&'static str> {
    authentication
        .methods
        .iter()
        .map(|method| method.name())
        .collect()
}

/// Adds the refresh token that works from now on.
pub(crate) async fn insert_token(
    tx: &mut PgConnection,
    session: SessionId,
    token: SecretHash,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query("insert into refresh_token (hash, session_id, issued_at) values ($1, $2, $3)")
        .bind(token.bytes())
        .bind(session.uuid())
        .bind(Ts::from(now))
        .execute(tx)
        .await?;
    Ok(())
}

/// Whose session a refresh token is of, used or not.
pub(crate) async fn account_of_token(
    db: impl PgExecutor<'_>,
    token: SecretHash,
) -> Result<Option<UserId>, Error> {
    let account = sqlx::query_scalar::<_, Uuid>(
        "select s.account_id from refresh_token t join session s on s.id = t.session_id where t.hash = $1",
    )
    .bind(token.bytes())
    .fetch_optional(db)
    .await?;
    Ok(account.map(Into::into))
}

/// The session of a refresh token, used or not; nobody else changes it until the
/// transaction ends, so the uses of a family's tokens come one after another.
pub(crate) async fn lock_by_token(
    tx: &mut PgConnection,
    token: SecretHash,
) -> Result<Option<Session>, Error> {
    let row = sqlx::query(
        "select s.id, s.account_id, s.created_at, s.last_used_at, s.expires_at, s.revoked_at, s.user_agent, host(s.address) as address,
                s.authenticated_at, s.methods, s.client_id, s.scopes
         from refresh_token t join session s on s.id = t.session_id
         where t.hash = $1
         for no key update of s",
    )
    .bind(token.bytes())
    .fetch_optional(tx)
    .await?;
    row.as_ref().map(read).transpose()
}

/// The session of a refresh token that was not used.
pub(crate) async fn by_usable_token(
    db: impl PgExecutor<'_>,
    token: SecretHash,
) -> Result<Option<Session>, Error> {
    let row = sqlx::query(
        "select s.id, s.account_id, s.created_at, s.last_used_at, s.expires_at, s.revoked_at, s.user_agent, host(s.address) as address,
                s.authenticated_at, s.methods, s.client_id, s.scopes
         from refresh_token t join session s on s.id = t.session_id
         where t.hash = $1 and t.used_at is null",
    )
    .bind(token.bytes())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// The session of an id.
pub(crate) async fn by_id(
    db: impl PgExecutor<'_>,
    id: SessionId,
) -> Result<Option<Session>, Error> {
    let row = sqlx::query(
        "select id, account_id, created_at, last_used_at, expires_at, revoked_at, user_agent, host(address) as address,
                authenticated_at, methods, client_id, scopes
         from session where id = $1",
    )
    .bind(id.uuid())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// A session, which nobody else changes until the transaction ends.
pub(crate) async fn lock(tx: &mut PgConnection, id: SessionId) -> Result<Option<Session>, Error> {
    let row = sqlx::query(
        "select id, account_id, created_at, last_used_at, expires_at, revoked_at, user_agent, host(address) as address,
                authenticated_at, methods, client_id, scopes
         from session where id = $1 for no key update",
    )
    .bind(id.uuid())
    .fetch_optional(tx)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Stores when and how the owner of a session, which is locked by this transaction,
/// showed who they are.
pub(crate) async fn authenticate(tx: &mut PgConnection, session: &Session) -> Result<(), Error> {
    let done = sqlx::query(
        "update session set authenticated_at = $2, methods = $3 where id = $1 and revoked_at is null",
    )
    .bind(session.id.uuid())
    .bind(Ts::from(session.authentication.at))
    .bind(method_names(&session.authentication))
    .execute(tx)
    .await?;
    Error::unless_rows("authenticating a session", 1, done.rows_affected())
}

/// Uses a refresh token up: false when it was used before.
pub(crate) async fn use_token(
    tx: &mut PgConnection,
    token: SecretHash,
    now: Timestamp,
) -> Result<bool, Error> {
    let done =
        sqlx::query("update refresh_token set used_at = $2 where hash = $1 and used_at is null")
            .bind(token.bytes())
            .bind(Ts::from(now))
            .execute(tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Prolongs a session, which is locked by this transaction.
pub(crate) async fn prolong(
    tx: &mut PgConnection,
    id: SessionId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update session set last_used_at = greatest(last_used_at, $2), expires_at = $3 where id = $1 and revoked_at is null",
    )
    .bind(id.uuid())
    .bind(Ts::from(now))
    .bind(Ts::from(expires_at))
    .execute(tx)
    .await?;
    Error::unless_rows("prolonging a session", 1, done.rows_affected())
}

/// Ends a session, and says whose it was; `None` when it had ended before.
pub(crate) async fn revoke(
    db: impl PgExecutor<'_>,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<UserId>, Error> {
    let account = sqlx::query_scalar::<_, Uuid>(
        "update session set revoked_at = $2
         where id = $1 and revoked_at is null and expires_at > $2
         returning account_id",
    )
    .bind(id.uuid())
    .bind(Ts::from(now))
    .fetch_optional(db)
    .await?;
    Ok(account.map(Into::into))
}

/// Ends a session of an account: false when it has no such session that lives.
pub(crate) async fn revoke_own(
    db: impl PgExecutor<'_>,
    id: SessionId,
    account: UserId,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update session set revoked_at = $3 where id = $1 and account_id = $2 and revoked_at is null and expires_at > $3",
    )
    .bind(id.uuid())
    .bind(account.uuid())
    .bind(Ts::from(now))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the session of a refresh token, used or not, and says which it was and whose;
/// `None` when it had ended before.
pub(crate) async fn revoke_by_token(
    db: impl PgExecutor<'_>,
    token: SecretHash,
    now: Timestamp,
) -> Result<Option<(SessionId, UserId)>, Error> {
    let session = sqlx::query_as::<_, (Uuid, Uuid)>(
        "update session set revoked_at = $2
         where id = (select session_id from refresh_token where hash = $1) and revoked_at is null and expires_at > $2
         returning id, account_id",
    )
    .bind(token.bytes())
    .bind(Ts::from(now))
    .fetch_optional(db)
    .await?;
    Ok(session.map(|(id, account)| (id.into(), account.into())))
}

/// Ends all sessions of an account, which is locked by this transaction, and says
/// which those were.
pub(crate) async fn revoke_all(
    tx: &mut PgConnection,
    account: UserId,
    now: Timestamp,
) -> Result<Vec<SessionId>, Error> {
    let sessions = sqlx::query_scalar::<_, Uuid>(
        "update session set revoked_at = $2
         where account_id = $1 and revoked_at is null and expires_at > $2
         returning id",
    )
    .bind(account.uuid())
    .bind(Ts::from(now))
    .fetch_all(tx)
    .await?;
    Ok(sessions.into_iter().map(Into::into).collect())
}

/// Ends all sessions of a client, which is locked by this transaction, and says which
/// those were and whose.
pub(crate) async fn revoke_all_of_client(
    tx: &mut PgConnection,
    client: ClientId,
    now: Timestamp,
) -> Result<Vec<(UserId, SessionId)>, Error> {
    let sessions = sqlx::query_as::<_, (Uuid, Uuid)>(
        "with living as (
             select id from session where client_id = $1 and revoked_at is null and expires_at > $2
             order by id for no key update)
         update session set revoked_at = $2 from living where session.id = living.id
         returning account_id, session.id",
    )
    .bind(client.uuid())
    .bind(Ts::from(now))
    .fetch_all(tx)
    .await?;
    let named = |(account, session): (Uuid, Uuid)| (account.into(), session.into());
    Ok(sessions.into_iter().map(named).collect())
}

/// Ends all sessions of an account but one, and says which those were.
pub(crate) async fn revoke_others(
    tx: &mut PgConnection,
    account: UserId,
    kept: SessionId,
    now: Timestamp,
) -> Result<Vec<SessionId>, Error> {
    let sessions = sqlx::query_scalar::<_, Uuid>(
        "update session set revoked_at = $3
         where account_id = $1 and id <> $2 and revoked_at is null and expires_at > $3
         returning id",
    )
    .bind(account.uuid())
    .bind(kept.uuid())
    .bind(Ts::from(now))
    .fetch_all(tx)
    .await?;
    Ok(sessions.into_iter().map(Into::into).collect())
}

/// Ends all sessions of everybody who has a role, which is locked by this transaction,
/// and says which those were, by account.
pub(crate) async fn revoke_of_role(
    tx: &mut PgConnection,
    role: &CustomName,
    now: Timestamp,
) -> Result<Vec<(UserId, SessionId)>, Error> {
    let rows = sqlx::query_as::<_, (Uuid, Uuid)>(
        "with living as (
             select s.id from session s join account a on a.id = s.account_id
             where $1 = any (a.roles) and s.revoked_at is null and s.expires_at > $2
             order by s.account_id, s.id for no key update of s),
         ended as (
             update session set revoked_at = $2 from living where session.id = living.id
             returning session.account_id, session.id)
         select account_id, id from ended order by account_id, id",
    )
    .bind(role.as_str())
    .bind(Ts::from(now))
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(account, session)| (account.into(), session.into()))
        .collect())
}

/// The sessions that were ended after an instant, and when, oldest first.
pub(crate) async fn ended_since(
    db: impl PgExecutor<'_>,
    since: Timestamp,
) -> Result<Vec<(SessionId, Timestamp)>, Error> {
    let rows = sqlx::query_as::<_, (Uuid, Ts)>(
        "select id, revoked_at from session where revoked_at > $1 order by revoked_at",
    )
    .bind(Ts::from(since))
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, at)| (id.into(), at.to_jiff()))
        .collect())
}

/// The living sessions of an account after a position, oldest first, and one more
/// than `limit` if there is.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    account: UserId,
    now: Timestamp,
    after: Option<SessionId>,
    limit: u16,
) -> Result<Vec<Session>, Error> {
    let rows = sqlx::query(
        "select id, account_id, created_at, last_used_at, expires_at, revoked_at, user_agent, host(address) as address,
                authenticated_at, methods, client_id, scopes
         from session
         where account_id = $1 and revoked_at is null and expires_at > $2 and ($3::uuid is null or id > $3)
         order by id limit $4",
    )
    .bind(account.uuid())
    .bind(Ts::from(now))
    .bind(after.map(Uuid::from))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// Deletes sessions that ended before an instant, with their tokens.
pub(crate) async fn purge(db: impl PgExecutor<'_>, ended_before: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query("delete from session where expires_at < $1 or revoked_at < $1")
        .bind(Ts::from(ended_before))
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

fn read(row: &PgRow) -> Result<Session, Error> {
    let address = row
        .try_get::<Option<String>, _>("address")?
        .map(|text| {
            text.parse().map(Pii::new).map_err(|_| Error::Inconsistent {
                column: "identity.session.address",
            })
        })
        .transpose()?;
    let methods = row
        .try_get::<Vec<String>, _>("methods")?
        .iter()
        .map(|name| Method::from_name(name))
        .collect::<Option<Vec<_>>>()
        .ok_or(Error::Inconsistent {
            column: "identity.session.methods",
        })?;
    let authenticated_at = row.try_get::<Ts, _>("authenticated_at")?.to_jiff();
    let scopes: Vec<String> = row.try_get("scopes")?;
    let client = row.try_get::<Option<Uuid>, _>("client_id")?;
    let delegation = client.map(|client| Delegation {
        client: client.into(),
        scopes: Scopes::of(scopes.iter().map(String::as_str)),
    });
    Ok(Session {
        authentication: Authentication::new(&methods, authenticated_at),
        id: row.try_get::<Uuid, _>("id")?.into(),
        account: row.try_get::<Uuid, _>("account_id")?.into(),
        created_at: row.try_get::<Ts, _>("created_at")?.to_jiff(),
        last_used_at: row.try_get::<Ts, _>("last_used_at")?.to_jiff(),
        expires_at: row.try_get::<Ts, _>("expires_at")?.to_jiff(),
        revoked_at: row.try_get::<Option<Ts>, _>("revoked_at")?.map(Ts::to_jiff),
        user_agent: row.try_get("user_agent")?,
        address,
        delegation,
    })
}
