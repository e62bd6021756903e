//! One schema and one login role per service: created, granted, migrated.
//!
//! Roles: `galen_service` groups the services and may enter the database and the
//! `events` schema; `galen_<service>` logs in and owns its schema, nothing else;
//! `galen_events` owns the `events` schema, whose functions decide which service
//! publishes and reads what.

use std::path::Path;
use std::time::Duration;

use galen_kernel::Clock;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::migrate::{MigrateError, migrate, quoted, role_of};
use crate::scram::{hmac, verifier};
use crate::{Db, Error, Migration, Wake, secret};

/// The schema that the eventing crate owns.
const EVENTS: &str = "events";

/// The role that every service's role is a member of.
const GROUP: &str = "galen_service";

/// What a service needs of the database.
#[derive(Debug, Clone, Copy)]
pub struct SchemaSpec {
    /// Service name = schema name; the role is `galen_<name>`.
    pub service: &'static str,
    /// Its history.
    pub migrations: &'static [Migration],
    /// Topics it reads, besides its own. Publishing is allowed on its own only.
    pub subscribes: &'static [&'static str],
}

/// Why provisioning failed.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// A schema cannot be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The database refused.
    #[error(transparent)]
    Storage(#[from] Error),
    /// The file with the secret cannot be used.
    #[error("{path}: {source}")]
    Secret {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// The secret that role passwords are derived from (HMAC-SHA-256 of the role name):
/// one file to guard, and nothing to store per service.
#[derive(Clone)]
pub struct Access {
    admin: PgConnectOptions,
    secret: SecretString,
}

impl Access {
    /// Uses a secret that the operator gave.
    #[must_use]
    pub const fn new(admin: PgConnectOptions, secret: SecretString) -> Self {
        Self { admin, secret }
    }

    /// Reads the secret from a file that only the owner can read, and makes it at
    /// the first start.
    ///
    /// # Errors
    /// When the file cannot be used or others can read it.
    pub fn from_file(admin: PgConnectOptions, path: &Path) -> Result<Self, ProvisionError> {
        let secret = secret::read_or_create(path).map_err(|source| ProvisionError::Secret {
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self { admin, secret })
    }

    /// The password of a role.
    fn password(&self, role: &str) -> String {
        hex::encode(hmac(
            self.secret.expose_secret().as_bytes(),
            role.as_bytes(),
        ))
    }

    /// Logs in as a service's role, which sees that service's schema only.
    #[must_use]
    pub fn of_service(&self, service: &str) -> PgConnectOptions {
        self.login(&role_of(service))
    }

    /// Logs in as a role.
    fn login(&self, role: &str) -> PgConnectOptions {
        self.admin
            .clone()
            .username(role)
            .password(&self.password(role))
    }
}

/// Creates what is missing and hands out each service's [`Db`].
pub struct Databases {
    access: Access,
    clock: Clock,
    wake: Wake,
}

impl Databases {
    /// Creates the `events` schema (with the given migrations, owned by
    /// `galen_events`), every service's schema and role, grants, and migrates:
    /// `shared` first in every service's schema, then the service's own.
    /// Idempotent; safe beside another process that does the same.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub async fn provision(
        access: Access,
        events: &'static [Migration],
        shared: &'static [Migration],
        services: &[SchemaSpec],
        clock: Clock,
    ) -> Result<Self, ProvisionError> {
        // Its statements hold what the server keeps of passwords, so they are not logged.
        let options = access.admin.clone().disable_statement_logging();
        let mut connection = PgConnection::connect_with(&options)
            .await
            .map_err(Error::from)?;
        // Until the connection ends, however it ends.
        sqlx::query("select pg_advisory_lock(hashtextextended('galen.provision', 0))")
            .execute(&mut connection)
            .await
            .map_err(Error::from)?;
        create(&mut connection, &access, services).await?;
        migrate(&mut connection, EVENTS, events).await?;
        for spec in services {
            let history: Vec<Migration> = shared.iter().chain(spec.migrations).copied().collect();
            migrate(&mut connection, spec.service, &history).await?;
        }
        if !events.is_empty() {
            allow(&mut connection, services).await?;
        }
        connection.close().await.map_err(Error::from)?;
        Ok(Self::provisioned(access, clock))
    }

    /// A database that is known to be provisioned, by another process for example.
    #[must_use]
    pub fn provisioned(access: Access, clock: Clock) -> Self {
        Self {
            access,
            clock,
            wake: Wake::default(),
        }
    }

    /// The database of one service, logged in as its role (`galen_<service>`), pool
    /// of at most `connections`.
    ///
    /// # Errors
    /// When the role cannot log in.
    pub async fn open(&self, service: &'static str, connections: u32) -> Result<Db, Error> {
        let options = self
            .access
            .of_service(service)
            .application_name(&format!("galen-{service}"))
            // A service has some hundred statements, each prepared once per connection.
            .statement_cache_capacity(512);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .min_connections(0)
            .acquire_timeout(Duration::from_secs(5))
            .idle_timeout(Duration::from_secs(60))
            .max_lifetime(Duration::from_secs(30 * 60))
            // A round trip before every use would cost more than it finds; a
            // connection that rested is asked, since the server may have restarted.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for >= Duration::from_secs(1) {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await?;
        Ok(Db::new(
            pool,
            service,
            self.clock.clone(),
            self.wake.clone(),
        ))
    }

    /// The `events` schema as its owner `galen_events`: sequencer, retention, operations.
    ///
    /// # Errors
    /// When the role cannot log in.
    pub async fn open_events(&self, connections: u32) -> Result<Db, Error> {
        self.open(EVENTS, connections).await
    }

    /// What the sequencer waits on; every [`Db`] opened here notifies it.
    #[must_use]
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }
}

/// How often [`create`] is tried while others change the same roles.
const ATTEMPTS: u32 = 20;

/// Roles, schemas, extensions and grants. Roles belong to the whole server, which the
/// lock on this database does not guard: whoever loses a race begins anew.
async fn create(
    connection: &mut PgConnection,
    access: &Access,
    services: &[SchemaSpec],
) -> Result<(), Error> {
    let (database, superuser): (String, bool) = sqlx::query_as(
        "select current_database()::text, rolsuper from pg_roles where rolname = current_user",
    )
    .fetch_one(&mut *connection)
    .await?;
    let sql = definitions(access, services, &database, superuser);
    for attempt in 1.. {
        let mut tx = connection.begin().await?;
        let outcome = match sqlx::raw_sql(AssertSqlSafe(sql.as_str()))
            .execute(&mut *tx)
            .await
        {
            Ok(_) => tx.commit().await,
            Err(error) => tx.rollback().await.and(Err(error)),
        };
        match outcome.map_err(Error::from) {
            Err(error) if lost_race(&error) && attempt < ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(rand::random_range(5..50))).await;
            }
            outcome => return outcome,
        }
    }
    unreachable!("the last attempt returns")
}

