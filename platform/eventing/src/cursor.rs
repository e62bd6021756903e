//! Cursors: how far a group has applied a partition, moved by compare-and-set under
//! the epoch of whoever owns it.

use galen_storage::{Db, Error, Tx};
use sqlx::PgConnection;

use crate::slot::Grant;

/// A cursor's way from `former` to `off`.
pub(crate) struct Move {
    pub(crate) topic: i16,
    pub(crate) part: i16,
    pub(crate) epoch: i64,
    pub(crate) former: i64,
    pub(crate) off: i64,
}

/// Moves cursors as part of the effect's transaction. False when one of them was not
/// at `former` under `epoch`: then the effect must not commit.
pub(crate) async fn advance(
    connection: &mut PgConnection,
    group: &str,
    moves: &[Move],
) -> Result<bool, Error> {
    Ok(
        sqlx::query_scalar("select events.advance($1, $2, $3, $4, $5, $6)")
            .bind(group)
            .bind(moves.iter().map(|m| m.topic).collect::<Vec<_>>())
            .bind(moves.iter().map(|m| m.part).collect::<Vec<_>>())
            .bind(moves.iter().map(|m| m.epoch).collect::<Vec<_>>())
            .bind(moves.iter().map(|m| m.former).collect::<Vec<_>>())
            .bind(moves.iter().map(|m| m.off).collect::<Vec<_>>())
            .fetch_one(connection)
            .await?,
    )
}

/// Where a cursor stands.
pub(crate) async fn of(
    db: &Db,
    group: &str,
    topic: i16,
    part: i16,
) -> Result<Option<Grant>, Error> {
    let row: Option<(i64, i64)> =
        sqlx::query_as("select off, epoch from events.cursor_of($1, $2, $3)")
            .bind(group)
            .bind(topic)
            .bind(part)
            .fetch_optional(db.pool())
            .await?;
    Ok(row.map(|(off, epoch)| Grant { epoch, off }))
}

/// Locks a group's cursors until the end of the transaction: (topic, partition, offset).
pub(crate) async fn hold(tx: &mut Tx, group: &str) -> Result<Vec<(i16, i16, i64)>, Error> {
    Ok(
        sqlx::query_as("select topic, part, off from events.hold_group($1)")
            .bind(group)
            .fetch_all(tx.conn())
            .await?,
    )
}
