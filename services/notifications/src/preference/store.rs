//! All SQL about preferences.

use galen_contracts::ids::PatientId;
use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use sqlx::{PgConnection, PgPool, Row as _};

use crate::preference::quiet::Minute;
use crate::preference::{Preferences, QuietHours};
use crate::template::{Category, Channel, Locale};

const INCONSISTENT: Error = Error::Inconsistent {
    column: "notifications.preference",
};

/// A patient's preferences with their version; `None` when none were ever set.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &PgPool, patient: PatientId) -> Result<Option<(Preferences, i64)>, Error> {
    let row = sqlx::query(
        "select language, quiet_from, quiet_to, version,
                array(select category || '/' || channel from preference_muted m where m.patient_id = p.patient_id) as muted
         from preference p where patient_id = $1",
    )
    .bind(patient.uuid())
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let language = row
        .try_get::<Option<String>, _>("language")?
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| INCONSISTENT)?;
    let minute = |value: Option<i16>| {
        value
            .map(|m| Minute::new(m).ok_or(INCONSISTENT))
            .transpose()
    };
    let (from, to) = (
        minute(row.try_get("quiet_from")?)?,
        minute(row.try_get("quiet_to")?)?,
    );
    let quiet = match (from, to) {
        (Some(from), Some(to)) => Some(QuietHours::new(from, to).ok_or(INCONSISTENT)?),
        _ => None,
    };
    let muted = row
        .try_get::<Vec<String>, _>("muted")?
        .iter()
        .map(|text| {
            let (category, channel) = text.split_once('/')?;
            Some((Category::read(category)?, Channel::read(channel)?))
        })
        .collect::<Option<_>>()
        .ok_or(INCONSISTENT)?;
    Ok(Some((
        Preferences {
            language,
            quiet,
            muted,
        },
        row.try_get("version")?,
    )))
}

/// Takes the patient's row, making it if needed, and tells its version.
///
/// # Errors
/// When the database fails.
pub async fn lock(
    connection: &mut PgConnection,
    patient: PatientId,
    now: Timestamp,
) -> Result<i64, Error> {
    sqlx::query(
        "insert into preference (patient_id, updated_at, version) values ($1, $2, 0)
         on conflict (patient_id) do nothing",
    )
    .bind(patient.uuid())
    .bind(Ts::from(now))
    .execute(&mut *connection)
    .await?;
    let version =
        sqlx::query_scalar("select version from preference where patient_id = $1 for update")
            .bind(patient.uuid())
            .fetch_one(connection)
            .await?;
    Ok(version)
}

/// Replaces the preferences of a patient whose row is locked. The new version.
///
/// # Errors
/// When the database fails.
pub async fn replace(
    connection: &mut PgConnection,
    patient: PatientId,
    wished: &Preferences,
    now: Timestamp,
) -> Result<i64, Error> {
    let version = sqlx::query_scalar(
        "update preference
         set language = $2, quiet_from = $3, quiet_to = $4, updated_at = $5, version = version + 1
         where patient_id = $1
         returning version",
    )
    .bind(patient.uuid())
    .bind(wished.language.as_ref().map(Locale::as_str))
    .bind(wished.quiet.map(|q| q.from().after_midnight()))
    .bind(wished.quiet.map(|q| q.to().after_midnight()))
    .bind(Ts::from(now))
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query("delete from preference_muted where patient_id = $1")
        .bind(patient.uuid())
        .execute(&mut *connection)
        .await?;
    let (categories, channels): (Vec<_>, Vec<_>) = wished
        .muted
        .iter()
        .map(|(category, channel)| (category.code(), channel.code()))
        .unzip();
    sqlx::query(
        "insert into preference_muted (patient_id, category, channel)
         select $1, category, channel from unnest($2::text[], $3::text[]) as muted (category, channel)",
    )
    .bind(patient.uuid())
    .bind(categories)
    .bind(channels)
    .execute(connection)
    .await?;
    Ok(version)
}

/// Removes what a patient wished. Repeating it changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn forget(connection: &mut PgConnection, patient: PatientId) -> Result<(), Error> {
    sqlx::query("delete from preference where patient_id = $1")
        .bind(patient.uuid())
        .execute(connection)
        .await?;
    Ok(())
}
