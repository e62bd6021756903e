//! Offering a free time to who waits for it: first come, first asked.

use galen_contracts::ids::PractitionerId;
use galen_eventing::{Publish as _, Timers as _};
use galen_kernel::Timestamp;
use galen_storage::{Error, Tx};

use super::expire::OFFER_EXPIRY;
use super::model::{LEAST_NOTICE, Offer};
use super::store::{self, Position};
use crate::claim::model::Hold;
use crate::interval::{Interval, without};
use crate::service_type::ServiceType;
use crate::settings::Settings;
use crate::{claim, roster};

/// Offers what is free of a practitioner's time to the entries behind a position in
/// the queue, and keeps it for them. Returns how many offers were made.
///
/// # Errors
/// When the database fails.
pub async fn offer(
    tx: &mut Tx,
    practitioner: PractitionerId,
    freed: Interval,
    behind: Option<Position>,
    settings: &Settings,
) -> Result<u64, Error> {
    let now = tx.clock().now();
    let soonest = now.saturating_add(LEAST_NOTICE).unwrap_or(now);
    let Ok(ahead) = Interval::new(freed.start().max(soonest), freed.end()) else {
        return Ok(0);
    };
    let mut offers = 0;
    // Operating time is for operations and the rest for the rest: see roster.
    for service in [ServiceType::Consultation, ServiceType::Surgery] {
        let mut free = free_of(tx, practitioner, service, ahead, now).await?;
        while let Some(part) = free.pop() {
            let Some(taken) =
                offer_part(tx, practitioner, service, part, behind, settings, now).await?
            else {
                continue;
            };
            free.extend(without(&[part], &[taken]).into_iter().rev());
            offers += 1;
        }
    }
    Ok(offers)
}

/// When the practitioner is there and nobody has a claim on them, latest first.
async fn free_of(
    tx: &mut Tx,
    practitioner: PractitionerId,
    service: ServiceType,
    ahead: Interval,
    now: Timestamp,
) -> Result<Vec<Interval>, Error> {
    let present =
        roster::store::present(tx.conn(), Some(practitioner), None, service, ahead).await?;
    let taken = claim::store::taken(tx.conn(), &[practitioner.uuid()], ahead, now).await?;
    let present: Vec<Interval> = present
        .iter()
        .filter_map(|(_, during)| during.intersection(&ahead))
        .collect();
    let taken: Vec<Interval> = taken.into_iter().map(|(_, during)| during).collect();
    let mut free = without(&present, &taken);
    free.reverse();
    Ok(free)
}

/// Offers a part of a free time to the first for whom it has room; which part.
async fn offer_part(
    tx: &mut Tx,
    practitioner: PractitionerId,
    service: ServiceType,
    free: Interval,
    behind: Option<Position>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<Interval>, Error> {
    let entry = store::next_in_line(
        tx,
        practitioner,
        roster::store::operates(service),
        free,
        behind,
    )
    .await?;
    let Some((entry, during)) =
        entry.and_then(|entry| entry.fits(free).map(|during| (entry, during)))
    else {
        return Ok(None);
    };
    let expires_at = now
        .saturating_add(settings.offer)
        .unwrap_or(now)
        .min(during.start());
    let kept = Hold {
        id: tx.clock().id(),
        practitioner,
        during,
        service_type: entry.service_type,
        patient: Some(entry.patient),
        held_by: None,
        expires_at,
    };
    if !claim::store::keep(tx, &kept, now).await? {
        // Somebody was faster: the time is no longer free.
        return Ok(None);
    }
    let offer = Offer {
        id: kept.id,
        practitioner,
        during,
        expires_at,
    };
    let Ok(offered) = entry.offered(offer) else {
        return Ok(None);
    };
    store::change(tx, &offered).await?;
    tx.set_timer(
        OFFER_EXPIRY,
        &offered.id.to_string(),
        expires_at,
        serde_json::Value::Null,
    )
    .await?;
    tx.publish(&offered.slot_offered(&offer));
    metrics::counter!("scheduling_offers_total").increment(1);
    Ok(Some(during))
}
