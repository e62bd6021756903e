//! `GET /accounts/{patientId}/statement`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Timestamp, Violations};
use galen_service::{Accept, Answer, Cx, Needs, Outcome, Params, PathIds, Requires};
use galen_storage::Error;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::model::{self, Account};
use super::view::StatementView;
use super::{paper, store};
use crate::print::addressee::Addressee;
use crate::print::{JSON, PDF, Pdf, print};
use crate::{Billing, field, patient, payment_plan};

/// Most entries of a statement.
const MOST: usize = 5_000;

/// A statement of account is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetStatement {
    /// Its first day; without it, everything from the beginning.
    #[param(format = "date")]
    pub from: Option<String>,
    /// The first day that is not in it any more; without it, tomorrow.
    #[param(format = "date")]
    pub to: Option<String>,
}

impl Requires for GetStatement {
    const NEEDS: Needs = Needs::Permission(Permission::InvoiceRead);
}

/// The days of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Period {
    from: Option<Date>,
    to: Date,
    /// The day before `to`.
    last: Date,
}

impl Period {
    fn read(asked: &GetStatement, today: Date) -> Result<Self, Problem> {
        let mut wrong = Violations::new();
        let mut day = |pointer: &str, text: &Option<String>| {
            let text = text.as_deref();
            text.and_then(|text| field::parsed_day(&mut wrong, pointer, text))
        };
        let (from, to) = (day("?from", &asked.from), day("?to", &asked.to));
        let tomorrow = today.tomorrow().map_err(Problem::internal)?;
        let to = to.unwrap_or(tomorrow);
        let in_order = from.is_none_or(|from| from < to);
        // A beginning without an end is before today.
        let pointer = if asked.to.is_some() { "?to" } else { "?from" };
        wrong.require(in_order, pointer, "BEFORE_START", "to must lie after from");
        wrong.finish()?;
        Ok(Self {
            from,
            to,
            last: to.yesterday().map_err(Problem::internal)?,
        })
    }
}

fn midnight(day: Date, zone: &TimeZone) -> Result<Timestamp, Problem> {
    let start = day.to_zoned(zone.clone()).map_err(Problem::internal)?;
    Ok(start.timestamp())
}

/// A patient's statement of account: what was owed at the beginning, every change of it,
/// what was owed at the end, and for how long that has been due. It is the account of the
/// person, under every record that was merged with this one. `Accept: application/pdf` asks for the one on paper, with the patient's name.
#[utoipa::path(
    get,
    path = "/accounts/{patientId}/statement",
    operation_id = "getStatement",
    tag = "billing",
    params(("patientId" = uuid::Uuid, Path, description = "Whose."), GetStatement),
    responses(
        (status = 200, description = "The statement.", content(
            (StatementView = "application/json"),
            (Pdf = "application/pdf"),
        )),
        (status = 406, description = "`Accept` takes neither JSON nor PDF."),
    ),
)]
pub async fn get(
    cx: Cx<GetStatement>,
    State(billing): State<Arc<Billing>>,
    PathIds(patient): PathIds<PatientId>,
    accept: Accept,
    Params(query): Params<GetStatement>,
) -> Outcome {
    let records = patient::reach::records(&cx, billing.db.pool(), patient).await?;
    let zone = &billing.zone;
    let period = Period::read(&query, cx.now().to_zoned(zone.clone()).date())?;
    let wanted = accept.choose(&[JSON, PDF])?;
    let accounts = accounts(&billing, &records, period).await?;
    if wanted == PDF {
        let to = Addressee::ask(&billing, patient).await?;
        let days = (period.from, period.last);
        let document = paper::document(&accounts, days, (&billing.letterhead, &to), zone);
        let file = print(document).await?;
        let name = format!("statement-{}.pdf", period.last);
        return Ok(Answer::document(PDF, &name, file).negotiated());
    }
    let view = StatementView::of(patient, (period.from, period.to), &accounts, zone);
    Ok(Answer::ok(&view).negotiated())
}

async fn accounts(
    billing: &Billing,
    records: &[Uuid],
    period: Period,
) -> Result<Vec<Account>, Problem> {
    let zone = &billing.zone;
    let from = period.from.map(|day| midnight(day, zone)).transpose()?;
    let end = midnight(period.to, zone)?;
    let mut db = billing.db.pool().acquire().await.map_err(Error::from)?;
    let happened = store::happened(&mut *db, records, end).await?;
    let plans = payment_plan::store::followed_at(&mut db, records, end).await?;
    drop(db);
    let movements = model::movements(&happened).map_err(Problem::internal)?;
    let due = |since: Timestamp| billing.letterhead.due(since.to_zoned(zone.clone()).date());
    let accounts = model::accounts(&movements, &plans, from, due, period.last);
    let entries: usize = accounts.iter().map(|account| account.entries.len()).sum();
    if entries > MOST {
        let message = format!("there are more than {MOST} entries: ask for fewer days");
        return Err(Problem::invalid_field(
            "?from",
            "TOO_MANY_ENTRIES",
            &message,
        ));
    }
    Ok(accounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::constant(2026, 3, 2);

    fn read(from: Option<&str>, to: Option<&str>) -> Result<(Option<Date>, Date), Vec<String>> {
        let asked = GetStatement {
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        match Period::read(&asked, TODAY) {
            Ok(period) => {
                assert_eq!(period.last.tomorrow().ok(), Some(period.to));
                Ok((period.from, period.to))
            }
            Err(problem) => Err(problem.errors.iter().map(|e| e.pointer.clone()).collect()),
        }
    }

    #[test]
    fn a_period_ends_today_unless_said_otherwise() {
        let tomorrow = Date::constant(2026, 3, 3);
        assert_eq!(read(None, None), Ok((None, tomorrow)));
        assert_eq!(read(Some("2026-03-02"), None), Ok((Some(TODAY), tomorrow)));
        let day = Date::constant(2026, 1, 1);
        assert_eq!(
            read(Some("2025-01-01"), Some("2026-01-01")),
            Ok((Some(Date::constant(2025, 1, 1)), day))
        );
    }

    #[test]
    fn nonsense_is_named() {
        for (from, to, wrong) in [
            (Some("2026-03-03"), None, vec!["?from"]),
            (Some("2026-02-02"), Some("2026-02-02"), vec!["?to"]),
            (Some("2026-02-30"), Some("soon"), vec!["?from", "?to"]),
            (None, Some("9999-12-31"), vec!["?to"]),
            (Some("-000001-01-01"), None, vec!["?from"]),
        ] {
            assert_eq!(
                read(from, to),
                Err(wrong.iter().map(|&w| w.to_owned()).collect())
            );
        }
    }
}
