//! A weekly pattern as the API shows one.

use jiff::civil::{Date, Time};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Day, Pattern, SkipReason};
use crate::shift::model::ShiftKind;

/// A practitioner's regular working time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShiftPattern)]
#[serde(rename_all = "camelCase")]
pub struct PatternView {
    /// Its id.
    pub id: Uuid,
    /// Who works.
    pub practitioner_id: Uuid,
    /// On these days of the week.
    pub weekdays: Vec<Day>,
    /// From this time on the hospital's clock.
    #[schema(example = "22:00")]
    pub start_time: String,
    /// To this time; of the next day when not after the start.
    #[schema(example = "06:00")]
    pub end_time: String,
    /// What for.
    pub kind: ShiftKind,
    /// The first day.
    pub valid_from: Date,
    /// The last day, itself included; absent until further notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Date>,
    /// Every so many weeks.
    pub weeks_interval: i16,
    /// Shifts have been made for every day before this one.
    pub planned_until: Date,
    /// For `If-Match`.
    pub version: i64,
}

/// A pattern with what became of its first weeks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatternCreated {
    /// The pattern.
    #[serde(flatten)]
    pub pattern: PatternView,
    /// How many shifts were made.
    pub created: usize,
    /// The days that got none.
    pub skipped: Vec<SkippedDay>,
}

/// A day of a pattern that got no shift.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkippedDay {
    /// The day.
    pub date: Date,
    /// Why.
    pub reason: SkipReason,
}

fn on_the_clock(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}

impl From<Pattern> for PatternView {
    fn from(pattern: Pattern) -> Self {
        let timetable = pattern.timetable;
        Self {
            id: pattern.id.uuid(),
            practitioner_id: pattern.practitioner.uuid(),
            weekdays: timetable.weekdays,
            start_time: on_the_clock(timetable.start_time),
            end_time: on_the_clock(timetable.end_time),
            kind: pattern.kind,
            valid_from: timetable.valid_from,
            valid_to: timetable.valid_to,
            weeks_interval: timetable.weeks_interval,
            planned_until: pattern.planned_until,
            version: pattern.version,
        }
    }
}
