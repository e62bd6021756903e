//! `POST /practitioners/{id}/shift-patterns`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PractitionerId;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use jiff::civil::{Date, Time};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Day, LONGEST_TURN, Pattern, Timetable};
use super::store;
use super::view::{PatternCreated, PatternView, SkippedDay};
use crate::shift::model::ShiftKind;
use crate::{Staff, field, practitioner};

/// A regular working time to be planned.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateShiftPattern {
    /// On these days of the week, each once.
    #[schema(value_type = std::collections::BTreeSet<Day>, min_items = 1, max_items = 7)]
    pub weekdays: Vec<Day>,
    /// From this time on the hospital's clock.
    #[schema(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "22:00")]
    pub start_time: String,
    /// To this time; of the next day when not after the start.
    #[schema(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "06:00")]
    pub end_time: String,
    /// What for.
    pub kind: ShiftKind,
    /// The first day.
    pub valid_from: Date,
    /// The last day, itself included; without it until further notice.
    pub valid_to: Option<Date>,
    /// Every so many weeks, counted from the week of the first day; 1 if not given.
    #[serde(default = "every_week")]
    #[schema(minimum = 1, maximum = 52, default = 1)]
    pub weeks_interval: i16,
}

const fn every_week() -> i16 {
    1
}

impl Requires for CreateShiftPattern {
    const NEEDS: Needs = Needs::Permission(Permission::StaffManage);
}

impl CreateShiftPattern {
    fn parse(self) -> Result<(ShiftKind, Timetable), Problem> {
        let mut wrong = Violations::new();
        wrong.require(
            !self.weekdays.is_empty(),
            "/weekdays",
            "EMPTY",
            "must name a day",
        );
        field::distinct(&mut wrong, "/weekdays", &self.weekdays);
        let start_time = wrong.keep("/startTime", "INVALID_TIME", time_of_day(&self.start_time));
        let end_time = wrong.keep("/endTime", "INVALID_TIME", time_of_day(&self.end_time));
        let in_calendar = |date: Date| date.year() >= 1;
        wrong.require(
            in_calendar(self.valid_from),
            "/validFrom",
            "OUT_OF_RANGE",
            "must lie in the years 1 to 9999",
        );
        let in_order = self.valid_to.is_none_or(|last| last >= self.valid_from);
        wrong.require(
            in_order,
            "/validTo",
            "END_BEFORE_START",
            "must not be before the first day",
        );
        let in_range = (1..=LONGEST_TURN).contains(&self.weeks_interval);
        wrong.require(
            in_range,
            "/weeksInterval",
            "OUT_OF_RANGE",
            "must be 1 to 52",
        );
        let (start_time, end_time) = field::accept(wrong, start_time.zip(end_time))?;
        let mut weekdays = self.weekdays;
        weekdays.sort_unstable();
        let timetable = Timetable {
            weekdays,
            start_time,
            end_time,
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            weeks_interval: self.weeks_interval,
        };
        Ok((self.kind, timetable))
    }
}

fn time_of_day(text: &str) -> Result<Time, &'static str> {
    let wrong = "must be a time of day such as 08:00";
    let digits = |text: &str| {
        if text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) {
            text.parse::<i8>().ok()
        } else {
            None
        }
    };
    let (hour, minute) = text.split_once(':').ok_or(wrong)?;
    digits(hour)
        .zip(digits(minute))
        .and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok())
        .ok_or(wrong)
}

/// Creates a weekly pattern and makes its shifts for the weeks ahead; every night
/// the days that come into reach follow. Days on which the practitioner has another
/// shift are skipped and reported.
#[utoipa::path(
    post,
    path = "/practitioners/{id}/shift-patterns",
    operation_id = "createShiftPattern",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner.")),
    request_body = CreateShiftPattern,
    responses((status = 201, description = "Created, and planned for the weeks ahead.", body = PatternCreated)),
)]
pub async fn create(
    cx: Cx<CreateShiftPattern>,
    State(staff): State<Arc<Staff>>,
    PathIds(practitioner): PathIds<PractitionerId>,
    Body(request): Body<CreateShiftPattern>,
) -> Outcome {
    let (kind, timetable) = request.parse()?;
    let until = staff.horizon.end(cx.clock());
    let pattern = Pattern {
        id: cx.clock().id(),
        practitioner,
        kind,
        timetable,
        planned_until: until,
        version: 1,
    };
    let mut tx = cx.begin(&staff.db).await?;
    practitioner::store::lock(&mut tx, practitioner)
        .await?
        .must_be_active()?;
    store::insert(&mut tx, &pattern, cx.now()).await?;
    let made = staff
        .horizon
        .materialise(&mut tx, &pattern, staff.horizon.today(cx.clock()), until)
        .await?;
    let version = pattern.version;
    let view = PatternCreated {
        pattern: PatternView::from(pattern),
        created: made.created,
        skipped: made
            .skipped
            .into_iter()
            .map(|(date, reason)| SkippedDay { date, reason })
            .collect(),
    };
    tx.commit(Answer::created(&view).version(version)).await
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_day_have_two_digits_each() {
        assert_eq!(time_of_day("08:05"), Ok(time(8, 5, 0, 0)));
        assert_eq!(time_of_day("23:59"), Ok(time(23, 59, 0, 0)));
        for wrong in [
            "8:05",
            "08:5",
            "24:00",
            "08:60",
            "0805",
            "08:05:00",
            "+8:05",
            "08:05 ",
            "٠٨:٠٥",
            "",
        ] {
            assert!(time_of_day(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,8}") {
            let _ = time_of_day(&text);
        }
    }
}
