//! Goes on asking the provider about orders that people have ended: what it says later
//! moves nothing, and is written down. `galen verify` finds what contradicts.

use galen_storage::Error;
use jiff::SignedDuration;

use super::model::Outcome;
use super::store;
use crate::provider::Pursuit;
use crate::provider::order;
use crate::provider::order::model::{Task, after};
use crate::provider::order::pursue::Stuck;

/// The pause between two questions; a webhook of the provider ends it.
pub(crate) const PAUSE: SignedDuration = SignedDuration::from_hours(24);
/// Orders at a time.
const AT_ONCE: i64 = 16;

/// Asks about those whose time has come; returns about how many.
///
/// # Errors
/// When the database fails.
pub(crate) async fn run(pursuit: &Pursuit) -> Result<u64, Stuck> {
    let db = pursuit.db();
    let now = db.clock().now();
    let taken = store::take_up(
        db.pool(),
        pursuit.provider(),
        now,
        after(now, PAUSE),
        AT_ONCE,
    )
    .await?;
    for (id, order, found) in &taken {
        let order = order::store::any(db.pool(), *order)
            .await?
            .ok_or(Error::Inconsistent {
                column: "securepay.order_resolution.order_id",
            })?;
        let (report, asked_at) = pursuit.ask(&order, Task::Ask).await?;
        let Some(says) = Outcome::of(&report) else {
            continue;
        };
        if store::said(db.pool(), *id, says, asked_at).await? && says != *found {
            metrics::counter!("galen_provider_contradictions_total").increment(1);
            tracing::error!(
                order = %order.id,
                found = found.name(),
                says = says.name(),
                "the payment provider contradicts what people found out about an order"
            );
        }
    }
    Ok(taken.len() as u64)
}
