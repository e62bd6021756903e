//! SQL of failed logins.

use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use sqlx::{PgExecutor, Row as _};

use super::model::{Failures, Subject};

/// The failures of a name since its last success.
pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    subject: &Subject,
) -> Result<Option<Failures>, Error> {
    let row = sqlx::query("select failures, last_failed_at from login_attempt where subject = $1")
        .bind(subject.bytes())
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        Ok(Failures {
            count: u32::try_from(row.try_get::<i32, _>("failures")?).map_err(|_| {
                Error::Inconsistent {
                    column: "identity.login_attempt.failures",
                }
            })?,
            last_at: row.try_get::<Ts, _>("last_failed_at")?.to_jiff(),
        })
    })
    .transpose()
}

/// Counts one more failure.
pub(crate) async fn count(
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

/// Forgets a name's failures: it has logged in, or has a new password.
pub(crate) async fn clear(db: impl PgExecutor<'_>, subject: &Subject) -> Result<(), Error> {
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
