//! Working out who pays what, from what was counted so far.

use galen_kernel::Timestamp;
use galen_storage::Tx;
use sqlx::PgConnection;
use uuid::Uuid;

use super::error::CoverError;
use super::model::{self, Books, Cover, Service, Share, Shares};
use super::store;
use crate::adjudication::PriorPayment;
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
    let prices = prices(db, covers, services).await?;
    model::coordinate(at, covers, services, &prices, books)
}

/// What a payer pays of some services after those before it have answered otherwise than
/// was expected. What was counted for its part before is taken back: the share is to be
/// posted in this transaction.
///
/// # Errors
/// As [`work_out`].
pub async fn again(
    tx: &mut Tx,
    counted: Uuid,
    at: Timestamp,
    cover: &Cover,
    services: &[Service],
    prior: &[PriorPayment],
) -> Result<Share, CoverError> {
    let covers = std::slice::from_ref(cover);
    store::lock(tx, covers).await?;
    store::reverse(tx, counted).await?;
    let books = store::books(tx, covers).await?;
    let prices = prices(tx.conn(), covers, services).await?.concat();
    let book = books.get(&cover.policy.contract).cloned();
    model::after(
        at,
        cover,
        services,
        (&prices, prior),
        book.unwrap_or_default(),
    )
}

/// What payers have agreed to pay for services, by payer.
async fn prices(
    db: &mut PgConnection,
    covers: &[Cover],
    services: &[Service],
) -> Result<Vec<Vec<Option<i64>>>, CoverError> {
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
    let of_payer = |_| prices.by_ref().take(services.len()).collect();
    Ok(covers.iter().map(of_payer).collect())
}
