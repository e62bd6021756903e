//! Values between Rust and PostgreSQL columns: instants, dates and typed ids.

use galen_kernel::{Id, Timestamp};
use jiff::civil;
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row, Type};
use uuid::Uuid;

use crate::{Error, SqlDate, Ts};

/// An instant as a parameter: `.bind(ts(at))`.
#[must_use]
pub fn ts(at: Timestamp) -> Ts {
    Ts::from(at)
}

/// A date as a parameter: `.bind(date(day))`.
#[must_use]
pub fn date(day: civil::Date) -> SqlDate {
    SqlDate::from(day)
}

/// Reads columns by name without noise: `row.col::<i64>("version")?`,
/// `row.instant("at")?`, `row.id("patient_id")?`.
///
/// # Errors
/// Every method fails when the column is missing or of another type, or is NULL
/// where the method does not return an `Option`.
#[expect(
    clippy::missing_errors_doc,
    reason = "the trait says it once for all its methods"
)]
pub trait Columns {
    /// Any type that sqlx reads, `Option<_>` included.
    fn col<'r, T>(&'r self, name: &str) -> Result<T, Error>
    where
        T: Decode<'r, Postgres> + Type<Postgres>;

    /// `timestamptz`.
    fn instant(&self, name: &str) -> Result<Timestamp, Error> {
        Ok(self.col::<Ts>(name)?.to_jiff())
    }

    /// `timestamptz` that may be NULL.
    fn opt_instant(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.col::<Option<Ts>>(name)?.map(Ts::to_jiff))
    }

    /// `date`.
    fn date(&self, name: &str) -> Result<civil::Date, Error> {
        Ok(self.col::<SqlDate>(name)?.to_jiff())
    }

    /// `date` that may be NULL.
    fn opt_date(&self, name: &str) -> Result<Option<civil::Date>, Error> {
        Ok(self.col::<Option<SqlDate>>(name)?.map(SqlDate::to_jiff))
    }

    /// `uuid` of a known kind.
    fn id<K>(&self, name: &str) -> Result<Id<K>, Error> {
        Ok(Id::from_uuid(self.col::<Uuid>(name)?))
    }

    /// `uuid` of a known kind that may be NULL.
    fn opt_id<K>(&self, name: &str) -> Result<Option<Id<K>>, Error> {
        Ok(self.col::<Option<Uuid>>(name)?.map(Id::from_uuid))
    }

    /// `text`.
    fn text(&self, name: &str) -> Result<String, Error> {
        self.col(name)
    }

    /// `text` that may be NULL.
    fn opt_text(&self, name: &str) -> Result<Option<String>, Error> {
        self.col(name)
    }
}

impl Columns for PgRow {
    fn col<'r, T>(&'r self, name: &str) -> Result<T, Error>
    where
        T: Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(self.try_get(name)?)
    }
}
