//! `GET /wallets`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Currency, Cursor, Page, Problem, Timestamp, Violations, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires, records};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::model::{Wallet, WalletView};
use super::store::{self, Filter, Position};
use crate::SecurePay;
use crate::patient::Reach;

/// Which wallets are looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindWallets {
    /// Of this patient, under any record that was merged with theirs, or of this
    /// organisation.
    pub owner_id: Option<Uuid>,
    /// Of this currency (ISO 4217).
    #[param(min_length = 3, max_length = 3, pattern = "^[A-Z]{3}$")]
    pub currency: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindWallets {
    const NEEDS: Needs = Needs::Permission(Permission::WalletRead);
}

/// Lists wallets, the oldest first; patients see their own.
#[utoipa::path(
    get,
    path = "/wallets",
    operation_id = "findWallets",
    tag = "securepay",
    params(FindWallets),
    responses((status = 200, description = "A page.", body = PageView<WalletView>)),
)]
pub async fn find(
    cx: Cx<FindWallets>,
    State(pay): State<Arc<SecurePay>>,
    Params(query): Params<FindWallets>,
) -> Outcome {
    let mut wrong = Violations::new();
    let currency = query
        .currency
        .as_deref()
        .and_then(|code| wrong.keep("?currency", "UNKNOWN_CURRENCY", code.parse::<Currency>()));
    wrong.finish()?;
    let limit = page::limit(query.limit)?;
    let after = query.cursor.as_deref().map(position).transpose()?;
    let reach = Reach::of(cx.scope(), pay.db.pool()).await?;
    let owners = match query.owner_id {
        Some(owner) if !reach.covers_patient(owner) => return Err(Problem::not_found().into()),
        Some(owner) => Some(records::ids_of(pay.db.pool(), PatientId::from_uuid(owner)).await?),
        None => reach.records().map(<[Uuid]>::to_vec),
    };
    let filter = Filter {
        owners: owners.as_deref(),
        currency,
    };
    let rows = store::find(pay.db.pool(), &filter, after, limit).await?;
    let key = |wallet: &Wallet| Position(wallet.account.opened_at, wallet.account.public_id.uuid());
    let page = Page::from_rows(rows, limit, key).map(WalletView::from);
    Ok(Answer::ok(&PageView::from(page)))
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

/// Whether the database can hold an instant: in the years 1 to 9999.
pub(crate) fn in_calendar(at: Timestamp) -> bool {
    let year = at.to_zoned(jiff::tz::TimeZone::UTC).year();
    (1..=9_999).contains(&year)
}
