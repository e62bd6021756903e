//! SQL of clients.

use std::collections::HashMap;

use galen_storage::{Error, Ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;

use super::redirect::RedirectUri;
use super::{Client, ClientId};
use crate::secret::SecretHash;

/// A `select` of whole clients with the given rest.
macro_rules! select_client {
    ($rest:literal) => {
        concat!(
            "select id, name, secret_hash is not null as confidential, redirect_uris, api_access, enabled, created_at, version
             from oauth_client ",
            $rest
        )
    };
}

/// The client of an id.
pub(crate) async fn by_id(db: impl PgExecutor<'_>, id: ClientId) -> Result<Option<Client>, Error> {
    let row = sqlx::query(select_client!("where id = $1"))
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The client, which nobody else changes or gives sessions until the transaction ends.
pub(crate) async fn lock(tx: &mut PgConnection, id: ClientId) -> Result<Option<Client>, Error> {
    let row = sqlx::query(select_client!("where id = $1 for update"))
        .bind(id.uuid())
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The enabled client that has this id and this secret, or has none and shows none. It
/// stays as it is until the transaction ends. Hashes are compared, so that the time
/// that takes says nothing about the secret.
pub(crate) async fn authenticate(
    tx: &mut PgConnection,
    id: ClientId,
    secret: Option<SecretHash>,
) -> Result<Option<Client>, Error> {
    let row = sqlx::query(select_client!(
        "where id = $1 and enabled and secret_hash is not distinct from $2 for share"
    ))
    .bind(id.uuid())
    .bind(secret.as_ref().map(SecretHash::bytes))
    .fetch_optional(tx)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Clients after a position, oldest first, and one more than `limit` if there is.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    after: Option<ClientId>,
    limit: u16,
) -> Result<Vec<Client>, Error> {
    let rows = sqlx::query(select_client!(
        "where $1::uuid is null or id > $1 order by id limit $2"
    ))
    .bind(after.map(Uuid::from))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// The names of these clients.
pub(crate) async fn names(
    db: impl PgExecutor<'_>,
    ids: Vec<ClientId>,
) -> Result<HashMap<ClientId, String>, Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = ids.into_iter().map(Uuid::from).collect();
    let names = sqlx::query_as::<_, (Uuid, String)>(
        "select id, name from oauth_client where id = any ($1)",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    let named = |(id, name): (Uuid, String)| (id.into(), name);
    Ok(names.into_iter().map(named).collect())
}

/// Stores a new client.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    client: &Client,
    secret: Option<SecretHash>,
) -> Result<(), Error> {
    sqlx::query(
        "insert into oauth_client (id, name, secret_hash, redirect_uris, api_access, enabled, created_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(client.id.uuid())
    .bind(&client.name)
    .bind(secret.as_ref().map(SecretHash::bytes))
    .bind(uris(client))
    .bind(client.api_access)
    .bind(client.enabled)
    .bind(Ts::from(client.created_at))
    .bind(client.version)
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores a changed client, which is locked by this transaction, with another secret if
/// there is one, and gives its version.
pub(crate) async fn update(
    tx: &mut PgConnection,
    client: &Client,
    secret: Option<SecretHash>,
) -> Result<i64, Error> {
    let done = sqlx::query(
        "update oauth_client set name = $3, secret_hash = coalesce($4, secret_hash), redirect_uris = $5,
                api_access = $6, enabled = $7, version = version + 1
         where id = $1 and version = $2",
    )
    .bind(client.id.uuid())
    .bind(client.version)
    .bind(&client.name)
    .bind(secret.as_ref().map(SecretHash::bytes))
    .bind(uris(client))
    .bind(client.api_access)
    .bind(client.enabled)
    .execute(tx)
    .await?;
    Error::unless_rows("changing a client", 1, done.rows_affected())?;
    Ok(client.version + 1)
}

/// Deletes a client, which is locked by this transaction, with its codes. Sessions stay,
/// and are to be ended before.
pub(crate) async fn delete(tx: &mut PgConnection, id: ClientId) -> Result<(), Error> {
    let done = sqlx::query("delete from oauth_client where id = $1")
        .bind(id.uuid())
        .execute(tx)
        .await?;
    Error::unless_rows("deleting a client", 1, done.rows_affected())
}

fn uris(client: &Client) -> Vec<&str> {
    client
        .redirect_uris
        .iter()
        .map(RedirectUri::as_str)
        .collect()
}

fn read(row: &PgRow) -> Result<Client, Error> {
    let redirect_uris = row
        .try_get::<Vec<String>, _>("redirect_uris")?
        .iter()
        .map(|uri| RedirectUri::parse(uri))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::Inconsistent {
            column: "identity.oauth_client.redirect_uris",
        })?;
    Ok(Client {
        id: row.try_get::<Uuid, _>("id")?.into(),
        name: row.try_get("name")?,
        confidential: row.try_get("confidential")?,
        redirect_uris,
        api_access: row.try_get("api_access")?,
        enabled: row.try_get("enabled")?,
        created_at: row.try_get::<Ts, _>("created_at")?.to_jiff(),
        version: row.try_get("version")?,
    })
}
