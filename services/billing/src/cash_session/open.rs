//! `POST /cash-sessions`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Currency, Money, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::CashSession;
use super::store;
use super::view::CashSessionView;
use crate::amount::AmountView;
use crate::{Billing, journal};

/// A till is to be opened.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenCashSession {
    /// Where it stands, as people call the place.
    #[schema(
        min_length = 1,
        max_length = 40,
        pattern = "^[A-Za-z0-9][A-Za-z0-9 ._/-]*$",
        example = "Desk 1"
    )]
    pub location: Option<String>,
    /// ISO 4217.
    #[schema(
        pattern = "^[A-Z]{3}$",
        min_length = 3,
        max_length = 3,
        example = "EUR"
    )]
    pub currency: String,
    /// What is in it at first, from the safe; nothing without.
    pub float: Option<AmountView>,
}

impl Requires for OpenCashSession {
    const NEEDS: Needs = Needs::Permission(Permission::CashManage);
    const IDEMPOTENT: bool = true;
}

impl OpenCashSession {
    fn read(&self) -> Result<Money, Problem> {
        let mut wrong = Violations::new();
        if let Some(location) = &self.location {
            let begins = location.starts_with(|c: char| c.is_ascii_alphanumeric());
            let plain = |c: char| c.is_ascii_alphanumeric() || " ._/-".contains(c);
            wrong.require(
                begins && location.len() <= 40 && location.chars().all(plain),
                "/location",
                "INVALID_LOCATION",
                "must be 1 to 40 letters, digits, spaces and . _ / -",
            );
        }
        let currency: Result<Currency, _> = self.currency.parse();
        let currency = wrong.keep("/currency", "UNKNOWN_CURRENCY", currency);
        let float = self.float.as_ref();
        let float = float.map(|float| float.not_negative(&mut wrong, "/float"));
        if let (Some(currency), Some(Some(float))) = (currency, float) {
            wrong.require(
                float.currency == currency,
                "/float/currency",
                "CURRENCY_MISMATCH",
                "must be the currency of the session",
            );
        }
        wrong.finish()?;
        let currency = currency.ok_or_else(|| Problem::internal("a currency was read"))?;
        Ok(float.flatten().unwrap_or(Money { minor: 0, currency }))
    }
}

/// Opens a till. Whoever opens it is its cashier, and has one open till in a currency.
#[utoipa::path(
    post,
    path = "/cash-sessions",
    operation_id = "openCashSession",
    tag = "billing",
    params(galen_service::RequiredKey),
    request_body = OpenCashSession,
    responses((status = 201, description = "Open.", body = CashSessionView)),
)]
pub async fn open(
    cx: Cx<OpenCashSession>,
    State(billing): State<Arc<Billing>>,
    Body(request): Body<OpenCashSession>,
) -> Outcome {
    let float = request.read()?;
    let cashier = cx.principal()?.user_id.uuid();
    let mut tx = cx.begin(&billing.db).await?;
    let session = CashSession::open(cx.clock().id(), cashier, request.location, float, cx.now());
    store::insert(&mut tx, &session).await?;
    let order = cx.clock().uuid();
    journal::enter(&mut tx, order, &session.opening_entries()).await?;
    tx.ring(&billing.bell);
    cx.about("cash-session", session.id);
    let view = CashSessionView::of(&session);
    let path = format!("/api/v1/cash-sessions/{}", session.id);
    tx.commit(
        Answer::created(&view)
            .version(session.version)
            .location(&path),
    )
    .await
}
