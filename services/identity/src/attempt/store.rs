//! SQL of failed logins, and of the places where logins are familiar.

use galen_contracts::ids::UserId;
use galen_kernel::{Household, Timestamp};
use galen_storage::{Error, Ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;

use super::Attempt;
use super::model::{Failures, Standing, Subject};
use super::pressure::{LEAK, Pressure};
use crate::account::Account;

/// What is counted against an attempt.
pub(super) async fn standing(
    db: impl PgExecutor<'_>,
    attempt: &Attempt,
) -> Result<Standing, Error> {
    let row = sqlx::query(
        "select p.account_id is not null as familiar, p.failures as own, p.last_failed_at as own_at,
                n.failures as name, n.last_failed_at as name_at,
                h.drained_at as address_until, h.last_failed_at as address_at
         from (select $1::uuid as account_id, $2::cidr as household, $3::bytea as subject) as a
         left join familiar_place p on p.account_id = a.account_id and p.household = a.household
         left join login_attempt n on n.subject = a.subject
         left join address_failure h on h.household = a.household",
    )
    .bind(attempt.account.map(Uuid::from))
    .bind(attempt.household.map(|household| household.to_string()))
    .bind(attempt.subject.bytes())
    .fetch_one(db)
    .await?;
    if row.try_get("familiar")? {
        return Ok(Standing::Familiar(failures(&row, "own", "own_at")?));
    }
    let until = row.try_get::<Option<Ts>, _>("address_until")?;
    let last = row.try_get::<Option<Ts>, _>("address_at")?;
    Ok(Standing::Stranger {
        name: failures(&row, "name", "name_at")?,
        address: until.zip(last).map(|(until, last)| Pressure {
            drained_at: until.to_jiff(),
            last_at: last.to_jiff(),
        }),
    })
}

fn failures(row: &PgRow, count: &str, last_at: &str) -> Result<Option<Failures>, Error> {
    let last_at = row.try_get::<Option<Ts>, _>(last_at)?;
    let Some((count, last_at)) = row.try_get::<Option<i32>, _>(count)?.zip(last_at) else {
        return Ok(None);
    };
    Ok(Some(Failures {
        count: u32::try_from(count).map_err(|_| Error::Inconsistent {
            column: "identity.login_attempt.failures",
        })?,
        last_at: last_at.to_jiff(),
    }))
}

/// Counts one more failure of an account where it is familiar; false when it is not.
pub(super) async fn count_at_familiar_place(
    db: impl PgExecutor<'_>,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<bool, Error> {
    let (Some(account), Some(household)) = (attempt.account, attempt.household) else {
        return Ok(false);
    };
    let done = sqlx::query(
        "update familiar_place set failures = least(failures + 1, 1000000), last_failed_at = $3
         where account_id = $1 and household = $2::cidr",
    )
    .bind(account.uuid())
    .bind(household.to_string())
    .bind(Ts::from(now))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts one more failure of strangers with a name.
pub(super) async fn count_of_strangers(
    db: impl PgExecutor<'_>,
    subject: &Subject,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "insert into login_attempt (subject, failures, last_failed_at) values ($1, 1, $2)
         on conflict (subject) do update
         set failures = least(login_attempt.failures + 1, 1000000), last_failed_at = excluded.last_failed_at",
    )
    .bind(subject.bytes())
    .bind(Ts::from(now))
    .execute(db)
    .await?;
    Ok(())
}

/// Counts one more failure of an address: it weighs for as long as [`LEAK`] says.
pub(super) async fn count_of_address(
    db: impl PgExecutor<'_>,
    household: Household,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "insert into address_failure as a (household, drained_at, last_failed_at)
         values ($1::cidr, $2 + make_interval(secs => $3), $2)
         on conflict (household) do update
         set drained_at = greatest(a.drained_at, excluded.last_failed_at) + make_interval(secs => $3),
             last_failed_at = excluded.last_failed_at",
    )
    .bind(household.to_string())
    .bind(Ts::from(now))
    .bind(LEAK.as_secs_f64())
    .execute(db)
    .await?;
    Ok(())
}

/// An account has logged in: the place is familiar from now on, and its failures there
/// are forgotten. Those of strangers are forgotten when it was a stranger's place until
/// now; a login where it is familiar does not let strangers begin anew.
pub(crate) async fn welcome(
    tx: &mut PgConnection,
    account: &Account,
    household: Option<Household>,
    now: Timestamp,
) -> Result<(), Error> {
    let subject = Subject::of(account.username.as_str());
    let Some(household) = household else {
        return clear(tx, &subject).await;
    };
    let back = sqlx::query(
        "update familiar_place set seen_at = greatest(seen_at, $3), failures = 0, last_failed_at = null
         where account_id = $1 and household = $2::cidr",
    )
    .bind(account.id.uuid())
    .bind(household.to_string())
    .bind(Ts::from(now))
    .execute(&mut *tx)
    .await?;
    if back.rows_affected() == 1 {
        return Ok(());
    }
    clear(&mut *tx, &subject).await?;
    become_familiar(tx, account.id, household, now).await
}

async fn become_familiar(
    tx: &mut PgConnection,
    account: UserId,
    household: Household,
    now: Timestamp,
) -> Result<(), Error> {
    // Two first logins side by side make one place.
    sqlx::query(
        "insert into familiar_place (account_id, household, seen_at) values ($1, $2::cidr, $3)
         on conflict (account_id, household) do nothing",
    )
    .bind(account.uuid())
    .bind(household.to_string())
    .bind(Ts::from(now))
    .execute(tx)
    .await?;
    Ok(())
}

/// An account has a new password, chosen there: everything that was counted is
/// forgotten, and no other place is familiar any more, whoever logged in from it.
pub(crate) async fn begin_anew(
    tx: &mut PgConnection,
    account: &Account,
    household: Option<Household>,
    now: Timestamp,
) -> Result<(), Error> {
    clear(&mut *tx, &Subject::of(account.username.as_str())).await?;
    sqlx::query("delete from familiar_place where account_id = $1")
        .bind(account.id.uuid())
        .execute(&mut *tx)
        .await?;
    match household {
        Some(household) => become_familiar(tx, account.id, household, now).await,
        None => Ok(()),
    }
}

/// Forgets the failures of strangers with a name.
async fn clear(db: impl PgExecutor<'_>, subject: &Subject) -> Result<(), Error> {
    sqlx::query("delete from login_attempt where subject = $1")
        .bind(subject.bytes())
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets what is older than `before`, and the oldest beyond the newest `keep`.
pub(crate) async fn forget(
    db: impl PgExecutor<'_>,
    before: Timestamp,
    keep: i64,
) -> Result<u64, Error> {
    let done = sqlx::query(
        "delete from login_attempt
         where last_failed_at < greatest($1, coalesce(
             (select last_failed_at from login_attempt order by last_failed_at desc offset $2 limit 1), $1))",
    )
    .bind(Ts::from(before))
    .bind(keep)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets the places from which nobody has logged in since `before`.
pub(crate) async fn forget_places(
    db: impl PgExecutor<'_>,
    before: Timestamp,
) -> Result<u64, Error> {
    let done = sqlx::query("delete from familiar_place where seen_at < $1")
        .bind(Ts::from(before))
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

/// Forgets the addresses whose failures weigh nothing any more.
pub(crate) async fn forget_addresses(
    db: impl PgExecutor<'_>,
    now: Timestamp,
) -> Result<u64, Error> {
    let done = sqlx::query("delete from address_failure where drained_at < $1")
        .bind(Ts::from(now))
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