/// Whether another session changed the same catalog row at the same time: "tuple
/// concurrently updated" is an internal error to PostgreSQL, a role that appeared in
/// between a duplicate key, and the third possibility a deadlock.
fn lost_race(error: &Error) -> bool {
    matches!(
        error.sqlstate().as_deref(),
        Some("XX000" | "23505" | "42710" | "40P01")
    )
}

fn definitions(
    access: &Access,
    services: &[SchemaSpec],
    database: &str,
    superuser: bool,
) -> String {
    let mut sql = create_role(GROUP, "nologin");
    sql += &own_schema(access, EVENTS, superuser);
    for spec in services {
        sql += &own_schema(access, spec.service, superuser);
        sql += &format!("grant {GROUP} to {};\n", quoted(&role_of(spec.service)));
    }
    sql += &format!(
        "revoke all on database {database} from public;
         -- Temporary tables: a projection is rebuilt in them.
         grant connect, temporary on database {database} to {GROUP};
         grant connect on database {database} to galen_events;
         revoke all on schema public from public;
         grant usage on schema public to {GROUP}, galen_events;
         create extension if not exists btree_gist schema public;
         create extension if not exists pg_trgm schema public;
         create extension if not exists unaccent schema public;
         grant usage on schema {EVENTS} to {GROUP};",
        database = quoted(database),
    );
    sql
}

/// A role's login, limits and schema. What the role creates is nobody else's,
/// functions included, which are everybody's by default.
fn own_schema(access: &Access, schema: &str, superuser: bool) -> String {
    let name = role_of(schema);
    let (role, schema) = (quoted(&name), quoted(schema));
    let mut sql = create_role(&name, "login");
    sql += &format!(
        "alter role {role} with login inherit password '{verifier}';
         alter role {role} set search_path = {schema}, public;
         alter role {role} set statement_timeout = '30s';
         alter role {role} set lock_timeout = '10s';
         alter role {role} set idle_in_transaction_session_timeout = '60s';\n",
        verifier = verifier(&access.password(&name)),
    );
    if !superuser {
        // An administrator with CREATEROLE may act for a role only as its member.
        sql += &format!("grant {role} to current_user;\n");
    }
    sql += &format!(
        "create schema if not exists {schema} authorization {role};
         revoke all on schema {schema} from public;
         alter default privileges for role {role} revoke execute on functions from public;\n",
    );
    sql
}

fn create_role(name: &str, login: &str) -> String {
    let role = quoted(name);
    format!(
        "do $$ begin if not exists (select from pg_roles where rolname = '{name}') then create role {role} {login}; end if; end $$;\n"
    )
}

/// Tells the `events` schema, as its owner, who publishes and reads which topics.
async fn allow(connection: &mut PgConnection, services: &[SchemaSpec]) -> Result<(), Error> {
    let mut tx = connection.begin().await?;
    sqlx::query("set local role galen_events")
        .execute(&mut *tx)
        .await?;
    for spec in services {
        let reads: Vec<&str> = spec
            .subscribes
            .iter()
            .copied()
            .chain([spec.service])
            .collect();
        sqlx::query("select events.allow($1, $2, $3)")
            .bind(spec.service)
            .bind(vec![spec.service])
            .bind(reads)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}
