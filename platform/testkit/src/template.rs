//! Databases copied from a template that is provisioned once.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use galen_kernel::Clock;
use galen_storage::{Access, Databases, Migration, SchemaSpec};
use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tokio::sync::Mutex;

use crate::SECRET;
use crate::cluster::TestCluster;

/// Templates that are complete. Held while one is made, since its roles are the
/// cluster's. Tests have a runtime each; this lock needs none.
fn templates() -> &'static Mutex<HashSet<String>> {
    static TEMPLATES: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();
    TEMPLATES.get_or_init(Mutex::default)
}

/// Creates a database with these schemas, and returns its superuser.
pub(crate) async fn copy(
    cluster: &TestCluster,
    events: &'static [Migration],
    shared: &'static [Migration],
    services: &[SchemaSpec],
) -> PgConnectOptions {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let template = template_name(events, shared, services);
    {
        let mut complete = templates().lock().await;
        if !complete.contains(&template) {
            make(cluster, &template, events, shared, services).await;
            complete.insert(template.clone());
        }
    }
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    // Grants on a database itself are not copied.
    execute(
        cluster,
        &[
            &format!("create database {name} template {template}"),
            &format!(
                "revoke all on database {name} from public;
                 grant connect on database {name} to galen_service, galen_events;
                 grant temporary on database {name} to galen_service"
            ),
        ],
    )
    .await;
    cluster.admin(&name)
}

async fn make(
    cluster: &TestCluster,
    template: &str,
    events: &'static [Migration],
    shared: &'static [Migration],
    services: &[SchemaSpec],
) {
    // One that a panicking test left half-made is made anew.
    execute(
        cluster,
        &[
            &format!("drop database if exists {template} with (force)"),
            &format!("create database {template}"),
        ],
    )
    .await;
    let access = Access::new(cluster.admin(template), SecretString::from(SECRET));
    if let Err(error) =
        Databases::provision(access, events, shared, services, Clock::system()).await
    {
        panic!("cannot provision: {error:?}");
    }
}

async fn execute(cluster: &TestCluster, statements: &[&str]) {
    let mut connection = cluster
        .admin("galen")
        .connect()
        .await
        .unwrap_or_else(|error| panic!("cannot connect: {error:?}"));
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(*statement))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    connection
        .close()
        .await
        .unwrap_or_else(|error| panic!("cannot disconnect: {error:?}"));
}

/// Named by everything that goes into it.
fn template_name(events: &[Migration], shared: &[Migration], services: &[SchemaSpec]) -> String {
    let mut hasher = DefaultHasher::new();
    let mut add = |migrations: &[Migration]| {
        migrations.len().hash(&mut hasher);
        for migration in migrations {
            (migration.name, migration.sql).hash(&mut hasher);
        }
    };
    add(events);
    add(shared);
    for spec in services {
        add(spec.migrations);
    }
    for spec in services {
        (spec.service, spec.subscribes).hash(&mut hasher);
    }
    format!("template_{:016x}", hasher.finish())
}
