//! The standing of accounts, which commands change in their own transactions.
//!
//! The writer learns an account when it is first named. It stores nothing about an
//! account whose standing is not the one it decided with, and looks again: so whatever
//! is answered after the standing has changed is answered with the new one.

use galen_storage::Error;
use sqlx::PgConnection;

use super::store;
use crate::ledger::{AccountId, Standing, StandingError};

/// Opens, freezes or closes an account; says whether it was another before, or why it
/// stays as it is. `None`: there is no such account. The account is locked until the
/// transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn set_standing(
    connection: &mut PgConnection,
    id: AccountId,
    standing: Standing,
) -> Result<Option<Result<bool, StandingError>>, Error> {
    let Some(account) = store::lock_account(connection, id).await? else {
        return Ok(None);
    };
    if let Err(error) = account.stand(standing) {
        return Ok(Some(Err(error)));
    }
    if account.standing == standing {
        return Ok(Some(Ok(false)));
    }
    let changed = sqlx::query("update account set standing = $2 where id = $1")
        .bind(id.0)
        .bind(standing.number())
        .execute(connection)
        .await?
        .rows_affected();
    Error::unless_rows("change the standing of an account", 1, changed)?;
    Ok(Some(Ok(true)))
}
