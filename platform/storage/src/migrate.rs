//! Forward-only migrations, one list per schema.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction};

use crate::Error;

/// One step of a schema's history. Never edited after release; expand/contract.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// `0001_appointment`: its order and its subject.
    pub name: &'static str,
    /// Plain SQL, run in one transaction with the schema as `search_path`.
    pub sql: &'static str,
}

/// `migrations!["0001_user", "0002_session"]` reads `migrations/<name>.sql` of the
/// calling crate into a `&'static [Migration]`.
#[macro_export]
macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$($crate::Migration {
            name: $name,
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $name, ".sql")),
        }),+]
    };
}

/// Why a schema cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database knows a migration that this binary does not: it is newer.
    #[error("schema {schema} has migration {name}, which this version of Galen does not know")]
    Unknown {
        /// The schema.
        schema: String,
        /// The migration.
        name: String,
    },
    /// An applied migration was edited afterwards.
    #[error("migration {name} of schema {schema} was changed after it was applied")]
    Altered {
        /// The schema.
        schema: String,
        /// The migration.
        name: String,
    },
    /// The SQL failed.
    #[error("migration {name} of schema {schema} failed")]
    Failed {
        /// The schema.
        schema: String,
        /// The migration.
        name: String,
        /// Why.
        source: sqlx::Error,
    },
    /// Anything else.
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Brings one schema up to date, each migration in a transaction of its own, as the
/// schema's owner `galen_<schema>`. Concurrent callers wait for each other.
///
/// # Errors
/// [`MigrateError`]; nothing of a failed migration remains.
pub async fn migrate(
    connection: &mut PgConnection,
    schema: &str,
    migrations: &[Migration],
) -> Result<(), MigrateError> {
    let mut tx = begin(connection, schema).await?;
    sqlx::raw_sql(
        "create table if not exists migration (
             name text primary key,
             checksum bytea not null check (octet_length(checksum) = 32),
             applied_at timestamptz not null default now()
         )",
    )
    .execute(&mut *tx)
    .await
    .map_err(Error::from)?;
    check(schema, migrations, &applied(&mut tx).await?)?;
    tx.commit().await.map_err(Error::from)?;

    for migration in migrations {
        let mut tx = begin(connection, schema).await?;
        // Read under the lock: another process may have been here in between.
        let known = applied(&mut tx).await?;
        check(schema, migrations, &known)?;
        if known.contains_key(migration.name) {
            continue;
        }
        let outcome = async {
            sqlx::raw_sql(AssertSqlSafe(migration.sql))
                .execute(&mut *tx)
                .await?;
            sqlx::query("insert into migration (name, checksum) values ($1, $2)")
                .bind(migration.name)
                .bind(checksum(migration.sql))
                .execute(&mut *tx)
                .await?;
            tx.commit().await
        };
        outcome.await.map_err(|source| MigrateError::Failed {
            schema: schema.to_owned(),
            name: migration.name.to_owned(),
            source,
        })?;
        tracing::info!(schema, migration = migration.name, "migrated");
    }
    Ok(())
}

/// A transaction as the schema's owner, alone in migrating it. Locks that others
/// hold are not waited for long: a migration that queues behind a long statement
/// would make everybody else queue behind itself.
async fn begin<'c>(
    connection: &'c mut PgConnection,
    schema: &str,
) -> Result<Transaction<'c, Postgres>, Error> {
    let mut tx = connection.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('galen.migrate.' || $1, 0))")
        .bind(schema)
        .execute(&mut *tx)
        .await?;
    let setting = format!(
        "set local role {role}; set local search_path = {schema}, public; set local lock_timeout = '10s'; set local statement_timeout = 0;",
        role = quoted(&role_of(schema)),
        schema = quoted(schema),
    );
    sqlx::raw_sql(AssertSqlSafe(setting))
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}

async fn applied(connection: &mut PgConnection) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as("select name, checksum from migration")
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect())
}

/// Refuses a history that is not the beginning of ours.
fn check(
    schema: &str,
    migrations: &[Migration],
    applied: &BTreeMap<String, Vec<u8>>,
) -> Result<(), MigrateError> {
    for (name, sum) in applied {
        let Some(migration) = migrations.iter().find(|migration| migration.name == name) else {
            return Err(MigrateError::Unknown {
                schema: schema.to_owned(),
                name: name.clone(),
            });
        };
        if *sum != checksum(migration.sql) {
            return Err(MigrateError::Altered {
                schema: schema.to_owned(),
                name: name.clone(),
            });
        }
    }
    Ok(())
}

/// SHA-256 of the text.
fn checksum(sql: &str) -> Vec<u8> {
    Sha256::digest(sql.as_bytes()).to_vec()
}

/// The login role that owns a schema.
pub(crate) fn role_of(schema: &str) -> String {
    format!("galen_{schema}")
}

/// A name as an SQL identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
