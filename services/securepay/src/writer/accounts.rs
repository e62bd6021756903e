//! What commands do with accounts themselves, in their own transactions.
//!
//! The writer learns an account when it is first named. It stores nothing about an
//! account whose standing is not the one it decided with, and looks again: so whatever
//! is answered after the standing has changed is answered with the new one.

use galen_kernel::Currency;
use galen_storage::{Columns as _, Error};
use sqlx::PgConnection;

use super::{Shard, store};
use crate::ledger::{AccountId, Limit, Standing, StandingError};

/// Makes an account, and the ledger of its currency when there is none.
///
/// # Errors
/// When the database fails.
pub async fn open_account(
    connection: &mut PgConnection,
    shard: Shard,
    currency: Currency,
    limit: Limit,
) -> Result<AccountId, Error> {
    sqlx::query(
        "insert into ledger (currency, shard)
         select $1, $2 where not exists (select from ledger where currency = $1)
         on conflict (currency) do nothing",
    )
    .bind(currency.code())
    .bind(shard.0)
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query(
        "insert into account (ledger_id, limits) select id, $2 from ledger where currency = $1 returning id",
    )
    .bind(currency.code())
    .bind(limit.number())
    .fetch_one(connection)
    .await?;
    Ok(AccountId(row.col("id")?))
}

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
