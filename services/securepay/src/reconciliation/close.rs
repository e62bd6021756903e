//! The daily close: what the books said at the end of a day, for good.
//! `GET` and `POST /ledger/daily-closes`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Page, Problem, Timestamp};
use galen_service::{Answer, Body, Cx, MoneyView, Needs, Outcome, PageView, Params, Requires};
use galen_storage::Error;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::close_store::{self, Close};
use super::model::end_of_day;
use super::report::{self, Report};
use super::trial_balance::KindBalanceView;
use crate::SecurePay;
use crate::ledger::{Group, Operation, Request, Stamp, TransferId};

/// How long after its end a day is closed: clocks of machines differ a little, and what
/// was under way shall end before.
const GRACE: SignedDuration = SignedDuration::from_mins(15);
/// Most days that are closed in one run of the job, and in one request.
const MOST: usize = 400;

/// Which closes are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindCloses {
    /// From this day on.
    #[param(format = "date")]
    pub from: Option<Date>,
    /// Up to this day, itself included.
    #[param(format = "date")]
    pub to: Option<Date>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl Requires for FindCloses {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerRead);
}

/// A day is to be closed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloseDay {
    /// The day, in the hospital's zone; the days before it that are still open are closed
    /// as well.
    #[schema(format = "date", examples("2026-01-31"))]
    pub date: Date,
}

impl Requires for CloseDay {
    const NEEDS: Needs = Needs::Permission(Permission::LedgerReconcile);
}

/// What the books of one currency said at the end of a day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DailyClose)]
#[serde(rename_all = "camelCase")]
pub struct CloseView {
    /// The day, in the hospital's zone.
    pub date: Date,
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    pub currency: String,
    /// When the day ended: everything before is in it.
    pub before: Timestamp,
    /// All that was debited; the same was credited.
    pub debits: MoneyView,
    /// By what accounts are for.
    pub kinds: Vec<KindBalanceView>,
    /// What agreed with the banks and what did not.
    pub reconciliation: Report,
    /// The hash over everything in the ledger up to then, in hexadecimal digits.
    #[schema(min_length = 64, max_length = 64)]
    pub link: String,
    /// When it was written down.
    pub closed_at: Timestamp,
}

impl From<Close> for CloseView {
    fn from(close: Close) -> Self {
        Self {
            date: close.day,
            currency: close.book.currency.code().to_owned(),
            before: close.before,
            debits: close.book.total.debits.into(),
            kinds: close.book.rows.iter().map(KindBalanceView::from).collect(),
            reconciliation: close.report,
            link: close
                .link
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            closed_at: close.closed_at,
        }
    }
}

/// The days that were closed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DailyCloses)]
#[serde(rename_all = "camelCase")]
pub struct ClosesView {
    /// What the books said, one for each currency.
    pub items: Vec<CloseView>,
}

/// Lists what the books said at the ends of days.
#[utoipa::path(
    get,
    path = "/ledger/daily-closes",
    operation_id = "findDailyCloses",
    tag = "securepay",
    params(FindCloses),
    responses((status = 200, description = "A page.", body = PageView<CloseView>)),
)]
pub async fn find(
    _: Cx<FindCloses>,
    State(s): State<Arc<SecurePay>>,
    Params(query): Params<FindCloses>,
) -> Outcome {
    let limit = galen_kernel::page::limit(query.limit)?;
    let after = query
        .cursor
        .as_deref()
        .map(close_store::Position::decode)
        .transpose()?;
    let days = (
        query.from.unwrap_or(Date::constant(1970, 1, 1)),
        query.to.unwrap_or(Date::MAX),
    );
    for (pointer, day) in [("?from", days.0), ("?to", days.1)] {
        if day.year() < 1 {
            return Err(Problem::invalid_field(
                pointer,
                "OUT_OF_RANGE",
                "must be after the year 0",
            )
            .into());
        }
    }
    let rows = close_store::find(s.db.pool(), days, after.as_ref(), limit).await?;
    let page = Page::from_rows(rows, limit, close_store::Position::of).map(CloseView::from);
    Ok(Answer::ok(&PageView::from(page)))
}

