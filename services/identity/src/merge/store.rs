//! SQL of what merges did to accounts.

use galen_storage::Error;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::model::{Effect, MergeEffect, MergeId};

/// Writes down what a merge did.
pub(crate) async fn insert(tx: &mut PgConnection, done: &MergeEffect) -> Result<(), Error> {
    sqlx::query("insert into merge_effect (merge_id, account_id, survivor_id, retired_id, effect) values ($1, $2, $3, $4, $5)")
        .bind(done.merge.uuid())
        .bind(done.account.uuid())
        .bind(done.survivor.uuid())
        .bind(done.retired.uuid())
        .bind(done.effect.name())
        .execute(tx)
        .await?;
    Ok(())
}

/// Takes what a merge did, to undo it.
pub(crate) async fn take(
    tx: &mut PgConnection,
    merge: MergeId,
) -> Result<Option<MergeEffect>, Error> {
    let row = sqlx::query("delete from merge_effect where merge_id = $1 returning merge_id, account_id, survivor_id, retired_id, effect")
        .bind(merge.uuid())
        .fetch_optional(tx)
        .await?;
    row.map(|row| {
        let effect = Effect::from_name(row.try_get("effect")?);
        Ok(MergeEffect {
            merge: row.try_get::<Uuid, _>("merge_id")?.into(),
            account: row.try_get::<Uuid, _>("account_id")?.into(),
            survivor: row.try_get::<Uuid, _>("survivor_id")?.into(),
            retired: row.try_get::<Uuid, _>("retired_id")?.into(),
            effect: effect.ok_or(Error::Inconsistent {
                column: "identity.merge_effect.effect",
            })?,
        })
    })
    .transpose()
}
