//! SQL of authorization codes.

use galen_access::Method;
use galen_contracts::ids::SessionId;
use galen_kernel::{Pii, Timestamp};
use galen_storage::{Error, Ts};
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;

use super::code::AuthorizationCode;
use super::pkce::Challenge;
use super::scope::Scopes;
use crate::client::ClientId;
use crate::secret::SecretHash;
use crate::session::device::Device;

/// Stores a new code. A client that was deleted in this moment has none.
pub(crate) async fn insert(db: impl PgExecutor<'_>, code: &AuthorizationCode) -> Result<(), Error> {
    let methods: Vec<&str> = code.methods.iter().map(|method| method.name()).collect();
    sqlx::query(
        "insert into authorization_code (hash, client_id, account_id, account_version, redirect_uri, scopes, nonce,
                                         challenge, methods, authenticated_at, expires_at, user_agent, address)
         select $1, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::inet from oauth_client where id = $2",
    )
    .bind(code.hash.bytes())
    .bind(code.client.uuid())
    .bind(code.account.uuid())
    .bind(code.account_version)
    .bind(&code.redirect_uri)
    .bind(code.scopes.names())
    .bind(code.nonce.as_deref())
    .bind(code.challenge.bytes())
    .bind(methods)
    .bind(Ts::from(code.authenticated_at))
    .bind(Ts::from(code.expires_at))
    .bind(code.device.user_agent.as_deref())
    .bind(
        code.device
            .address
            .as_ref()
            .map(|address| address.expose().to_string()),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The code, used or not, which nobody else uses until the transaction ends.
pub(crate) async fn lock(
    tx: &mut PgConnection,
    hash: SecretHash,
) -> Result<Option<AuthorizationCode>, Error> {
    let row = sqlx::query(
        "select client_id, account_id, account_version, redirect_uri, scopes, nonce, challenge, methods,
                authenticated_at, expires_at, user_agent, host(address) as address, session_id
         from authorization_code where hash = $1 for update",
    )
    .bind(hash.bytes())
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        let inconsistent = |column| Error::Inconsistent { column };
        let scopes: Vec<String> = row.try_get("scopes")?;
        let methods: Vec<String> = row.try_get("methods")?;
        let methods = methods.iter().map(|name| Method::from_name(name));
        let address = row
            .try_get::<Option<String>, _>("address")?
            .map(|text| text.parse().map(Pii::new))
            .transpose()
            .map_err(|_| inconsistent("identity.authorization_code.address"))?;
        Ok(AuthorizationCode {
            hash,
            client: row.try_get::<Uuid, _>("client_id")?.into(),
            account: row.try_get::<Uuid, _>("account_id")?.into(),
            account_version: row.try_get("account_version")?,
            redirect_uri: row.try_get("redirect_uri")?,
            scopes: Scopes::of(scopes.iter().map(String::as_str)),
            nonce: row.try_get("nonce")?,
            challenge: Challenge::stored(row.try_get("challenge")?)
                .ok_or_else(|| inconsistent("identity.authorization_code.challenge"))?,
            methods: methods
                .collect::<Option<_>>()
                .ok_or_else(|| inconsistent("identity.authorization_code.methods"))?,
            authenticated_at: row.try_get::<Ts, _>("authenticated_at")?.to_jiff(),
            expires_at: row.try_get::<Ts, _>("expires_at")?.to_jiff(),
            device: Device {
                user_agent: row.try_get("user_agent")?,
                address,
            },
            session: row
                .try_get::<Option<Uuid>, _>("session_id")?
                .map(Into::into),
        })
    })
    .transpose()
}

/// Uses up a code, which is locked by this transaction.
pub(crate) async fn use_up(
    tx: &mut PgConnection,
    hash: SecretHash,
    session: SessionId,
    now: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update authorization_code set used_at = $2, session_id = $3 where hash = $1 and used_at is null",
    )
    .bind(hash.bytes())
    .bind(Ts::from(now))
    .bind(session.uuid())
    .execute(tx)
    .await?;
    Error::unless_rows("using a code", 1, done.rows_affected())
}

/// Deletes the codes of a client that nobody has used.
pub(crate) async fn forget_of(tx: &mut PgConnection, client: ClientId) -> Result<u64, Error> {
    let done =
        sqlx::query("delete from authorization_code where client_id = $1 and used_at is null")
            .bind(client.uuid())
            .execute(tx)
            .await?;
    Ok(done.rows_affected())
}

/// Deletes old codes that nobody has used; used ones go with their sessions.
pub(crate) async fn purge(
    db: impl PgExecutor<'_>,
    expired_before: Timestamp,
) -> Result<u64, Error> {
    let done =
        sqlx::query("delete from authorization_code where expires_at < $1 and used_at is null")
            .bind(Ts::from(expired_before))
            .execute(db)
            .await?;
    Ok(done.rows_affected())
}
