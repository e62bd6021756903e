//! SQL of endpoints and their secrets.

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, Ts};
use galen_vault::{Column, Sealed, SealedColumn};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::Disabled;
use super::{Endpoint, EndpointId};
use crate::webhook::message::MessageType;

/// What an endpoint is for.
pub(crate) const DESCRIPTION: Column<String> =
    Column::new("securepay", "webhook_endpoint", "description");
/// What its deliveries are signed with.
pub(crate) const SECRET: Column<String> = Column::new("securepay", "webhook_secret", "secret");

/// As the tools see them.
pub(crate) const SEALED: &[SealedColumn] = &[
    SealedColumn {
        place: DESCRIPTION.place(),
        row: "id",
        subject: "t.id",
    },
    SealedColumn {
        place: SECRET.place(),
        row: "id",
        subject: "t.endpoint_id",
    },
];

/// A `select` of whole endpoints with the given rest.
macro_rules! select_endpoint {
    ($rest:literal) => {
        concat!(
            "select id, url, events, description, disabled_because, created_at, version
             from webhook_endpoint ",
            $rest
        )
    };
}

/// The endpoint of an id.
pub(crate) async fn by_id(
    db: impl PgExecutor<'_>,
    id: EndpointId,
) -> Result<Option<Endpoint>, Error> {
    let row = sqlx::query(select_endpoint!("where id = $1"))
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The endpoint, which nobody else changes until the transaction ends.
pub(crate) async fn lock(tx: &mut PgConnection, id: EndpointId) -> Result<Option<Endpoint>, Error> {
    let row = sqlx::query(select_endpoint!("where id = $1 for update"))
        .bind(id.uuid())
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(read).transpose()
}

/// All endpoints that are told, which nobody changes until the transaction ends.
pub(crate) async fn listening(tx: &mut PgConnection) -> Result<Vec<Endpoint>, Error> {
    let rows = sqlx::query(select_endpoint!("where enabled order by id for share"))
        .fetch_all(tx)
        .await?;
    rows.iter().map(read).collect()
}

/// Endpoints after a position, oldest first, and one more than `limit` if there is.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    after: Option<EndpointId>,
    limit: u16,
) -> Result<Vec<Endpoint>, Error> {
    let rows = sqlx::query(select_endpoint!(
        "where $1::uuid is null or id > $1 order by id limit $2"
    ))
    .bind(after.map(Uuid::from))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// How many there are; nobody adds one until the transaction ends.
pub(crate) async fn count(tx: &mut PgConnection) -> Result<i64, Error> {
    sqlx::query("lock table webhook_endpoint in share row exclusive mode")
        .execute(&mut *tx)
        .await?;
    Ok(sqlx::query_scalar("select count(*) from webhook_endpoint")
        .fetch_one(tx)
        .await?)
}

/// Stores a new endpoint.
pub(crate) async fn insert(tx: &mut PgConnection, endpoint: &Endpoint) -> Result<(), Error> {
    sqlx::query(
        "insert into webhook_endpoint (id, url, events, description, enabled, disabled_because, created_at, version)
         values ($1, $2, $3, $4, $5::text is null, $5, $6, $7)",
    )
    .bind(endpoint.id.uuid())
    .bind(&endpoint.url)
    .bind(names(endpoint))
    .bind(&endpoint.description)
    .bind(endpoint.disabled.map(Disabled::name))
    .bind(Ts::from(endpoint.created_at))
    .bind(endpoint.version)
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores a changed endpoint, which is locked by this transaction, and gives its version.
pub(crate) async fn update(tx: &mut PgConnection, endpoint: &Endpoint) -> Result<i64, Error> {
    let done = sqlx::query(
        "update webhook_endpoint
         set events = $3, description = $4, enabled = $5::text is null, disabled_because = $5,
             version = version + 1
         where id = $1 and version = $2",
    )
    .bind(endpoint.id.uuid())
    .bind(endpoint.version)
    .bind(names(endpoint))
    .bind(&endpoint.description)
    .bind(endpoint.disabled.map(Disabled::name))
    .execute(tx)
    .await?;
    Error::unless_rows("changing a webhook endpoint", 1, done.rows_affected())?;
    Ok(endpoint.version + 1)
}

/// Deletes an endpoint, which is locked by this transaction, with its secrets and
/// deliveries.
pub(crate) async fn delete(tx: &mut PgConnection, id: EndpointId) -> Result<(), Error> {
    let done = sqlx::query("delete from webhook_endpoint where id = $1")
        .bind(id.uuid())
        .execute(tx)
        .await?;
    Error::unless_rows("deleting a webhook endpoint", 1, done.rows_affected())
}

/// Stores a secret of an endpoint.
pub(crate) async fn add_secret(
    tx: &mut PgConnection,
    id: Uuid,
    endpoint: EndpointId,
    secret: &Sealed<String>,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "insert into webhook_secret (id, endpoint_id, secret, created_at) values ($1, $2, $3, $4)",
    )
    .bind(id)
    .bind(endpoint.uuid())
    .bind(secret)
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Ok(())
}

/// Lets the secret of an endpoint that is locked by this transaction end at an instant,
/// and forgets what has ended and all but the newest `kept` others.
pub(crate) async fn retire_secrets(
    tx: &mut PgConnection,
    endpoint: EndpointId,
    until: Timestamp,
    kept: i64,
    now: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update webhook_secret set expires_at = $2 where endpoint_id = $1 and expires_at is null",
    )
    .bind(endpoint.uuid())
    .bind(Ts::from(until))
    .execute(&mut *tx)
    .await?;
    Error::unless_rows("retiring a webhook secret", 1, done.rows_affected())?;
    sqlx::query(
        "delete from webhook_secret
         where endpoint_id = $1
           and (expires_at <= $2
                or id not in (select id from webhook_secret where endpoint_id = $1
                              order by created_at desc, id desc limit $3))",
    )
    .bind(endpoint.uuid())
    .bind(Ts::from(now))
    .bind(kept)
    .execute(tx)
    .await?;
    Ok(())
}

fn names(endpoint: &Endpoint) -> Vec<&'static str> {
    endpoint.events.iter().map(|event| event.name()).collect()
}

fn read(row: &PgRow) -> Result<Endpoint, Error> {
    let events = row
        .col::<Vec<String>>("events")?
        .iter()
        .map(|name| MessageType::read(name))
        .collect::<Option<_>>()
        .ok_or(Error::Inconsistent {
            column: "securepay.webhook_endpoint.events",
        })?;
    let disabled = row
        .opt_text("disabled_because")?
        .map(|name| {
            Disabled::read(&name).ok_or(Error::Inconsistent {
                column: "securepay.webhook_endpoint.disabled_because",
            })
        })
        .transpose()?;
    Ok(Endpoint {
        id: row.id("id")?,
        url: row.text("url")?,
        events,
        description: row.col("description")?,
        disabled,
        created_at: row.instant("created_at")?,
        version: row.col("version")?,
    })
}
