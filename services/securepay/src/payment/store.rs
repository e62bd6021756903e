//! All SQL of payments.

use galen_storage::{Error, Ts};
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::Payment;

/// Stores payments, together with their holds.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    payments: &[&Payment],
) -> Result<(), Error> {
    if payments.is_empty() {
        return Ok(());
    }
    let numbers = |field: fn(&Payment) -> i64| -> Vec<i64> {
        payments.iter().map(|payment| field(payment)).collect()
    };
    sqlx::query(
        "insert into payment (id, from_id, to_id, amount, currency, capture, description, reference, created_by, created_at)
         select * from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bytea[],
                              $8::uuid[], $9::uuid[], $10::timestamptz[])",
    )
    .bind(payments.iter().map(|p| p.id).collect::<Vec<Uuid>>())
    .bind(numbers(|p| p.from.0))
    .bind(numbers(|p| p.to.0))
    .bind(numbers(|p| p.amount.minor()))
    .bind(payments.iter().map(|p| p.currency.code()).collect::<Vec<_>>())
    .bind(payments.iter().map(|p| p.capture.name()).collect::<Vec<_>>())
    .bind(payments.iter().map(|p| p.description.clone()).collect::<Vec<_>>())
    .bind(payments.iter().map(|p| p.reference).collect::<Vec<_>>())
    .bind(payments.iter().map(|p| p.created_by.map(|id| id.uuid())).collect::<Vec<_>>())
    .bind(payments.iter().map(|p| Ts::from(p.created_at)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
