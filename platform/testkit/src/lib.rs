//! A database for tests: one throw-away cluster per test process, one database per test.

use galen_kernel::Clock;
use galen_storage::{Db, Migration, SchemaSpec};

/// A database of its own for one test, provisioned like a hospital's.
pub struct TestDatabase {
    _private: (),
}

impl TestDatabase {
    /// Creates a database in this process's throw-away cluster and provisions the
    /// given schemas; `shared` is `galen_service::SHARED_MIGRATIONS` where handlers
    /// are tested. Panics when it cannot.
    pub async fn new(events: &'static [Migration], shared: &'static [Migration], services: &[SchemaSpec], clock: Clock) -> Self {
        let _ = (events, shared, services, clock);
        todo!()
    }

    /// A service's own view of it.
    pub async fn open(&self, service: &'static str) -> Db {
        let _ = service;
        todo!()
    }

    /// The owner of the `events` schema.
    pub async fn open_events(&self) -> Db {
        todo!()
    }

    /// The sequencer's wake-up of this database.
    #[must_use]
    pub fn wake(&self) -> galen_storage::Wake {
        todo!()
    }

    /// The superuser, to look behind every curtain.
    #[must_use]
    pub fn admin(&self) -> sqlx::postgres::PgConnectOptions {
        todo!()
    }
}
