//! Where a sealed value belongs, and the type of a sealed column.

use std::fmt;
use std::marker::PhantomData;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};
use uuid::Uuid;

use crate::seal;

/// A column of a table: part of what a value is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The schema.
    pub schema: &'static str,
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.schema, self.table, self.column)
    }
}

/// A sealed column that holds `T`.
///
/// Its names are part of what its values are bound to: a renamed column has to be sealed
/// anew.
pub struct Column<T> {
    place: Place,
    holds: PhantomData<fn() -> T>,
}

impl<T> Column<T> {
    /// Names a column.
    #[must_use]
    pub const fn new(schema: &'static str, table: &'static str, column: &'static str) -> Self {
        Self {
            place: Place {
                schema,
                table,
                column,
            },
            holds: PhantomData,
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }
}

/// What a sealed column of `T` stores: `bytea` that means nothing without its key. It is
/// made by [`crate::DataKey::seal`] and read from rows, and opened by
/// [`crate::Keyring::open`]; there is no other way to a `T`.
pub struct Sealed<T> {
    bytes: Vec<u8>,
    holds: PhantomData<fn() -> T>,
}

impl<T> Sealed<T> {
    pub(crate) const fn of(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            holds: PhantomData,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The data key it is sealed with; `None` when it is not a sealed value at all.
    #[must_use]
    pub fn key_id(&self) -> Option<Uuid> {
        seal::key_id(&self.bytes)
    }
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self::of(self.bytes.clone())
    }
}

impl<T> PartialEq for Sealed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<T> Eq for Sealed<T> {}

impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sealed]")
    }
}

impl<T> Type<Postgres> for Sealed<T> {
    fn type_info() -> PgTypeInfo {
        <Vec<u8> as Type<Postgres>>::type_info()
    }

    fn compatible(info: &PgTypeInfo) -> bool {
        <Vec<u8> as Type<Postgres>>::compatible(info)
    }
}

impl<T> PgHasArrayType for Sealed<T> {
    fn array_type_info() -> PgTypeInfo {
        <Vec<u8> as PgHasArrayType>::array_type_info()
    }
}

impl<T> Encode<'_, Postgres> for Sealed<T> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <&[u8] as Encode<'_, Postgres>>::encode(&self.bytes, buffer)
    }
}

impl<'r, T> Decode<'r, Postgres> for Sealed<T> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        <Vec<u8> as Decode<'r, Postgres>>::decode(value).map(Self::of)
    }
}

/// A sealed column as the tools see it, which know no types: what re-sealing and
/// `galen verify` need.
#[derive(Debug, Clone, Copy)]
pub struct SealedColumn {
    /// The column, as its values are bound to it.
    pub place: Place,
    /// The column (`uuid`) that names the row.
    pub row: &'static str,
    /// SQL for the subject of a row `t` of the table.
    pub subject: &'static str,
}
