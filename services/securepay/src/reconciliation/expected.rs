//! What is expected on the hospital's bank accounts: what payment providers settle of
//! top-ups, and payouts.

use galen_kernel::Currency;
use galen_storage::{Columns as _, Error, ts};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::matching::Candidate;
use super::model::end_of_day;
use super::statement::Direction;
use super::trial_balance::number;
use crate::ledger::Stamp;

/// What is expected in a currency and was seen on no line, of orders from the first to the
/// last of some days. Whether a provider did it may still be unknown: the bank knows first.
pub(super) async fn open(
    db: &mut PgConnection,
    currency: Currency,
    zone: &TimeZone,
    (first, last): (Date, Date),
) -> Result<Vec<Candidate>, Error> {
    let start = first.yesterday().ok().and_then(|day| end_of_day(day, zone));
    let (Some(start), Some(end)) = (start, end_of_day(last, zone)) else {
        return Ok(Vec::new());
    };
    let rows = sqlx::query(
        "select o.id, o.direction, o.amount, o.requested_at, o.provider_reference from provider_order o
         where o.currency = $1 and o.requested_at >= $2 and o.requested_at < $3
           and o.state in ('PENDING', 'UNKNOWN', 'SUCCEEDED', 'CAPTURED')
           and not exists (select from bank_line_candidate c where c.id = o.id)
         order by o.id",
    )
    .bind(currency.code())
    .bind(ts(start))
    .bind(ts(end))
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Candidate {
                id: row.col::<Uuid>("id")?,
                direction: match row.text("direction")?.as_str() {
                    "IN" => Direction::In,
                    _ => Direction::Out,
                },
                amount: row.col("amount")?,
                since: row.instant("requested_at")?.to_zoned(zone.clone()).date(),
                settlement: row.opt_text("provider_reference")?,
            })
        })
        .collect()
}

/// What is with payment providers before a stamp: payouts that they took, without top-ups
/// that they brought, less what was seen on lines of either.
pub(super) async fn explained(
    db: impl PgExecutor<'_>,
    currency: Currency,
    before: Stamp,
) -> Result<i128, Error> {
    let row = sqlx::query(
        "with taken as (
             select case o.direction when 'OUT' then p.amount else -p.amount end as amount
             from provider_order o join posting p on p.hold_id = o.id and p.kind = 3
             where o.currency = $1 and p.at < $2
             union all
             select case o.direction when 'OUT' then -o.amount else o.amount end
             from bank_line_candidate c
             join provider_order o on o.id = c.id
             join bank_line_move m on m.line_id = c.line_id and m.number = 1
             where o.currency = $1 and m.state = 'POSTED' and m.stamp < $2
         )
         select coalesce(sum(amount), 0)::text as explained from taken",
    )
    .bind(currency.code())
    .bind(before.0)
    .fetch_one(db)
    .await?;
    number(&row, "explained")
}
