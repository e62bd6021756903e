//! `GET /audit/entries`: who did what, newest first.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Cursor, Page, Problem, Timestamp, Violations, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::store::{self, Filter, Placed};
use crate::Audit;

/// Longest name of a subject or an actor.
const LONGEST: usize = 128;

/// Which entries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListEntries {
    /// What it was done to, or the patient whose data it was: an id.
    #[param(min_length = 1, max_length = 128)]
    subject: Option<String>,
    /// Who acted: the id of an account, or the name of a service.
    #[param(min_length = 1, max_length = 128)]
    actor: Option<String>,
    /// Only of this kind.
    kind: Option<Kind>,
    /// Not before this instant.
    from: Option<Timestamp>,
    /// Before this instant.
    to: Option<Timestamp>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

impl Requires for ListEntries {
    const NEEDS: Needs = Needs::Permission(Permission::AuditRead);
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Kind {
    /// Personal data was shown.
    Read,
    /// Something was changed.
    Write,
    /// Something was refused.
    Deny,
    /// Somebody came or went.
    Login,
    /// The system, or the rights of others, were changed.
    Admin,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Deny => "DENY",
            Self::Login => "LOGIN",
            Self::Admin => "ADMIN",
        }
    }
}

/// An entry in its place.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntryView {
    /// Its place in the log, counted from 0.
    #[schema(minimum = 0)]
    index: i64,
    /// The hash of its bytes (RFC 6962), in base64.
    leaf_hash: String,
    /// Its id.
    id: Uuid,
    /// When.
    at: Timestamp,
    /// Which service wrote it.
    service: String,
    /// READ, WRITE, DENY, LOGIN or ADMIN.
    kind: String,
    /// USER, SERVICE or ANONYMOUS.
    actor_kind: String,
    /// The account's id or the service's name; null for nobody known.
    #[schema(required = true)]
    actor: Option<String>,
    /// The login; null without one.
    #[schema(required = true)]
    session_id: Option<Uuid>,
    /// The roles the actor had.
    roles: Vec<String>,
    /// Method and route, or the gRPC method.
    action: String,
    /// What it needed; null when nothing in particular.
    #[schema(required = true)]
    permission: Option<String>,
    /// The kind of thing it was done to; null when none is named.
    #[schema(required = true)]
    subject_kind: Option<String>,
    /// Which one.
    #[schema(required = true)]
    subject: Option<String>,
    /// The patients whose data were shown or changed.
    patient_ids: Vec<Uuid>,
    /// How it ended: the HTTP status.
    #[schema(minimum = 100, maximum = 599)]
    status: i16,
    /// Why: how far the permission reached, a purpose, or the code of the refusal.
    #[schema(required = true)]
    reason: Option<String>,
    /// From which address.
    #[schema(required = true)]
    address: Option<String>,
    /// In which trace.
    #[schema(required = true)]
    trace_id: Option<String>,
    /// What the client calls the request.
    #[schema(required = true)]
    request_id: Option<String>,
}

impl From<Placed> for EntryView {
    fn from(Placed { index, hash, entry }: Placed) -> Self {
        Self {
            index,
            leaf_hash: hash.base64(),
            id: entry.id,
            at: entry.at,
            service: entry.service,
            kind: entry.kind,
            actor_kind: entry.actor_kind,
            actor: entry.actor,
            session_id: entry.session,
            roles: entry.roles,
            action: entry.action,
            permission: entry.permission,
            subject_kind: entry.subject_kind,
            subject: entry.subject,
            patient_ids: entry.patients,
            status: entry.status,
            reason: entry.reason,
            address: entry.address,
            trace_id: entry.trace_id,
            request_id: entry.request_id,
        }
    }
}

/// Ids are written in one way only.
fn name(given: Option<String>, pointer: &str) -> Result<Option<String>, Problem> {
    let Some(given) = given else { return Ok(None) };
    if !(1..=LONGEST).contains(&given.chars().count()) {
        return Err(Problem::invalid_field(
            pointer,
            "INVALID_LENGTH",
            "must have 1 to 128 characters",
        ));
    }
    Ok(Some(match given.parse::<Uuid>() {
        Ok(id) => id.to_string(),
        Err(_) => given,
    }))
}

/// A bound that PostgreSQL can compare with.
fn bound(wrong: &mut Violations, pointer: &str, at: Option<Timestamp>) -> Option<Timestamp> {
    let at = at?;
    let year = at.to_zoned(jiff::tz::TimeZone::UTC).year();
    if (1..=9999).contains(&year) {
        return Some(at);
    }
    wrong.push(pointer, "OUT_OF_RANGE", "must lie in the years 1 to 9999");
    None
}

/// Who did what, newest first. An entry appears within seconds, once it has its
/// place for good.
#[utoipa::path(
    get,
    path = "/audit/entries",
    params(ListEntries),
    responses((status = 200, description = "A page of entries", body = PageView<EntryView>)),
    tag = "audit"
)]
pub(crate) async fn list(
    _cx: Cx<ListEntries>,
    State(audit): State<Arc<Audit>>,
    Params(query): Params<ListEntries>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let before: Option<i64> = query.cursor.as_deref().map(Cursor::decode).transpose()?;
    let mut wrong = Violations::new();
    let from = bound(&mut wrong, "?from", query.from);
    let to = bound(&mut wrong, "?to", query.to);
    wrong.finish()?;
    let filter = Filter {
        actor: name(query.actor, "?actor")?,
        subject: name(query.subject, "?subject")?,
        kind: query.kind.map(Kind::name),
        from,
        to,
    };
    let rows = store::list(audit.db.pool(), &filter, before, limit).await?;
    let page = Page::from_rows(rows, limit, |row| row.index).map(EntryView::from);
    Ok(Answer::ok(&PageView::from(page)))
}
