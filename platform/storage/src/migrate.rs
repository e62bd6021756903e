//! Forward-only migrations, one list per schema.

use sqlx::PgConnection;

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

/// Brings one schema up to date. Concurrent callers wait for each other.
///
/// # Errors
/// [`MigrateError`]; nothing of a failed migration remains.
pub async fn migrate(connection: &mut PgConnection, schema: &str, migrations: &[Migration]) -> Result<(), MigrateError> {
    let _ = (connection, schema, migrations);
    todo!()
}
