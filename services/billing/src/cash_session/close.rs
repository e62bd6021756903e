//! `POST /cash-sessions/{id}/close`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::billing::v1::CashSessionClosed;
use galen_eventing::Publish as _;
use galen_kernel::{Money, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use galen_storage::{Error, Tx};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::get::reach;
use super::model::{CashSession, CashSessionId, Count, Denomination, Status, worth};
use super::store;
use super::view::CashSessionReport;
use crate::amount::{AmountView, MOST};
use crate::journal::post::to_wire;
use crate::{Billing, journal};

/// What was counted: all of it, or how many of which coin and note.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloseCashSession {
    /// How much in all.
    pub total: Option<AmountView>,
    /// Coins and notes, each once.
    #[schema(max_items = 50)]
    pub denominations: Option<Vec<DenominationView>>,
}

/// How many of a coin or note there are.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = CashDenomination)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DenominationView {
    /// What one is worth.
    pub value: AmountView,
    /// How many.
    #[schema(maximum = 1_000_000)]
    pub count: u32,
}

impl Requires for CloseCashSession {
    const NEEDS: Needs = Needs::Permission(Permission::CashManage);
}

/// What somebody counted, before it is known in what.
struct Counted {
    total: Money,
    denominations: Option<Vec<Denomination>>,
}

impl CloseCashSession {
    fn read(&self, session: &CashSession) -> Result<Counted, Problem> {
        let mut wrong = Violations::new();
        let same = |wrong: &mut Violations, money: &Money, pointer: &str| {
            wrong.require(
                money.currency == session.currency,
                &format!("{pointer}/currency"),
                "CURRENCY_MISMATCH",
                "must be the currency of the session",
            );
        };
        let currency = session.currency;
        let counted = match (&self.total, &self.denominations) {
            (Some(total), None) => {
                let total = total.not_negative(&mut wrong, "/total");
                if let Some(total) = &total {
                    same(&mut wrong, total, "/total");
                }
                total.map(|total| Counted {
                    total,
                    denominations: None,
                })
            }
            (None, Some(given)) => {
                let mut read: Vec<Denomination> = Vec::new();
                wrong.require(
                    given.len() <= 50,
                    "/denominations",
                    "TOO_MANY",
                    "must be at most 50",
                );
                for (at, each) in given.iter().enumerate().take(50) {
                    let pointer = format!("/denominations/{at}");
                    let value = each.value.positive(&mut wrong, &format!("{pointer}/value"));
                    wrong.require(
                        each.count <= 1_000_000,
                        &format!("{pointer}/count"),
                        "OUT_OF_RANGE",
                        "must be at most 1000000",
                    );
                    let Some(value) = value else { continue };
                    same(&mut wrong, &value, &format!("{pointer}/value"));
                    wrong.require(
                        read.iter().all(|other| other.value != value.minor),
                        &format!("{pointer}/value"),
                        "REPEATED",
                        "must be given once",
                    );
                    read.push(Denomination {
                        value: value.minor,
                        count: each.count,
                    });
                }
                let minor = worth(&read).filter(|minor| *minor <= MOST);
                wrong.require(
                    minor.is_some(),
                    "/denominations",
                    "AMOUNT_TOO_LARGE",
                    "is too large",
                );
                minor.map(|minor| Counted {
                    total: Money { minor, currency },
                    denominations: Some(read),
                })
            }
            _ => {
                wrong.push(
                    "/total",
                    "EXACTLY_ONE",
                    "give either total or denominations",
                );
                None
            }
        };
        wrong.finish()?;
        counted.ok_or_else(|| Problem::internal("a count was read"))
    }
}

/// Counts a till. When as much is in it as should be, up to what is tolerated, it is
/// closed, and its cash goes to the safe. Otherwise it takes no money any more, and
/// another person has to agree to the difference; until then it can be counted again.
/// Its cashier does it, or whoever approves differences.
#[utoipa::path(
    post,
    path = "/cash-sessions/{id}/close",
    operation_id = "closeCashSession",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The session.")),
    request_body = CloseCashSession,
    responses((status = 200, description = "Counted: `status` says whether it is closed.", body = CashSessionReport)),
)]
pub async fn close(
    cx: Cx<CloseCashSession>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<CashSessionId>,
    Body(request): Body<CloseCashSession>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let mut session = store::lock(&mut tx, id).await?;
    reach(&cx, &session)?;
    cx.expect_version(session.version)?;
    let counted = request.read(&session)?;
    let count = Count {
        total: counted.total.minor,
        by: cx.principal()?.user_id.uuid(),
        at: cx.now(),
    };
    session.counted(count, billing.cash_tolerance)?;
    store::change(&mut tx, &session).await?;
    store::keep_count(&mut tx, &session, &count, counted.denominations.as_deref()).await?;
    closed(&mut tx, &billing, &session).await?;
    let view = CashSessionReport::load(&mut tx, &session).await?;
    tx.commit(Answer::ok(&view).version(session.version)).await
}

/// When a till is closed its cash goes to the safe, and everybody is told.
pub(super) async fn closed(
    tx: &mut Tx,
    billing: &Billing,
    session: &CashSession,
) -> Result<(), Error> {
    if session.status != Status::Closed {
        return Ok(());
    }
    let order = Uuid::new_v5(&session.id.uuid(), b"close");
    journal::enter(tx, order, &session.closing_entries()).await?;
    tx.ring(&billing.bell);
    let money = |minor| {
        Some(to_wire(Money {
            minor,
            currency: session.currency,
        }))
    };
    tx.publish(&CashSessionClosed {
        cash_session_id: session.id.to_string(),
        cashier_id: session.cashier.to_string(),
        expected: money(session.expected()),
        variance: session.variance().and_then(money),
    });
    Ok(())
}
