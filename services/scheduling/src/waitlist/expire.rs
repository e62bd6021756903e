//! Nobody answered an offer in time: the next in line is asked.

use galen_eventing::timer::Due;
use galen_eventing::{Failure, OnTimer, Publish as _};
use galen_storage::{Error, Tx};

use super::model::EntryId;
use super::offering;
use super::store::{self, Position};
use crate::claim;
use crate::settings::Settings;

/// The timer's kind; its key is the entry's id.
pub const OFFER_EXPIRY: &str = "scheduling.offer-expiry";

/// Ends offers.
pub struct ExpireOffers {
    /// For the offers that follow.
    pub settings: Settings,
}

impl OnTimer for ExpireOffers {
    async fn on_timer(&self, tx: &mut Tx, due: Due) -> Result<(), Failure> {
        let id: EntryId = due.key.parse().map_err(|_| Error::Inconsistent {
            column: "events.timer.key",
        })?;
        let now = tx.clock().now();
        let Some(entry) = store::get_for_change(tx, id).await? else {
            return Ok(());
        };
        // Answered in time: nothing is left to end.
        let Ok((lapsed, offer)) = entry.lapsed(now) else {
            return Ok(());
        };
        store::change(tx, &lapsed).await?;
        claim::store::release(tx, offer.id).await?;
        tx.publish(&lapsed.slot_offer_expired());
        offering::offer(
            tx,
            offer.practitioner,
            offer.during,
            Some(Position::of(&lapsed)),
            &self.settings,
        )
        .await?;
        Ok(())
    }
}