/// Closes a day that is over, and those before it that are still open. A day that is
/// closed stays as it is.
#[utoipa::path(
    post,
    path = "/ledger/daily-closes",
    operation_id = "closeDay",
    tag = "securepay",
    request_body = CloseDay,
    responses((status = 200, description = "What the books said at the end of the day.", body = ClosesView)),
)]
pub async fn close(
    cx: Cx<CloseDay>,
    State(s): State<Arc<SecurePay>>,
    Body(request): Body<CloseDay>,
) -> Outcome {
    cx.replayed(&s.db).await?;
    let day = request.date;
    if day.year() < 1970 {
        return Err(Problem::invalid_field("/date", "OUT_OF_RANGE", "must be after 1969").into());
    }
    if !is_over(day, &s.zone, cx.now()) {
        return Err(Problem::conflict(
            "DAY_NOT_OVER",
            "A day is closed a quarter of an hour after its end.",
        )
        .into());
    }
    close_until(&s, day).await?;
    let mut tx = cx.begin(&s.db).await?;
    let items = close_store::find(tx.conn(), (day, day), None, u16::MAX - 1).await?;
    cx.about("DailyClose", day);
    let view = ClosesView {
        items: items.into_iter().map(CloseView::from).collect(),
    };
    tx.commit(Answer::ok(&view)).await
}

/// Closes every day that is over; returns how many.
pub(crate) async fn run(s: &SecurePay) -> Result<u64, Problem> {
    let now = s.clock.now();
    let today = now.to_zoned(s.zone.clone()).date();
    let mut day = today.saturating_sub(1.day());
    if !is_over(day, &s.zone, now) {
        day = day.saturating_sub(1.day());
    }
    close_until(s, day).await
}

fn is_over(day: Date, zone: &TimeZone, now: Timestamp) -> bool {
    end_of_day(day, zone).is_some_and(|end| end.saturating_add(GRACE).is_ok_and(|end| end <= now))
}

/// Closes the open days up to one that is over, the oldest first.
async fn close_until(s: &SecurePay, last: Date) -> Result<u64, Problem> {
    let Some(first) = first_open(s).await? else {
        return Ok(0);
    };
    let days: Vec<(Date, Timestamp)> = first
        .series(1.day())
        .take_while(|day| *day <= last)
        .take(MOST)
        .filter_map(|day| Some((day, end_of_day(day, &s.zone)?)))
        .collect();
    if days.is_empty() {
        return Ok(0);
    }
    settle_what_was_under_way(s).await?;
    let mut closed = 0;
    for (day, end) in days {
        closed += close_day(s, day, end).await?;
    }
    Ok(closed)
}

/// The day after the last one that was closed; at first, the day of the first posting.
async fn first_open(s: &SecurePay) -> Result<Option<Date>, Error> {
    if let Some(last) = close_store::last(s.db.pool()).await? {
        return Ok(last.tomorrow().ok());
    }
    let first = close_store::first_posting(s.db.pool()).await?;
    Ok(first.map(|first| first.to_zoned(s.zone.clone()).date()))
}

/// Waits until the writer has decided something after this: then all that it has decided
/// before, with lower stamps, is stored or never will be. What it is asked cannot be done.
async fn settle_what_was_under_way(s: &SecurePay) -> Result<(), Problem> {
    let nothing = TransferId(s.clock.uuid());
    let question = Request {
        id: TransferId(s.clock.uuid()),
        operation: Operation::Void { hold: nothing },
        code: 0,
        reference: None,
    };
    let answers = s.ledger.submit(Group::of(question)).await;
    answers.map(|_| ()).map_err(Problem::unavailable)
}

/// Writes down what the books said at the end of a day, once.
async fn close_day(s: &SecurePay, day: Date, end: Timestamp) -> Result<u64, Problem> {
    let before = Stamp(end.as_microsecond());
    let mut db = s.db.pool().acquire().await.map_err(Error::from)?;
    let (reports, books) = report::load(&mut db, before, day).await?;
    let link = close_store::link(&mut *db, before).await?;
    let closes: Vec<Close> = reports
        .into_iter()
        .zip(books)
        .map(|(report, book)| Close {
            day,
            before: end,
            book,
            report,
            link: link.clone(),
            closed_at: s.clock.now(),
        })
        .collect();
    for close in &closes {
        if !close.report.agrees {
            tracing::warn!(%day, currency = close.book.currency.code(), "the books and the banks do not agree");
        }
    }
    Ok(close_store::insert(&mut *db, &closes).await?)
}
