//! All SQL of the writer.

use galen_storage::{Columns as _, Error};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use uuid::Uuid;

use super::Shard;
use crate::books;
use crate::ledger::batch::Changes;
use crate::ledger::chain::Link;
use crate::ledger::{Account, AccountId, Hold, Posting, Stamp};

/// Where a shard stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) epoch: i64,
    pub(super) last: Option<Stamp>,
    pub(super) link: Link,
}

/// The key of the advisory locks of writers; the second half is the shard.
const WRITERS: i32 = 0x6c65_6467;

/// Plans of the writer's statements look rows up by their keys, whatever the planner
/// thinks of arrays.
pub(super) async fn prepare(connection: &mut PgConnection) -> Result<(), Error> {
    connection
        .execute(
            "set enable_hashjoin = off; set enable_mergejoin = off; set enable_seqscan = off;
             set plan_cache_mode = force_generic_plan; set jit = off; set synchronous_commit = on",
        )
        .await?;
    Ok(())
}

/// Waits until no other writer of the shard is connected.
pub(super) async fn wait_for_the_shard(
    connection: &mut PgConnection,
    shard: Shard,
) -> Result<(), Error> {
    sqlx::query("select pg_advisory_lock($1, $2)")
        .bind(WRITERS)
        .bind(i32::from(shard.0))
        .execute(connection)
        .await?;
    Ok(())
}

/// Raises the epoch. A statement of an earlier epoch that is under way is waited for;
/// all later ones fail.
pub(super) async fn take_over(connection: &mut PgConnection, shard: Shard) -> Result<Head, Error> {
    let row = sqlx::query(
        "update head set epoch = epoch + 1 where shard = $1 returning epoch, last, link",
    )
    .bind(shard.0)
    .fetch_one(connection)
    .await?;
    head(&row)
}

/// Where a shard stands now.
pub(super) async fn look_at(connection: &mut PgConnection, shard: Shard) -> Result<Head, Error> {
    let row = sqlx::query("select epoch, last, link from head where shard = $1")
        .bind(shard.0)
        .fetch_one(connection)
        .await?;
    head(&row)
}

/// Where a shard stands, until the transaction ends.
pub(super) async fn lock(connection: &mut PgConnection, shard: Shard) -> Result<Head, Error> {
    let row = sqlx::query("select epoch, last, link from head where shard = $1 for update")
        .bind(shard.0)
        .fetch_one(connection)
        .await?;
    head(&row)
}

/// An account, until the transaction ends.
pub(super) async fn lock_account(
    connection: &mut PgConnection,
    id: AccountId,
) -> Result<Option<Account>, Error> {
    let row = sqlx::query(
        "select id, ledger_id, limits, standing, debits_pending, debits_posted, credits_pending, credits_posted, version
         from account where id = $1 for no key update",
    )
    .bind(id.0)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(books::account).transpose()
}

/// Open holds whose time has ended.
pub(super) async fn due(
    connection: &mut PgConnection,
    now: Stamp,
    limit: i64,
) -> Result<Vec<Hold>, Error> {
    let rows = sqlx::query(
        "select id, ledger_id, debit_id, credit_id, amount, captured, refunded, state, expires_at
         from hold where state = 0 and expires_at is not null and expires_at <= $1
         order by expires_at limit $2",
    )
    .bind(now.0)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.iter().map(books::hold).collect()
}

/// The postings of a batch, in their order.
pub(super) async fn between(
    connection: &mut PgConnection,
    shard: Shard,
    first: Stamp,
    last: Stamp,
) -> Result<Vec<Posting>, Error> {
    let rows = sqlx::query(
        "select p.at, p.id, p.kind, p.ledger_id, p.debit_id, p.credit_id, p.amount, p.debit_balance, p.credit_balance,
                p.hold_id, p.expires_at, p.code, p.reference
         from posting p join ledger l on l.id = p.ledger_id
         where l.shard = $1 and p.at between $2 and $3 order by p.at",
    )
    .bind(shard.0)
    .bind(first.0)
    .bind(last.0)
    .fetch_all(connection)
    .await?;
    rows.iter().map(books::posting).collect()
}

/// What a statement has to find and to do, or it does nothing: the head as believed,
/// every account as expected, every row new.
const STORE: &str = "
with fence as (
    update head set last = $2, link = $3 where shard = $1 and epoch = $4 and link = $5
    returning 1
), moved as (
    update account a
    set debits_pending = c.debits_pending, debits_posted = c.debits_posted,
        credits_pending = c.credits_pending, credits_posted = c.credits_posted, version = c.version
    from unnest($6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
                $34::smallint[])
        as c (id, expected, version, debits_pending, debits_posted, credits_pending, credits_posted, standing)
    where a.id = c.id and a.version = c.expected and a.standing = c.standing
    returning 1
), posted as (
    insert into posting (at, id, kind, ledger_id, debit_id, credit_id, amount, debit_balance, credit_balance,
                         hold_id, expires_at, code, reference)
    select * from unnest($13::bigint[], $14::uuid[], $15::smallint[], $16::integer[], $17::bigint[], $18::bigint[],
                         $19::bigint[], $20::bigint[], $21::bigint[], $22::uuid[], $23::bigint[], $24::smallint[], $25::uuid[])
    returning 1
), held as (
    insert into hold (id, ledger_id, debit_id, credit_id, amount, captured, state, expires_at, refunded)
    select * from unnest($26::uuid[], $27::integer[], $28::bigint[], $29::bigint[], $30::bigint[], $31::bigint[],
                         $32::smallint[], $33::bigint[], $35::bigint[])
    returning 1
), changed as (
    update hold h
    set captured = c.captured, refunded = c.refunded, state = c.state
    from unnest($36::uuid[], $37::bigint[], $38::bigint[], $39::smallint[]) as c (id, captured, refunded, state)
    where h.id = c.id
    returning 1
), linked as (
    insert into batch (shard, first, last, postings, link)
    values ($1, ($13::bigint[])[1], $2, cardinality($13::bigint[]), $3)
    returning 1
)
select must(
    (select count(*) from fence) = 1
    and (select count(*) from moved) = cardinality($6::bigint[])
    and (select count(*) from posted) = cardinality($13::bigint[])
    and (select count(*) from held) = cardinality($26::uuid[])
    and (select count(*) from changed) = cardinality($36::uuid[])
    and (select count(*) from linked) = 1)";

