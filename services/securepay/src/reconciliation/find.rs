//! `GET /bank-statements`, `GET /bank-statements/{id}`, `GET /bank-statements/lines`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, Problem, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, PathIds, Requires};
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::model::{Age, StatementError, Status};
use super::store::{self, Filter, LinePosition, StatementPosition};
use super::view::{LineView, StatementView};
use crate::SecurePay;

/// A page of statements is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindStatements {
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindStatements {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerRead);
}

/// Lists the statements that were imported, the latest first.
#[utoipa::path(
    get,
    path = "/bank-statements",
    operation_id = "findBankStatements",
    tag = "securepay",
    params(FindStatements),
    responses((status = 200, description = "A page.", body = PageView<StatementView>)),
)]
pub async fn statements(
    _: Cx<FindStatements>,
    State(s): State<Arc<SecurePay>>,
    Params(query): Params<FindStatements>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after: Option<StatementPosition> =
        query.cursor.as_deref().map(Cursor::decode).transpose()?;
    if after.as_ref().is_some_and(|after| after.0.as_second() < 0) {
        return Err(no_cursor().into());
    }
    let rows = store::statements(s.db.pool(), after.as_ref(), limit).await?;
    let page = Page::from_rows(rows, limit, StatementPosition::of).map(StatementView::from);
    Ok(Answer::ok(&PageView::from(page)))
}

fn no_cursor() -> Problem {
    Problem::invalid_field("?cursor", "INVALID_CURSOR", "is not a cursor of this list")
}

/// One statement is wanted.
pub struct GetStatement;

impl Requires for GetStatement {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerRead);
}

/// Shows one statement; its lines are at `/bank-statements/lines?statementId=…`.
#[utoipa::path(
    get,
    path = "/bank-statements/{id}",
    operation_id = "getBankStatement",
    tag = "securepay",
    params(("id" = Uuid, Path, description = "The statement.")),
    responses((status = 200, description = "The statement.", body = StatementView)),
)]
pub async fn statement(
    _: Cx<GetStatement>,
    State(s): State<Arc<SecurePay>>,
    PathIds(id): PathIds<Uuid>,
) -> Outcome {
    let statement = store::statement(s.db.pool(), id)
        .await?
        .ok_or(StatementError::Unknown)?;
    Ok(Answer::ok(&StatementView::from(statement)))
}

/// A page of lines is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindLines {
    /// Of which statement.
    pub statement_id: Option<Uuid>,
    /// Whether it is known what they are for.
    #[param(inline)]
    pub status: Option<Status>,
    /// How long ago they were booked.
    #[param(inline)]
    pub age: Option<Age>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindLines {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerRead);
}

/// Lists lines of statements, the oldest first.
#[utoipa::path(
    get,
    path = "/bank-statements/lines",
    operation_id = "findBankLines",
    tag = "securepay",
    params(FindLines),
    responses((status = 200, description = "A page.", body = PageView<LineView>)),
)]
pub async fn lines(
    cx: Cx<FindLines>,
    State(s): State<Arc<SecurePay>>,
    Params(query): Params<FindLines>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after: Option<LinePosition> = query.cursor.as_deref().map(Cursor::decode).transpose()?;
    if after.as_ref().is_some_and(|after| after.0.year() < 1) {
        return Err(no_cursor().into());
    }
    let today = cx.now().to_zoned(s.zone.clone()).date();
    let filter = Filter {
        statement: query.statement_id,
        status: query.status,
        booked: query.age.map(|age| booked(age, today)),
    };
    let mut db =
        s.db.pool()
            .acquire()
            .await
            .map_err(galen_storage::Error::from)?;
    let rows = store::lines(&mut *db, &filter, after.as_ref(), limit).await?;
    let page = Page::from_rows(rows, limit, LinePosition::of);
    let next_cursor = page.next_cursor;
    let items = LineView::open_all(&s.vault, &mut db, page.items).await?;
    Ok(Answer::ok(&PageView { items, next_cursor }))
}

/// The first and the last day on which lines of an age were booked.
fn booked(age: Age, today: Date) -> (Date, Date) {
    let (fewest, most) = age.days();
    let first = match most {
        i32::MAX => Date::constant(1, 1, 1),
        most => today.saturating_sub(most.days()),
    };
    let last = match fewest {
        i32::MIN => Date::MAX,
        fewest => today.saturating_sub(fewest.days()),
    };
    (first, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_follow_each_other_without_a_gap() {
        let today: Date = "2026-11-22".parse().unwrap();
        let days: Vec<(Date, Date)> = Age::ALL.into_iter().map(|age| booked(age, today)).collect();
        assert_eq!(days[0].0, "2026-11-20".parse::<Date>().unwrap());
        for pair in days.windows(2) {
            assert_eq!(pair[1].1.tomorrow().unwrap(), pair[0].0);
        }
    }
}
