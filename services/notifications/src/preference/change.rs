//! `PUT /notification-preferences/{patientId}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Notifications;
use crate::preference::quiet::Minute;
use crate::preference::show::{Choice, PreferencesView, QuietHoursView};
use crate::preference::{Preferences, QuietHours, store};
use crate::template::{Category, Locale};

/// How a patient wants to be told from now on; what is left out is everything.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangePreferences {
    /// Instead of the language on record.
    #[schema(pattern = "^[a-z]{2,3}(-[A-Z]{2})?$", example = "de")]
    language: Option<String>,
    /// When no telephone should ring.
    quiet_hours: Option<QuietHoursView>,
    /// Bookings, changes, cancellations.
    #[serde(default)]
    appointment: Choice,
    /// Reminders.
    #[serde(default)]
    reminder: Choice,
    /// Offers to those who wait.
    #[serde(default)]
    waitlist: Choice,
}

impl Requires for ChangePreferences {
    const NEEDS: Needs = Needs::Permission(Permission::PreferenceManage);
}

impl TryFrom<ChangePreferences> for Preferences {
    type Error = Problem;

    fn try_from(request: ChangePreferences) -> Result<Self, Problem> {
        let mut wrong = Violations::new();
        let language = request
            .language
            .and_then(|text| wrong.keep("/language", "INVALID_LOCALE", text.parse::<Locale>()));
        let quiet = request.quiet_hours.and_then(|view| {
            let from = wrong.keep(
                "/quietHours/from",
                "INVALID_TIME",
                view.from.parse::<Minute>(),
            );
            let to = wrong.keep("/quietHours/to", "INVALID_TIME", view.to.parse::<Minute>());
            let (from, to) = (from?, to?);
            wrong.require(
                from != to,
                "/quietHours/to",
                "EMPTY_INTERVAL",
                "must differ from \"from\"",
            );
            QuietHours::new(from, to)
        });
        wrong.finish()?;
        let muted = [
            (Category::Appointment, request.appointment),
            (Category::Reminder, request.reminder),
            (Category::Waitlist, request.waitlist),
        ]
        .into_iter()
        .flat_map(|(category, choice)| choice.muted().map(move |channel| (category, channel)))
        .collect();
        Ok(Self {
            language,
            quiet,
            muted,
        })
    }
}

/// Replaces how a patient wants to be told.
#[utoipa::path(
    put,
    path = "/notification-preferences/{patientId}",
    params(("patientId" = Uuid, Path, description = "The patient's id")),
    request_body = ChangePreferences,
    responses((status = 200, description = "The preferences", body = PreferencesView)),
    tag = "notifications"
)]
pub async fn change(
    cx: Cx<ChangePreferences>,
    State(service): State<Arc<Notifications>>,
    PathIds(patient): PathIds<PatientId>,
    Body(request): Body<ChangePreferences>,
) -> Outcome {
    cx.reach_patient(patient)?;
    let wished = Preferences::try_from(request)?;
    if !service.contacts.exists(patient).await? {
        return Err(Problem::not_found().into());
    }
    let now = cx.now();
    let mut tx = cx.begin(&service.db).await?;
    let version = store::lock(tx.conn(), patient, now).await?;
    cx.expect_version(version)?;
    let version = store::replace(tx.conn(), patient, &wished, now).await?;
    let view = PreferencesView::new(patient, &wished, version);
    tx.commit(Answer::ok(&view).version(version)).await
}
