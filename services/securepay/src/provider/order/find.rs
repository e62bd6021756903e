//! Looks orders up: what the lists of top-ups and payouts have in common.

use galen_access::Scope;
use galen_kernel::{Cursor, Page, Problem, Timestamp, page};
use galen_service::{Cx, Requires};
use galen_storage::Error;
use jiff::civil;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::place;
use super::store::{self, Filter, Order};
use super::view::Status;
use crate::SecurePay;
use crate::provider::Direction;

/// Which of them are looked for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindOrders {
    /// Of this wallet.
    pub wallet_id: Option<Uuid>,
    /// With this status: `UNKNOWN` are those that somebody should look at.
    #[param(inline)]
    pub status: Option<Status>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A place in the list.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Position(Timestamp, Uuid);

/// A page of what is within reach.
///
/// # Errors
/// 400 on a bad page, 404 for a wallet out of reach.
pub(crate) async fn find<R: Requires>(
    cx: &Cx<R>,
    s: &SecurePay,
    direction: Direction,
    query: FindOrders,
) -> Result<Page<Order>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = query
        .cursor
        .as_deref()
        .map(Cursor::decode::<Position>)
        .transpose()?;
    if after.is_some_and(|Position(at, _)| !is_storable(at)) {
        return Err(Problem::invalid_field(
            "?cursor",
            "INVALID_CURSOR",
            "is not a cursor of this list",
        ));
    }
    if let Some(wallet) = query.wallet_id {
        let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
        place::wallet(cx, &mut connection, wallet).await?;
    }
    let filter = Filter {
        direction,
        wallet: query.wallet_id,
        states: query.status.map(Status::states),
        patient: match cx.scope() {
            Scope::Any => None,
            // Nobody has this record.
            scope => Some(scope.own_patient().map_or(Uuid::nil(), |own| own.uuid())),
        },
    };
    let behind = after.map(|Position(at, id)| (at, id));
    let rows = store::find(s.db.pool(), &filter, behind, limit).await?;
    Ok(Page::from_rows(rows, limit, |order| {
        Position(order.requested_at, order.id)
    }))
}

/// Whether PostgreSQL holds such an instant.
pub(crate) fn is_storable(at: Timestamp) -> bool {
    let year = at.to_zoned(jiff::tz::TimeZone::UTC).date().year();
    (1..=civil::Date::MAX.year()).contains(&year)
}

/// One that is within reach.
///
/// # Errors
/// 404 otherwise.
pub(crate) async fn get<R: Requires>(
    cx: &Cx<R>,
    s: &SecurePay,
    direction: Direction,
    id: Uuid,
) -> Result<Order, Problem> {
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    let order = store::get(&mut *connection, direction, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    place::reach(cx, &mut connection, order.owner).await?;
    Ok(order)
}
