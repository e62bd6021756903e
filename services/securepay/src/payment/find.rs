//! `GET /payments`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, Problem, Timestamp, Violations, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use galen_storage::Error;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::model::Status;
use super::store::{self, Filter, Made, Position};
use super::view::{self, PaymentView};
use crate::SecurePay;
use crate::account::{self, PublicId};
use crate::ledger::Stamp;
use crate::patient::Reach;
use crate::wallet::find::in_calendar;

/// Which payments are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindPayments {
    /// From or into this wallet.
    pub wallet_id: Option<Uuid>,
    /// Of which this became.
    #[param(inline)]
    pub status: Option<Status>,
    /// That began then or later.
    #[param(example = "2026-03-02T00:00:00+01:00")]
    pub from: Option<Timestamp>,
    /// That began before.
    #[param(example = "2026-03-03T00:00:00+01:00")]
    pub to: Option<Timestamp>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindPayments {
    const NEEDS: Needs = Needs::Permission(Permission::PaymentRead);
}

/// Lists payments, the latest first; patients see those from and into their wallets.
#[utoipa::path(
    get,
    path = "/payments",
    operation_id = "findPayments",
    tag = "securepay",
    params(FindPayments),
    responses((status = 200, description = "A page.", body = PageView<PaymentView>)),
)]
pub async fn find(
    cx: Cx<FindPayments>,
    State(pay): State<Arc<SecurePay>>,
    Params(query): Params<FindPayments>,
) -> Outcome {
    let mut wrong = Violations::new();
    for (pointer, at) in [("?from", query.from), ("?to", query.to)] {
        wrong.require(
            at.is_none_or(in_calendar),
            pointer,
            "OUT_OF_RANGE",
            "must lie in the years 1 to 9999",
        );
    }
    wrong.finish()?;
    let limit = page::limit(query.limit)?;
    let before = query.cursor.as_deref().map(position).transpose()?;
    let mut connection = pay.db.pool().acquire().await.map_err(Error::from)?;
    let reach = Reach::of(cx.scope(), &mut *connection).await?;
    let accounts = match (query.wallet_id, reach.records()) {
        (Some(wallet), _) => {
            let found = account::by_id(&mut *connection, PublicId::from_uuid(wallet)).await?;
            Some(vec![reach.wallet(&cx, found)?.id])
        }
        (None, Some(records)) => Some(store::wallets_of(&mut connection, records).await?),
        (None, None) => None,
    };
    let filter = Filter {
        accounts,
        status: query.status,
        from: query.from,
        to: query.to,
    };
    let now = Stamp(cx.now().as_microsecond());
    let rows = store::find(&mut connection, &filter, now, before, limit).await?;
    let key = |made: &Made| Position(made.payment.created_at, made.payment.id);
    let page = Page::from_rows(rows, limit, key);
    let items = view::open_all(&pay.vault, &mut connection, &page.items, now).await?;
    Ok(Answer::ok(&PageView {
        items,
        next_cursor: page.next_cursor,
    }))
}

fn position(cursor: &str) -> Result<Position, Problem> {
    let position: Position = Cursor::decode(cursor)?;
    if in_calendar(position.0) {
        Ok(position)
    } else {
        Err(Problem::invalid_field(
            "?cursor",
            "INVALID_CURSOR",
            "is not a cursor of this list",
        ))
    }
}
