//! A hold's time is over: the slot is free again, and may be offered to who waits.

use galen_eventing::timer::Due;
use galen_eventing::{Failure, OnTimer};
use galen_storage::{Error, Tx};

use crate::claim::model::HoldId;
use crate::claim::store;
use crate::settings::Settings;
use crate::waitlist::offering;

/// The timer's kind; its key is the hold's id.
pub const HOLD_EXPIRY: &str = "scheduling.hold-expiry";

/// Ends holds. A booking that came first has dropped the expired hold itself, or
/// used it; then there is nothing to do.
pub struct ExpireHolds {
    /// For the offers that follow.
    pub settings: Settings,
}

impl OnTimer for ExpireHolds {
    async fn on_timer(&self, tx: &mut Tx, due: Due) -> Result<(), Failure> {
        let id: HoldId = due.key.parse().map_err(|_| Error::Inconsistent {
            column: "events.timer.key",
        })?;
        let now = tx.clock().now();
        if let Some((practitioner, during)) = store::expire_hold(tx, id, now).await? {
            offering::offer(tx, practitioner, during, None, &self.settings).await?;
        }
        Ok(())
    }
}
