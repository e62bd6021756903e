//! All SQL of what is counted under contracts.

use std::collections::{BTreeMap, BTreeSet};

use galen_storage::{Columns as _, Error, Tx, ts};
use sqlx::PgConnection;
use uuid::Uuid;

use super::error::CoverError;
use super::model::{Books, Counted, Cover, Share};
use crate::adjudication::{Counters, Key, Scope};

/// Locks the contracts of covers, so that nobody else counts under them until the
/// transaction ends. In one order, so that two of them never wait for each other.
///
/// # Errors
/// When the database fails.
pub async fn lock(db: &mut PgConnection, covers: &[Cover]) -> Result<(), CoverError> {
    let contracts: BTreeSet<&str> = covers
        .iter()
        .map(|cover| cover.policy.contract.as_str())
        .collect();
    let contracts: Vec<&str> = contracts.into_iter().collect();
    sqlx::query(
        "insert into contract (id) select given.id from unnest($1::text[]) as given (id) order by given.id collate \"C\"
         on conflict do nothing",
    )
    .bind(&contracts)
    .execute(&mut *db)
    .await?;
    sqlx::query("select id from contract where id = any ($1) order by id for update")
        .bind(&contracts)
        .execute(db)
        .await?;
    Ok(())
}

/// What was counted under the contracts of covers. The versions are read first: what is
/// counted between the two makes them old, and never the other way round.
///
/// # Errors
/// When the database fails.
pub(crate) async fn books(db: &mut PgConnection, covers: &[Cover]) -> Result<Books, CoverError> {
    let contracts: Vec<&str> = covers
        .iter()
        .map(|cover| cover.policy.contract.as_str())
        .collect();
    let mut books: Books = contracts
        .iter()
        .map(|id| ((*id).to_owned(), Counted::default()))
        .collect();
    let versions = sqlx::query("select id, version from contract where id = any ($1)")
        .bind(&contracts)
        .fetch_all(&mut *db)
        .await?;
    for row in &versions {
        if let Some(book) = books.get_mut(&row.text("id")?) {
            book.version = row.col("version")?;
        }
    }
    let records: Vec<Uuid> = covers
        .iter()
        .flat_map(|cover| cover.records.clone())
        .collect();
    let rows = sqlx::query(
        "select p.contract_id, e.accumulator, e.member_id is null as family, e.period, sum(e.delta)::bigint as counted
         from posting p join accumulator_entry e on e.posting_id = p.id
         where p.contract_id = any ($1) and p.reversed_at is null
           and (e.member_id is null or e.member_id = any ($2))
         group by p.contract_id, e.accumulator, e.member_id is null, e.period",
    )
    .bind(&contracts)
    .bind(records)
    .fetch_all(db)
    .await?;
    let members: BTreeMap<&str, &str> = covers
        .iter()
        .map(|cover| (cover.policy.contract.as_str(), cover.policy.member.as_str()))
        .collect();
    let mut sums: BTreeMap<String, Vec<(Key, i64)>> = BTreeMap::new();
    for row in &rows {
        let contract = row.text("contract_id")?;
        let member = members.get(contract.as_str()).copied().unwrap_or_default();
        let scope = if row.col("family")? {
            Scope::Family(contract.clone())
        } else {
            Scope::Individual(member.to_owned())
        };
        let key = Key {
            accumulator: row.text("accumulator")?,
            scope,
            period: row.text("period")?,
        };
        sums.entry(contract)
            .or_default()
            .push((key, row.col("counted")?));
    }
    for (contract, sums) in sums {
        if let Some(book) = books.get_mut(&contract) {
            book.counters = Counters::new(sums);
        }
    }
    Ok(books)
}

/// Counts a payer's part of a claim under its contract.
///
/// # Errors
/// [`CoverError::Moved`] when something was counted under the contract since the part was
/// worked out, [`CoverError::Counted`] when the claim counts already, or when the
/// database fails; the transaction is then of no further use.
pub async fn post(tx: &mut Tx, claim: Uuid, share: &Share) -> Result<(), CoverError> {
    let cover = &share.cover;
    lock(tx, std::slice::from_ref(cover)).await?;
    let done =
        sqlx::query("update contract set version = version + 1 where id = $1 and version = $2")
            .bind(&cover.policy.contract)
            .bind(share.seen)
            .execute(tx.conn())
            .await?;
    if done.rows_affected() == 0 {
        return Err(CoverError::Moved);
    }
    let member: Uuid = cover
        .policy
        .member
        .parse()
        .map_err(|_| CoverError::Malformed("member"))?;
    let (id, now) = (tx.clock().uuid(), tx.clock().now());
    let deltas = &share.adjudication.deltas;
    let accumulators: Vec<&str> = deltas.iter().map(|d| d.key.accumulator.as_str()).collect();
    let members: Vec<Option<Uuid>> = deltas
        .iter()
        .map(|delta| match delta.key.scope {
            Scope::Individual(_) => Some(member),
            Scope::Family(_) => None,
        })
        .collect();
    let periods: Vec<&str> = deltas.iter().map(|d| d.key.period.as_str()).collect();
    let by: Vec<i64> = deltas.iter().map(|d| d.by).collect();
    sqlx::query(
        "with counted as (
             insert into posting (id, claim_id, contract_id, plan_id, plan_version, posted_at)
             values ($1, $2, $3, $4, $5, $6)
         )
         insert into accumulator_entry (posting_id, accumulator, member_id, period, delta)
         select $1, given.accumulator, given.member, given.period, given.delta
         from unnest($7::text[], $8::uuid[], $9::text[], $10::bigint[]) as given (accumulator, member, period, delta)",
    )
    .bind(id)
    .bind(claim)
    .bind(&cover.policy.contract)
    .bind(&cover.plan.id)
    .bind(i64::from(cover.plan.version))
    .bind(ts(now))
    .bind(accumulators)
    .bind(members)
    .bind(periods)
    .bind(by)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes back what a claim counted; false when it counts nothing.
///
/// # Errors
/// When the database fails.
pub async fn reverse(tx: &mut Tx, claim: Uuid) -> Result<bool, CoverError> {
    let now = tx.clock().now();
    let contract: Option<String> = sqlx::query_scalar(
        "select c.id from contract c
         where c.id = (select contract_id from posting where claim_id = $1 and reversed_at is null)
         for update",
    )
    .bind(claim)
    .fetch_optional(tx.conn())
    .await?;
    let Some(contract) = contract else {
        return Ok(false);
    };
    let done = sqlx::query(
        "update posting set reversed_at = greatest($2, posted_at) where claim_id = $1 and reversed_at is null",
    )
    .bind(claim)
    .bind(ts(now))
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let done = sqlx::query("update contract set version = version + 1 where id = $1")
        .bind(&contract)
        .execute(tx.conn())
        .await?;
    Error::unless_rows("reverse posting", 1, done.rows_affected())?;
    Ok(true)
}
