//! Why something is not sealed or opened.

use galen_kernel::Problem;

use crate::column::Place;
use crate::master::MasterError;

/// A value was not sealed or not opened. None of the variants carries the value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] galen_storage::Error),
    /// The master keys cannot be used.
    #[error("the master keys cannot be used")]
    Master(#[from] MasterError),
    /// The subject was erased: there is no key, and there will be none.
    #[error("the subject was erased")]
    Erased,
    /// What is stored is not a sealed value.
    #[error("{0} holds something that is not sealed")]
    NotSealed(Place),
    /// There is no such data key.
    #[error("{0} is sealed with a data key that does not exist")]
    UnknownKey(Place),
    /// It is sealed with a key of somebody else.
    #[error("{0} is sealed with the key of another subject")]
    OtherSubject(Place),
    /// It was changed, or moved from another row or column.
    #[error("{0} was changed or moved, and does not open")]
    Refused(Place),
    /// It opens, but is not what the column holds.
    #[error("{0} opens to something that it cannot hold")]
    Inconsistent(Place),
    /// It cannot be written as data.
    #[error("a value for {0} cannot be sealed")]
    NotSealable(Place),
    /// Data keys are wrapped by master keys that are not there.
    #[error(
        "schema {schema} has data keys under the master keys {missing}, which are not in {whereabouts}; put back what held them"
    )]
    MastersMissing {
        /// Whose data keys.
        schema: &'static str,
        /// The names of the masters.
        missing: String,
        /// Where they were looked for.
        whereabouts: String,
    },
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Storage(error) => error.into(),
            Error::Erased => Self::conflict("SUBJECT_ERASED", "The person's data were erased."),
            Error::Master(error) if error.is_transient() => Self::unavailable(error),
            error => Self::internal(error),
        }
    }
}
