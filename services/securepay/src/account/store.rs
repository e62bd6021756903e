//! All SQL about what accounts are for.

use galen_kernel::{Clock, Currency};
use galen_storage::{Columns as _, Error, ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Account, Kind, Owner, OwnerKind, PublicId};
use crate::books;
use crate::ledger::{AccountId, Hold, LedgerId, TransferId};

/// Gives the account of an owner, and opens it when there is none. The first one of a
/// currency opens the currency's ledger as well. Whoever opens the same one at the same
/// time waits, and gets the same one.
///
/// # Errors
/// When the database fails.
pub async fn open(
    db: &mut PgConnection,
    clock: &Clock,
    kind: Kind,
    owner: Owner,
    currency: Currency,
) -> Result<Account, Error> {
    let (account, _) = open_or_find(db, clock, kind, owner, currency).await?;
    Ok(account)
}

/// As [`open`]; also says whether there was none before.
///
/// # Errors
/// When the database fails.
pub async fn open_or_find(
    db: &mut PgConnection,
    clock: &Clock,
    kind: Kind,
    owner: Owner,
    currency: Currency,
) -> Result<(Account, bool), Error> {
    if let Some(account) = find(&mut *db, kind, owner.id(), currency).await? {
        return Ok((account, false));
    }
    sqlx::query(
        "insert into ledger (currency, shard) values ($1, 0) on conflict (currency) do nothing",
    )
    .bind(currency.code())
    .execute(&mut *db)
    .await?;
    // Its number is drawn before its row is made, so that of two who open the same one
    // neither leaves an account behind that is for nothing.
    let opened = sqlx::query(
        "with info as (
             insert into account_info (id, public_id, kind, owner_kind, owner_id, currency, opened_at)
             values (nextval('account_id_seq'), $1, $2, $3, $4, $5, $6)
             on conflict (kind, owner_id, currency) do nothing
             returning id, currency
         )
         insert into account (id, ledger_id, limits)
         overriding system value
         select info.id, ledger.id, $7 from info join ledger using (currency)",
    )
    .bind(clock.uuid())
    .bind(kind.name())
    .bind((kind == Kind::Wallet).then(|| owner.kind().unwrap_or(OwnerKind::Patient).name()))
    .bind(owner.id())
    .bind(currency.code())
    .bind(ts(clock.now()))
    .bind(kind.limit().number())
    .execute(&mut *db)
    .await?
    .rows_affected();
    let account = find(db, kind, owner.id(), currency).await?;
    let account = account.ok_or(Error::Inconsistent {
        column: "securepay.account_info.id",
    })?;
    Ok((account, opened == 1))
}

/// The account of an owner, if it is open.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    kind: Kind,
    owner: Option<Uuid>,
    currency: Currency,
) -> Result<Option<Account>, Error> {
    let row = sqlx::query(
        "select i.id, i.public_id, l.id as ledger_id, i.kind, i.owner_kind, i.owner_id, i.currency, i.opened_at, i.version
         from account_info i join ledger l using (currency)
         where i.kind = $1 and i.owner_id is not distinct from $2 and i.currency = $3",
    )
    .bind(kind.name())
    .bind(owner)
    .bind(currency.code())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// The account that everybody else calls so.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: impl PgExecutor<'_>, id: PublicId) -> Result<Option<Account>, Error> {
    Ok(by_ids(db, &[id]).await?.pop())
}

/// The accounts that everybody else calls so, in no order; unknown ones are left out.
///
/// # Errors
/// When the database fails.
pub async fn by_ids(db: impl PgExecutor<'_>, ids: &[PublicId]) -> Result<Vec<Account>, Error> {
    let ids: Vec<Uuid> = ids.iter().map(PublicId::uuid).collect();
    let rows = sqlx::query(
        "select i.id, i.public_id, l.id as ledger_id, i.kind, i.owner_kind, i.owner_id, i.currency, i.opened_at, i.version
         from account_info i join ledger l using (currency)
         where i.public_id = any ($1)",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// The accounts that the ledger calls so, in no order; unknown ones are left out.
///
/// # Errors
/// When the database fails.
pub async fn by_numbers(db: impl PgExecutor<'_>, ids: &[AccountId]) -> Result<Vec<Account>, Error> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query(
        "select i.id, i.public_id, l.id as ledger_id, i.kind, i.owner_kind, i.owner_id, i.currency, i.opened_at, i.version
         from account_info i join ledger l using (currency)
         where i.id = any ($1)",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// A hold that was made for a purpose, with its currency.
///
/// # Errors
/// When the database fails.
pub(crate) async fn reserved(
    db: &mut PgConnection,
    id: Uuid,
    code: i16,
) -> Result<Option<(Hold, Currency)>, Error> {
    let found: Option<String> = sqlx::query_scalar(
        "select l.currency from posting p join ledger l on l.id = p.ledger_id where p.id = $1 and p.kind = 2 and p.code = $2",
    )
    .bind(id)
    .bind(code)
    .fetch_optional(&mut *db)
    .await?;
    let Some(currency) = found else {
        return Ok(None);
    };
    let currency = currency.parse().map_err(|_| Error::Inconsistent {
        column: "securepay.ledger.currency",
    })?;
    let hold = books::holds(db, &[TransferId(id)]).await?.pop();
    Ok(hold.map(|hold| (hold, currency)))
}

/// Reads an account from a row that has its columns.
pub(crate) fn read(row: &PgRow) -> Result<Account, Error> {
    let inconsistent = |column| Error::Inconsistent { column };
    let kind = Kind::from_name(&row.text("kind")?)
        .ok_or_else(|| inconsistent("securepay.account_info.kind"))?;
    let id: Option<Uuid> = row.col("owner_id")?;
    let owner_kind = row
        .opt_text("owner_kind")?
        .map(|name| {
            OwnerKind::from_name(&name)
                .ok_or_else(|| inconsistent("securepay.account_info.owner_kind"))
        })
        .transpose()?;
    Ok(Account {
        id: AccountId(row.col("id")?),
        public_id: row.id("public_id")?,
        ledger: LedgerId(row.col("ledger_id")?),
        kind,
        owner: match (owner_kind, id) {
            (_, None) => Owner::Hospital,
            (Some(OwnerKind::Insurer), Some(id)) => Owner::Insurer(id),
            (Some(_), Some(id)) => Owner::Patient(id),
            (None, Some(id)) => Owner::Thing(id),
        },
        currency: row
            .text("currency")?
            .parse()
            .map_err(|_| inconsistent("securepay.account_info.currency"))?,
        opened_at: row.instant("opened_at")?,
        version: row.col("version")?,
    })
}
