//! What is expected on the hospital's bank accounts: what payment providers settle, and
//! payouts.

use galen_kernel::Currency;
use galen_storage::Error;
use jiff::civil::Date;
use sqlx::PgConnection;

use super::matching::Candidate;
use crate::ledger::Stamp;

/// What is expected in a currency and was seen on no line, from things that began in the
/// time around some days.
#[expect(clippy::unused_async, reason = "filled in with top-ups and payouts")]
pub(super) async fn open(
    _: &mut PgConnection,
    _: Currency,
    _: (Date, Date),
) -> Result<Vec<Candidate>, Error> {
    Ok(Vec::new())
}

/// What is with payment providers and was seen on no line then: payouts without top-ups.
#[expect(clippy::unused_async, reason = "filled in with top-ups and payouts")]
pub(super) async fn explained(_: &mut PgConnection, _: Currency, _: Stamp) -> Result<i128, Error> {
    Ok(0)
}
