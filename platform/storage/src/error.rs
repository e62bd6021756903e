//! What can go wrong between Galen and PostgreSQL.

use galen_kernel::Problem;

/// A failed storage operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused, or could not be reached.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// An UPDATE or DELETE touched another number of rows than the rule says.
    #[error("{operation}: {actual} rows instead of {expected}")]
    RowsAffected {
        /// What was being done.
        operation: &'static str,
        /// Rows the rule demands.
        expected: u64,
        /// Rows there were.
        actual: u64,
    },
    /// A stored value is not what its column promises.
    #[error("{column} holds a value that it cannot hold")]
    Inconsistent {
        /// `schema.table.column`.
        column: &'static str,
    },
}

impl Error {
    /// Fails unless a statement touched as many rows as the rule says.
    ///
    /// # Errors
    /// [`Error::RowsAffected`].
    pub const fn unless_rows(
        operation: &'static str,
        expected: u64,
        actual: u64,
    ) -> Result<(), Self> {
        if actual == expected {
            Ok(())
        } else {
            Err(Self::RowsAffected {
                operation,
                expected,
                actual,
            })
        }
    }

    /// Name of the violated constraint, to map onto a domain error.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Database(sqlx::Error::Database(e)) => e.constraint(),
            _ => None,
        }
    }

    /// SQLSTATE, when the database answered.
    #[must_use]
    pub fn sqlstate(&self) -> Option<String> {
        match self {
            Self::Database(sqlx::Error::Database(e)) => e.code().map(std::borrow::Cow::into_owned),
            _ => None,
        }
    }

    /// Whether trying again may help: lost connections, full pools, restarts,
    /// deadlocks, serialisation failures, lock time-outs, a full disk.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Protocol(_)
                | sqlx::Error::Tls(_),
            ) => true,
            Self::Database(sqlx::Error::Database(e)) => e.code().is_some_and(|code| {
                ["08", "40", "53", "57", "55P03", "25P03"]
                    .iter()
                    .any(|class| code.starts_with(class))
            }),
            _ => false,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if error.is_transient() {
            Self::unavailable(error)
        } else {
            Self::internal(error)
        }
    }
}
