//! A database for tests: one throw-away cluster per test process, one database per test.
//!
//! The cluster is real PostgreSQL without durability, in the temporary directory. It
//! ends with the test process, however that ends. Each set of schemas is provisioned
//! once, as a template that every test's database is copied from.

mod cluster;
mod template;

use galen_kernel::Clock;
use galen_storage::{Access, Databases, Db, Migration, SchemaSpec};
use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;

/// Connections of each pool: more than any test needs at once, few enough for tests
/// that run side by side.
const CONNECTIONS: u32 = 16;

/// What the roles' passwords are derived from. They protect nothing here, but log in
/// as in a hospital.
pub const SECRET: &str = "the secret of a cluster that is thrown away";

/// A database of its own for one test, provisioned like a hospital's.
pub struct TestDatabase {
    databases: Databases,
    access: Access,
    admin: PgConnectOptions,
}

impl TestDatabase {
    /// Creates a database in this process's throw-away cluster and provisions the
    /// given schemas; `shared` is `galen_service::SHARED_MIGRATIONS` where handlers
    /// are tested. Panics when it cannot.
    pub async fn new(
        events: &'static [Migration],
        shared: &'static [Migration],
        services: &[SchemaSpec],
        clock: Clock,
    ) -> Self {
        let cluster = cluster::of_this_process();
        let admin = template::copy(cluster, events, shared, services).await;
        let access = Access::new(admin.clone(), SecretString::from(SECRET));
        Self {
            databases: Databases::provisioned(access.clone(), clock),
            access,
            admin,
        }
    }

    /// A service's own view of it.
    pub async fn open(&self, service: &'static str) -> Db {
        self.databases
            .open(service, CONNECTIONS)
            .await
            .unwrap_or_else(|error| panic!("cannot log in as {service}: {error:?}"))
    }

    /// The owner of the `events` schema.
    pub async fn open_events(&self) -> Db {
        self.databases
            .open_events(CONNECTIONS)
            .await
            .unwrap_or_else(|error| panic!("cannot log in as the owner of events: {error:?}"))
    }

    /// What the host of services takes.
    #[must_use]
    pub const fn databases(&self) -> &Databases {
        &self.databases
    }

    /// The sequencer's wake-up of this database.
    #[must_use]
    pub fn wake(&self) -> galen_storage::Wake {
        self.databases.wake()
    }

    /// Access to it, to provision it again.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access.clone()
    }

    /// The superuser, to look behind every curtain.
    #[must_use]
    pub fn admin(&self) -> PgConnectOptions {
        self.admin.clone()
    }
}
