//! `POST /notification-templates/preview`: a text as somebody would read it.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Timestamp};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Notifications;
use crate::message::model::ServiceType;
use crate::template::{Channel, Draft, Locale, TemplateName, Text, Values, Variable, words};

/// A text to look at before uploading it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreviewTemplate {
    /// Which text.
    name: TemplateName,
    /// For which channel. Account texts exist for EMAIL and SMS only.
    channel: Channel,
    /// In which language.
    #[schema(pattern = "^[a-z]{2,3}(-[A-Z]{2})?$", example = "en")]
    locale: String,
    /// Subject: one line. Required unless the channel is SMS, which has none.
    #[schema(max_length = 200, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$")]
    subject: Option<String>,
    /// Body; at most 670 characters for an SMS.
    #[schema(
        min_length = 1,
        max_length = 10_000,
        pattern = "^[^\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f]*$"
    )]
    body: String,
}

impl Requires for PreviewTemplate {
    const NEEDS: Needs = Needs::Permission(Permission::NotificationManage);
}

/// A text filled in with an example.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewView {
    /// Subject; empty for an SMS.
    subject: String,
    /// Body.
    body: String,
    /// The variables it mentions.
    variables: Vec<&'static str>,
}

/// What an example message says.
fn example(at: Timestamp, zone: &TimeZone, locale: &Locale, hospital: &str) -> Values {
    let (start, end) = (
        at + SignedDuration::from_hours(24),
        at + SignedDuration::from_mins(24 * 60 + 30),
    );
    let offer = at + SignedDuration::from_hours(2);
    Values::from([
        (Variable::PatientName, "Ada Lovelace".to_owned()),
        (Variable::PractitionerName, "Elizabeth Blackwell".to_owned()),
        (Variable::Date, words::date(start, zone, locale)),
        (Variable::Time, words::time(start, zone)),
        (Variable::EndTime, words::time(end, zone)),
        (
            Variable::ServiceType,
            words::service_type(Some(ServiceType::Consultation), locale).to_owned(),
        ),
        (Variable::OfferDate, words::date(offer, zone, locale)),
        (Variable::OfferTime, words::time(offer, zone)),
        (Variable::Username, "ada.lovelace".to_owned()),
        (
            Variable::Link,
            "https://hospital.example/set-password#example".to_owned(),
        ),
        (Variable::Hospital, hospital.to_owned()),
    ])
}

/// Checks a text and fills it in with an example; nothing is stored.
#[utoipa::path(
    post,
    path = "/notification-templates/preview",
    request_body = PreviewTemplate,
    responses((status = 200, description = "The text as somebody would read it", body = PreviewView)),
    tag = "notifications"
)]
pub async fn preview(
    cx: Cx<PreviewTemplate>,
    State(service): State<Arc<Notifications>>,
    Body(request): Body<PreviewTemplate>,
) -> Outcome {
    let draft = Draft::check(
        request.name,
        request.channel,
        &request.locale,
        request.subject.as_deref(),
        &request.body,
    )?;
    let values = example(
        cx.now(),
        &service.zone,
        &draft.locale,
        &service.settings.hospital,
    );
    let (subject, body) = (parse(&draft.subject)?, parse(&draft.body)?);
    let mut variables = subject.variables();
    variables.extend(body.variables());
    let fill = |text: &Text| {
        text.render(&values)
            .map_err(|v| Problem::internal(v.name()))
    };
    Ok(Answer::ok(&PreviewView {
        subject: fill(&subject)?,
        body: fill(&body)?,
        variables: variables.into_iter().map(Variable::name).collect(),
    }))
}

fn parse(source: &str) -> Result<Text, Problem> {
    Text::parse(source).map_err(Problem::internal)
}
