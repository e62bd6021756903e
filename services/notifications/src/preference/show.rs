//! `GET /notification-preferences/{patientId}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_kernel::Problem;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Notifications;
use crate::preference::{Preferences, store};
use crate::template::{Category, Channel};

/// Which channels a category may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Choice {
    /// E-mail.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub email: bool,
    /// Text messages.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub sms: bool,
    /// In the account.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub in_app: bool,
}

const fn yes() -> bool {
    true
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            email: true,
            sms: true,
            in_app: true,
        }
    }
}

impl Choice {
    fn of(preferences: &Preferences, category: Category) -> Self {
        let wants = |channel| preferences.wants(category, channel);
        Self {
            email: wants(Channel::Email),
            sms: wants(Channel::Sms),
            in_app: wants(Channel::InApp),
        }
    }

    /// The channels that are switched off.
    pub(crate) fn muted(self) -> impl Iterator<Item = Channel> {
        [
            (self.email, Channel::Email),
            (self.sms, Channel::Sms),
            (self.in_app, Channel::InApp),
        ]
        .into_iter()
        .filter_map(|(on, channel)| (!on).then_some(channel))
    }
}

/// A part of the day, in the hospital's zone, in which no telephone should ring.
/// It may span midnight.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHoursView {
    /// From this time of day.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "22:00")]
    pub from: String,
    /// Up to, not including, this time of day; another than `from`.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "07:00")]
    pub to: String,
}

/// How a patient wants to be told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreferencesView {
    /// The patient.
    patient_id: Uuid,
    /// Instead of the language on record.
    #[schema(example = "de")]
    language: Option<String>,
    /// Messages that are not about the account itself wait until they are over.
    quiet_hours: Option<QuietHoursView>,
    /// Bookings, changes, cancellations.
    appointment: Choice,
    /// Reminders.
    reminder: Choice,
    /// Offers to those who wait.
    waitlist: Choice,
    /// For `If-Match`; 0 when nothing was ever set.
    version: i64,
}

impl PreferencesView {
    pub(crate) fn new(patient: PatientId, preferences: &Preferences, version: i64) -> Self {
        Self {
            patient_id: patient.uuid(),
            language: preferences.language.as_ref().map(ToString::to_string),
            quiet_hours: preferences.quiet.map(|q| QuietHoursView {
                from: q.from().to_string(),
                to: q.to().to_string(),
            }),
            appointment: Choice::of(preferences, Category::Appointment),
            reminder: Choice::of(preferences, Category::Reminder),
            waitlist: Choice::of(preferences, Category::Waitlist),
            version,
        }
    }
}

/// See how a patient wants to be told.
pub struct ShowPreferences;

impl Requires for ShowPreferences {
    const NEEDS: Needs = Needs::Permission(Permission::PreferenceManage);
}

/// How a patient wants to be told; what was never set is everything.
#[utoipa::path(
    get,
    path = "/notification-preferences/{patientId}",
    params(("patientId" = Uuid, Path, description = "The patient's id")),
    responses((status = 200, description = "The preferences", body = PreferencesView)),
    tag = "notifications"
)]
pub async fn show(
    cx: Cx<ShowPreferences>,
    State(service): State<Arc<Notifications>>,
    PathIds(patient): PathIds<PatientId>,
) -> Outcome {
    cx.reach_patient(patient)?;
    let (preferences, version) = match store::find(service.db.pool(), patient).await? {
        Some(found) => found,
        None if service.contacts.exists(patient).await? => (Preferences::default(), 0),
        None => return Err(Problem::not_found().into()),
    };
    Ok(Answer::ok(&PreferencesView::new(patient, &preferences, version)).version(version))
}
