//! All SQL about remittances.

use galen_kernel::Timestamp;
use galen_storage::{Columns as _, Error, date, ts};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::claim::payer::Advice;

/// A remittance that is stored.
pub(super) struct Stored {
    pub(super) id: Uuid,
    pub(super) fingerprint: Vec<u8>,
    pub(super) posted_at: Timestamp,
}

/// SHA-256 of what a remittance says; in which order it says it does not matter.
pub(super) fn fingerprint(advice: &Advice) -> Vec<u8> {
    let mut claims = advice.claims.clone();
    claims.sort_by_key(|(id, _)| *id);
    for (_, lines) in &mut claims {
        lines.sort_by_key(|line| line.sequence);
        for line in lines {
            line.adjustments.sort_by(|a, b| {
                (a.group, &a.reason, a.amount).cmp(&(b.group, &b.reason, b.amount))
            });
        }
    }
    let said = json!([advice.paid_on, advice.amount, claims]).to_string();
    Sha256::digest(said.as_bytes()).to_vec()
}

/// Stores a remittance, or gives the one with the same number. Who comes second waits for
/// the first.
pub(super) async fn insert(
    db: &mut PgConnection,
    id: Uuid,
    advice: &Advice,
    at: Timestamp,
) -> Result<Option<Stored>, Error> {
    let stored = sqlx::query(
        "insert into remittance (id, payer_id, trace, paid_on, amount, currency, fingerprint, posted_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (payer_id, trace) do nothing",
    )
    .bind(id)
    .bind(advice.payer)
    .bind(&advice.trace)
    .bind(date(advice.paid_on))
    .bind(advice.amount.minor)
    .bind(advice.amount.currency.code())
    .bind(fingerprint(advice))
    .bind(ts(at))
    .execute(&mut *db)
    .await?;
    if stored.rows_affected() == 1 {
        return Ok(None);
    }
    let row = sqlx::query(
        "select id, fingerprint, posted_at from remittance where payer_id = $1 and trace = $2",
    )
    .bind(advice.payer)
    .bind(&advice.trace)
    .fetch_one(db)
    .await?;
    Ok(Some(Stored {
        id: row.col("id")?,
        fingerprint: row.col("fingerprint")?,
        posted_at: row.instant("posted_at")?,
    }))
}

/// Stores its lines.
pub(super) async fn insert_lines(
    db: &mut PgConnection,
    id: Uuid,
    advice: &Advice,
) -> Result<(), Error> {
    let lines = || {
        let claims = advice.claims.iter();
        claims.flat_map(|(claim, lines)| lines.iter().map(|line| (claim.uuid(), line)))
    };
    sqlx::query(
        "insert into remittance_line (remittance_id, claim_id, sequence, paid, adjustments)
         select $1, given.* from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::jsonb[]) as given",
    )
    .bind(id)
    .bind(lines().map(|(claim, _)| claim).collect::<Vec<_>>())
    .bind(lines().map(|(_, line)| i32::from(line.sequence)).collect::<Vec<_>>())
    .bind(lines().map(|(_, line)| line.paid).collect::<Vec<_>>())
    .bind(lines().map(|(_, line)| Json(&line.adjustments)).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}