/// Stores a batch, all of it or nothing, and says where the shard stands then.
pub(super) async fn store(
    connection: &mut PgConnection,
    shard: Shard,
    head: Head,
    changes: &Changes,
) -> Result<Head, Error> {
    let Some(last) = changes.postings.last() else {
        return Ok(head);
    };
    let next = Head {
        last: Some(last.at),
        link: head.link.next(&changes.postings),
        ..head
    };
    let of_accounts = |field: fn(&crate::ledger::batch::AccountChange) -> i64| -> Vec<i64> {
        changes.accounts.iter().map(field).collect()
    };
    let rows = &changes.postings;
    let numbers = |field: fn(&Posting) -> i64| -> Vec<i64> { rows.iter().map(field).collect() };
    let ids = |field: fn(&Posting) -> Option<Uuid>| -> Vec<Option<Uuid>> {
        rows.iter().map(field).collect()
    };
    let (holds, changed) = (&changes.new_holds, &changes.changed_holds);
    sqlx::query(AssertSqlSafe(STORE))
        .bind(shard.0)
        .bind(last.at.0)
        .bind(&next.link.0[..])
        .bind(head.epoch)
        .bind(&head.link.0[..])
        .bind(of_accounts(|c| c.id.0))
        .bind(of_accounts(|c| c.expected))
        .bind(of_accounts(|c| c.version))
        .bind(of_accounts(|c| c.totals.debits_pending))
        .bind(of_accounts(|c| c.totals.debits_posted))
        .bind(of_accounts(|c| c.totals.credits_pending))
        .bind(of_accounts(|c| c.totals.credits_posted))
        .bind(numbers(|p| p.at.0))
        .bind(ids(|p| Some(p.id.0)))
        .bind(rows.iter().map(|p| p.kind.number()).collect::<Vec<i16>>())
        .bind(rows.iter().map(|p| p.ledger.0).collect::<Vec<i32>>())
        .bind(numbers(|p| p.debit.0))
        .bind(numbers(|p| p.credit.0))
        .bind(numbers(|p| p.amount.minor()))
        .bind(numbers(|p| p.debit_balance))
        .bind(numbers(|p| p.credit_balance))
        .bind(ids(|p| p.hold.map(|hold| hold.0)))
        .bind(
            rows.iter()
                .map(|p| p.expires_at.map(|end| end.0))
                .collect::<Vec<Option<i64>>>(),
        )
        .bind(rows.iter().map(|p| p.code).collect::<Vec<i16>>())
        .bind(ids(|p| p.reference))
        .bind(holds.iter().map(|h| h.id.0).collect::<Vec<Uuid>>())
        .bind(holds.iter().map(|h| h.ledger.0).collect::<Vec<i32>>())
        .bind(holds.iter().map(|h| h.debit.0).collect::<Vec<i64>>())
        .bind(holds.iter().map(|h| h.credit.0).collect::<Vec<i64>>())
        .bind(holds.iter().map(|h| h.amount.minor()).collect::<Vec<i64>>())
        .bind(holds.iter().map(|h| h.captured).collect::<Vec<i64>>())
        .bind(holds.iter().map(|h| h.state.number()).collect::<Vec<i16>>())
        .bind(
            holds
                .iter()
                .map(|h| h.expires_at.map(|end| end.0))
                .collect::<Vec<Option<i64>>>(),
        )
        .bind(
            changes
                .accounts
                .iter()
                .map(|c| c.standing.number())
                .collect::<Vec<i16>>(),
        )
        .bind(holds.iter().map(|h| h.refunded).collect::<Vec<i64>>())
        .bind(changed.iter().map(|h| h.id.0).collect::<Vec<Uuid>>())
        .bind(changed.iter().map(|h| h.captured).collect::<Vec<i64>>())
        .bind(changed.iter().map(|h| h.refunded).collect::<Vec<i64>>())
        .bind(
            changed
                .iter()
                .map(|h| h.state.number())
                .collect::<Vec<i16>>(),
        )
        .execute(connection)
        .await?;
    Ok(next)
}

fn head(row: &PgRow) -> Result<Head, Error> {
    let link: Vec<u8> = row.col("link")?;
    Ok(Head {
        epoch: row.col("epoch")?,
        last: row.col::<Option<i64>>("last")?.map(Stamp),
        link: Link(
            link.try_into()
                .map_err(|_| inconsistent("securepay.head.link"))?,
        ),
    })
}

const fn inconsistent(column: &'static str) -> Error {
    Error::Inconsistent { column }
}
