//! All SQL about prepayments.

use std::collections::HashMap;

use galen_contracts::ids::AppointmentId;
use galen_kernel::Money;
use galen_storage::{Columns as _, Error};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Prepayment, Status};

/// Notes what is asked for or there; what is known of the appointment is replaced.
///
/// # Errors
/// When the database fails.
pub async fn put(
    db: &mut PgConnection,
    appointment: AppointmentId,
    prepayment: Prepayment,
) -> Result<(), Error> {
    let Prepayment { amount, status } = prepayment;
    let written = sqlx::query(
        "insert into prepayment (appointment_id, currency, minor, status) values ($1, $2, $3, $4)
         on conflict (appointment_id) do update
         set currency = excluded.currency, minor = excluded.minor, status = excluded.status",
    )
    .bind(appointment.uuid())
    .bind(amount.currency.code())
    .bind(amount.minor)
    .bind(status.name())
    .execute(db)
    .await?
    .rows_affected();
    Error::unless_rows("put prepayment", 1, written)
}

/// Notes where the prepayment of an appointment stands; says whether there is one.
///
/// # Errors
/// When the database fails.
pub async fn stands(
    db: &mut PgConnection,
    appointment: AppointmentId,
    status: Status,
) -> Result<bool, Error> {
    let written = sqlx::query("update prepayment set status = $2 where appointment_id = $1")
        .bind(appointment.uuid())
        .bind(status.name())
        .execute(db)
        .await?
        .rows_affected();
    Ok(written == 1)
}

/// Forgets one that nobody was asked for; says whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn forget(db: &mut PgConnection, appointment: AppointmentId) -> Result<bool, Error> {
    let deleted =
        sqlx::query("delete from prepayment where appointment_id = $1 and status = 'REQUESTED'")
            .bind(appointment.uuid())
            .execute(db)
            .await?
            .rows_affected();
    Ok(deleted == 1)
}

/// Those of some appointments.
///
/// # Errors
/// When the database fails.
pub async fn of(
    db: impl PgExecutor<'_>,
    appointments: &[Uuid],
) -> Result<HashMap<Uuid, Prepayment>, Error> {
    let rows = sqlx::query(
        "select appointment_id, currency, minor, status from prepayment where appointment_id = any ($1)",
    )
    .bind(appointments)
    .fetch_all(db)
    .await?;
    let bad = |column| Error::Inconsistent { column };
    rows.iter()
        .map(|row| {
            let currency = row.text("currency")?.parse();
            let amount = Money {
                minor: row.col("minor")?,
                currency: currency.map_err(|_| bad("scheduling.prepayment.currency"))?,
            };
            let status = Status::named(&row.text("status")?);
            let status = status.ok_or(bad("scheduling.prepayment.status"))?;
            Ok((row.col("appointment_id")?, Prepayment { amount, status }))
        })
        .collect()
}
