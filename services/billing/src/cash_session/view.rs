//! A till as the API shows it.

use galen_kernel::{Currency, Timestamp};
use galen_storage::Error;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::close::DenominationView;
use super::model::{CashSession, Status};
use super::store::{self, Direction, Kept, Movement};
use crate::amount::AmountView;
use crate::invoice::model::Method;

/// A till, and what should be in it.
#[derive(Serialize, ToSchema)]
#[schema(as = CashSession)]
#[serde(rename_all = "camelCase")]
pub struct CashSessionView {
    /// Its id.
    pub id: Uuid,
    /// Whose it is: an account. Nobody else takes money in it.
    pub cashier_id: Uuid,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Whether it takes money.
    pub status: Status,
    /// What was in it at first.
    pub float: AmountView,
    /// What was taken.
    pub taken: AmountView,
    /// What was given back.
    pub given_back: AmountView,
    /// What should be in it: `float + taken - givenBack`.
    pub expected: AmountView,
    /// What was counted at last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<AmountView>,
    /// `counted - expected`: negative when something is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variance: Option<AmountView>,
    /// Who agreed to the variance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Uuid>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// For `If-Match`.
    pub version: i64,
}

/// A till with all that was taken, given back and counted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CashSessionReport {
    /// The till.
    #[serde(flatten)]
    pub session: CashSessionView,
    /// Sums by method of payment.
    pub totals: Vec<CashTotal>,
    /// What was taken and given back, in order.
    pub movements: Vec<CashMovement>,
    /// What was counted, in order.
    pub counts: Vec<CashCount>,
}

/// What came and went by one method of payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CashTotal {
    /// How.
    pub method: Method,
    /// How many payments.
    pub payments: usize,
    /// What was taken.
    pub taken: AmountView,
    /// How many refunds.
    pub refunds: usize,
    /// What was given back.
    pub given_back: AmountView,
}

/// Cash that a patient gave, or got back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CashMovement {
    /// The payment's id, or the refund's.
    pub id: Uuid,
    /// Which way.
    pub kind: Direction,
    /// For which invoice.
    pub invoice_id: Uuid,
    /// Which payment of it.
    pub payment_id: Uuid,
    /// How much.
    pub amount: AmountView,
    /// What the patient put on the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tendered: Option<AmountView>,
    /// What the patient got back of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<AmountView>,
    /// When.
    pub at: Timestamp,
}

/// What somebody counted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CashCount {
    /// What should have been there.
    pub expected: AmountView,
    /// What was.
    pub counted: AmountView,
    /// `counted - expected`.
    pub variance: AmountView,
    /// Coins and notes, when they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denominations: Option<Vec<DenominationView>>,
    /// Who.
    pub counted_by: Uuid,
    /// When.
    pub counted_at: Timestamp,
}

impl CashSessionView {
    /// Shows one.
    #[must_use]
    pub fn of(session: &CashSession) -> Self {
        let money = |minor| AmountView::of(minor, session.currency);
        Self {
            id: session.id.uuid(),
            cashier_id: session.cashier,
            location: session.location.clone(),
            status: session.status,
            float: money(session.float),
            taken: money(session.taken),
            given_back: money(session.given_back),
            expected: money(session.expected()),
            counted: session.count.map(|count| money(count.total)),
            variance: session.variance().map(money),
            approved_by: session.approved.map(|(by, _)| by),
            opened_at: session.opened_at,
            closed_at: session.closed_at,
            version: session.version,
        }
    }
}

impl CashSessionReport {
    /// Shows one with all that happened in it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(db: &mut PgConnection, session: &CashSession) -> Result<Self, Error> {
        let movements = store::movements(&mut *db, session.id).await?;
        let counts = store::counts(db, session.id).await?;
        let currency = session.currency;
        let of = |direction| movements.iter().filter(move |m| m.direction == direction);
        Ok(Self {
            session: CashSessionView::of(session),
            totals: vec![CashTotal {
                method: Method::Cash,
                payments: of(Direction::Payment).count(),
                taken: AmountView::of(session.taken, currency),
                refunds: of(Direction::Refund).count(),
                given_back: AmountView::of(session.given_back, currency),
            }],
            movements: movements.iter().map(|m| movement(m, currency)).collect(),
            counts: counts.iter().map(|kept| count(kept, currency)).collect(),
        })
    }
}

fn movement(movement: &Movement, currency: Currency) -> CashMovement {
    let money = |minor| AmountView::of(minor, currency);
    CashMovement {
        id: movement.id,
        kind: movement.direction,
        invoice_id: movement.invoice,
        payment_id: movement.payment,
        amount: money(movement.minor),
        tendered: movement.tendered.map(money),
        change: movement
            .tendered
            .map(|tendered| money(tendered - movement.minor)),
        at: movement.at,
    }
}

fn count(kept: &Kept, currency: Currency) -> CashCount {
    let money = |minor| AmountView::of(minor, currency);
    CashCount {
        expected: money(kept.expected),
        counted: money(kept.count.total),
        variance: money(kept.count.total - kept.expected),
        denominations: kept.denominations.as_ref().map(|each| {
            each.iter()
                .map(|each| DenominationView {
                    value: money(each.value),
                    count: each.count,
                })
                .collect()
        }),
        counted_by: kept.count.by,
        counted_at: kept.count.at,
    }
}
