//! Working out who pays what, from what was counted so far.

use galen_kernel::Timestamp;
use sqlx::PgConnection;

use super::error::CoverError;
use super::model::{self, Books, Cover, Service, Shares};
use super::store;
use crate::catalogue::tariff::store::{Sought, agreed};

/// Who pays what of some services, if they are claimed at an instant. Changes nothing:
/// what is final is counted with [`post`](super::post).
///
/// # Errors
/// When the services do not fit the plans, or the database fails.
pub async fn work_out(
    db: &mut PgConnection,
    at: Timestamp,
    covers: &[Cover],
    services: &[Service],
) -> Result<Shares, CoverError> {
    let mut books = store::books(db, covers).await?;
    with(db, at, covers, services, &mut books).await
}

/// The same from what else is supposed to be counted, which then has this as well.
///
/// # Errors
/// As [`work_out`].
pub async fn with(
    db: &mut PgConnection,
    at: Timestamp,
    covers: &[Cover],
    services: &[Service],
    books: &mut Books,
) -> Result<Shares, CoverError> {
    let mut sought = Vec::with_capacity(covers.len() * services.len());
    for cover in covers {
        for service in services {
            sought.push(Sought {
                code: service.code.clone(),
                payer: cover.payer,
                class: service.class.clone(),
                on: cover.day(service.at)?,
            });
        }
    }
    let mut prices = agreed(db, &sought).await?.into_iter();
    let prices: Vec<Vec<Option<i64>>> = covers
        .iter()
        .map(|_| prices.by_ref().take(services.len()).collect())
        .collect();
    model::coordinate(at, covers, services, &prices, books)
}
