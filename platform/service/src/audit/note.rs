//! What is known of a request while it is under way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{ConnectInfo, MatchedPath, OriginalUri, Request};
use galen_access::{Permission, Scope};
use galen_kernel::Clock;
use http::{Method, StatusCode, header};
use uuid::Uuid;

use super::{Actor, Entry, Kind, Recorder, shown};
use crate::extract::{Caller, Needs};
use crate::outcome::Answer;
use crate::rest::given_request_id;

/// Longest name of a thing in a path that is written down.
const LONGEST: usize = 64;

/// Notes on one request: what it came with, and what its handler finds out.
pub(crate) struct Note {
    recorder: Recorder,
    clock: Clock,
    method: Method,
    action: String,
    /// What the path names: the kind and the name of the last thing in it.
    path: Option<(String, String)>,
    /// Whether it came with a token, good or bad.
    token: bool,
    address: Option<String>,
    request_id: Option<String>,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    needs: Option<Needs>,
    caller: Option<Arc<Caller>>,
    reach: Option<&'static str>,
    about: Option<(&'static str, String)>,
    patients: Vec<Uuid>,
    purpose: Option<&'static str>,
    /// Whether a command has written its entry.
    recorded: bool,
}

/// How a request ended, as far as the log goes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ending<'a> {
    pub(crate) status: StatusCode,
    /// The code of a refusal.
    pub(crate) code: Option<&'static str>,
    /// Whether the answer, a refusal included, shows data.
    pub(crate) shows: bool,
    pub(crate) location: Option<&'a str>,
    pub(crate) replayed: bool,
}

impl Note {
    pub(crate) fn new(recorder: Recorder, clock: Clock, request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map_or("", MatchedPath::as_str);
        let uri = request
            .extensions()
            .get::<OriginalUri>()
            .map_or_else(|| request.uri(), |OriginalUri(uri)| uri);
        let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
        Self {
            recorder,
            clock,
            method: request.method().clone(),
            action: format!(
                "{} {}",
                request.method(),
                route.trim_start_matches("/api/v1")
            ),
            path: named(route, uri.path()),
            token: request.headers().contains_key(header::AUTHORIZATION),
            address: address.map(|ConnectInfo(address)| address.ip().to_canonical().to_string()),
            request_id: given_request_id(request.headers())
                .and_then(|id| Some(id.to_str().ok()?.to_owned())),
            found: Mutex::new(Found {
                patients: uri.query().map(patients_in_query).unwrap_or_default(),
                ..Found::default()
            }),
        }
    }

    pub(crate) const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who asks, and what for.
    pub(crate) fn asked(&self, needs: Needs, caller: Option<Arc<Caller>>) {
        let mut found = self.found();
        (found.needs, found.caller) = (Some(needs), caller);
    }

    /// How far they may reach.
    pub(crate) fn reaches(&self, scope: Scope) {
        self.found().reach = Some(match scope {
            Scope::Any => "ANY",
            Scope::Care { .. } => "CARE",
            Scope::Own { .. } => "OWN",
        });
    }

    /// Whose things are concerned.
    pub(crate) fn concerns(&self, patient: Uuid) {
        let mut found = self.found();
        if !found.patients.contains(&patient) {
            found.patients.push(patient);
        }
    }

    /// What is concerned, when the path does not say.
    pub(crate) fn about(&self, kind: &'static str, id: String) {
        self.found().about = Some((kind, id));
    }

    /// Why it is done.
    pub(crate) fn because(&self, purpose: &'static str) {
        self.found().purpose = Some(purpose);
    }

    /// The transaction of the command holds its entry and has committed.
    pub(crate) fn is_recorded(&self) {
        self.found().recorded = true;
    }

    /// The entry of a command that is about to commit with this answer.
    pub(crate) fn of_command(&self, answer: &Answer) -> Entry {
        let ending = Ending {
            status: answer.status,
            location: location(&answer.headers),
            ..Ending::default()
        };
        let found = self.found();
        let kind = written(found.needs);
        let mut entry = self.entry(&found, kind, ending);
        shown::name(&mut entry, &answer.body);
        entry
    }

    /// The entry of what was answered, unless there is nothing to say or a command
    /// has said it.
    pub(crate) fn of_answer(&self, ending: Ending<'_>) -> Option<Entry> {
        let found = self.found();
        let explained = found.purpose.is_some();
        let kind = judged(&self.method, found.needs, self.token, explained, ending)?;
        if found.recorded && !matches!(kind, Kind::Deny) {
            return None;
        }
        Some(self.entry(&found, kind, ending))
    }

    fn entry(&self, found: &Found, kind: Kind, ending: Ending<'_>) -> Entry {
        let principal = found.caller.as_ref().map(|caller| &caller.principal);
        let created = ending.location.and_then(created);
        let subject = match &found.about {
            Some((kind, id)) => Some(((*kind).to_owned(), id.clone())),
            None => created.or_else(|| {
                let (kind, name) = self.path.clone()?;
                // What is not there may be called anything, by a person's name too.
                (ending.code.is_none() || is_id(&name)).then_some((kind, name))
            }),
        };
        let mut patients = found.patients.clone();
        if let Some(("patients", id)) = self.path.as_ref().map(|(k, n)| (k.as_str(), n))
            && let Ok(id) = id.parse()
            && !patients.contains(&id)
        {
            patients.push(id);
        }
        let (subject_kind, subject) = subject.unzip();
        let reach = match found.needs {
            Some(Needs::Permission(_)) => found.reach,
            _ => None,
        };
        let replayed = ending.replayed.then_some("REPLAYED");
        let reason = ending.code.or(replayed).or(found.purpose).or(reach);
        Entry {
            id: self.clock.uuid(),
            kind,
            actor: principal.map_or(Actor::Anonymous, |p| Actor::User(p.user_id.uuid())),
            session: principal.map(|p| p.session_id.uuid()),
            roles: principal
                .map(|p| p.roles.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            action: self.action.clone(),
            permission: match found.needs {
                Some(Needs::Permission(permission)) => Some(permission.name()),
                _ => None,
            },
            subject_kind,
            subject,
            patients,
            status: ending.status.as_u16(),
            reason: reason.map(str::to_owned),
            address: self.address.clone(),
            trace_id: galen_telemetry::current().map(|trace| trace.trace_id_hex()),
            request_id: self.request_id.clone(),
        }
    }
}

/// `Location` of an answer.
pub(crate) fn location(headers: &http::HeaderMap) -> Option<&str> {
    headers.get(header::LOCATION)?.to_str().ok()
}

/// What there is to say of an answer. A malformed request is worth a word only where
/// somebody comes or goes and its handler has said why it refuses.
fn judged(
    method: &Method,
    needs: Option<Needs>,
    token: bool,
    explained: bool,
    ending: Ending<'_>,
) -> Option<Kind> {
    let looks = matches!(*method, Method::GET | Method::HEAD);
    let personal = match needs? {
        Needs::Nobody => false,
        Needs::Anybody => true,
        Needs::Permission(permission) => concerns_persons(permission),
    };
    let comes_or_goes = !looks && matches!(needs, Some(Needs::Nobody | Needs::Anybody));
    match ending.status.as_u16() {
        200..300 if looks => personal.then_some(Kind::Read),
        200..300 => Some(written(needs)),
        // Done, and sent on: a login for an application.
        303 if !looks => Some(written(needs)),
        400 if comes_or_goes && explained => Some(Kind::Login),
        401 | 403 | 404 | 409 | 429 if comes_or_goes => Some(Kind::Login),
        401 => token.then_some(Kind::Deny),
        403 => Some(Kind::Deny),
        404 => (personal || !looks).then_some(Kind::Deny),
        // Refused, but with something to see, such as who is registered already.
        400..500 if ending.shows && personal => Some(Kind::Read),
        _ => None,
    }
}

/// What kind of writing a command does.
const fn written(needs: Option<Needs>) -> Kind {
    match needs {
        Some(Needs::Permission(
            Permission::UserManage
            | Permission::StaffManage
            | Permission::NotificationManage
            | Permission::OpsManage,
        )) => Kind::Admin,
        Some(Needs::Permission(_)) | None => Kind::Write,
        Some(Needs::Nobody | Needs::Anybody) => Kind::Login,
    }
}

/// Whether what a permission shows is about persons: everything but the timetable
/// and the machinery.
const fn concerns_persons(permission: Permission) -> bool {
    !matches!(
        permission,
        Permission::StaffRead
            | Permission::StaffManage
            | Permission::SlotRead
            | Permission::OpsRead
            | Permission::OpsManage
    )
}

/// The last thing that a path names: `/patients/{id}/allergies` names a patient.
fn named(route: &str, path: &str) -> Option<(String, String)> {
    let mut kind = None;
    let mut found = None;
    for (pattern, value) in route.split('/').zip(path.split('/')) {
        if pattern.starts_with('{') {
            found = kind.map(|kind: &str| (kind.to_owned(), value.to_owned()));
        } else {
            kind = Some(pattern);
        }
    }
    found.filter(|(_, name)| is_name(name))
}

/// The kind and the id of what was made: `/api/v1/patients/<id>`.
fn created(location: &str) -> Option<(String, String)> {
    let (rest, id) = location.rsplit_once('/')?;
    let (_, kind) = rest.rsplit_once('/')?;
    is_name(id).then(|| (kind.to_owned(), id.to_owned()))
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

fn is_id(text: &str) -> bool {
    text.parse::<Uuid>().is_ok() || text.bytes().all(|b| b.is_ascii_digit())
}

/// Patients that a query asks for by id.
fn patients_in_query(query: &str) -> Vec<Uuid> {
    query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("patientId="))
        .filter_map(|id| id.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const READS: Needs = Needs::Permission(Permission::PatientRead);
    const WRITES: Needs = Needs::Permission(Permission::PatientWrite);

    fn judge(method: &Method, needs: Needs, status: u16) -> Option<Kind> {
        let ending = Ending {
            status: StatusCode::from_u16(status).unwrap(),
            ..Ending::default()
        };
        judged(method, Some(needs), true, false, ending)
    }

    #[test]
    fn what_is_written_down_follows_from_the_answer() {
        let (get, post) = (Method::GET, Method::POST);
        for (method, needs, status, kind) in [
            (&get, READS, 200, Some(Kind::Read)),
            (&get, READS, 403, Some(Kind::Deny)),
            (&get, READS, 404, Some(Kind::Deny)),
            (&get, READS, 400, None),
            (&get, READS, 503, None),
            (&get, Needs::Anybody, 200, Some(Kind::Read)),
            (&get, Needs::Nobody, 200, None),
            (&get, Needs::Permission(Permission::SlotRead), 200, None),
            (
                &get,
                Needs::Permission(Permission::SlotRead),
                403,
                Some(Kind::Deny),
            ),
            (&get, Needs::Permission(Permission::StaffRead), 404, None),
            (&post, WRITES, 201, Some(Kind::Write)),
            (&post, WRITES, 404, Some(Kind::Deny)),
            (&post, WRITES, 409, None),
            (
                &post,
                Needs::Permission(Permission::OpsManage),
                200,
                Some(Kind::Admin),
            ),
            (
                &post,
                Needs::Permission(Permission::UserManage),
                201,
                Some(Kind::Admin),
            ),
            (&post, Needs::Nobody, 200, Some(Kind::Login)),
            (&post, Needs::Nobody, 303, Some(Kind::Login)),
            (&get, Needs::Nobody, 303, None),
            (&post, Needs::Nobody, 401, Some(Kind::Login)),
            (&post, Needs::Nobody, 429, Some(Kind::Login)),
            (&post, Needs::Nobody, 400, None),
        ] {
            assert_eq!(
                judge(method, needs, status),
                kind,
                "{method} {needs:?} {status}"
            );
        }
    }

    #[test]
    fn a_malformed_login_is_written_down_when_its_handler_says_why() {
        let ending = Ending {
            status: StatusCode::BAD_REQUEST,
            ..Ending::default()
        };
        for (needs, explained, kind) in [
            (Needs::Nobody, true, Some(Kind::Login)),
            (Needs::Nobody, false, None),
            (WRITES, true, None),
        ] {
            let judged = judged(&Method::POST, Some(needs), false, explained, ending);
            assert_eq!(judged, kind, "{needs:?} {explained}");
        }
    }

    #[test]
    fn only_a_token_that_was_shown_can_be_denied() {
        let ending = Ending {
            status: StatusCode::UNAUTHORIZED,
            ..Ending::default()
        };
        let judge = |token| judged(&Method::GET, Some(READS), token, false, ending);
        assert_eq!(judge(true), Some(Kind::Deny));
        assert_eq!(judge(false), None);
    }

    #[test]
    fn a_refusal_that_shows_somebody_is_a_read() {
        let ending = Ending {
            status: StatusCode::CONFLICT,
            shows: true,
            ..Ending::default()
        };
        let kind = judged(&Method::POST, Some(WRITES), true, false, ending);
        assert_eq!(kind, Some(Kind::Read));
    }

    #[test]
    fn a_path_names_the_last_thing_in_it() {
        let pair = |kind: &str, id: &str| Some((kind.to_owned(), id.to_owned()));
        let find = named;
        assert_eq!(
            find("/api/v1/patients/{id}", "/api/v1/patients/7"),
            pair("patients", "7")
        );
        assert_eq!(
            find("/patients/{id}/allergies", "/patients/7/allergies"),
            pair("patients", "7")
        );
        assert_eq!(
            find(
                "/patients/{id}/allergies/{allergy}",
                "/patients/7/allergies/9"
            ),
            pair("allergies", "9")
        );
        assert_eq!(find("/patients", "/patients"), None);
        assert_eq!(find("/patients/{id}", "/patients/Ada%20Lovelace"), None);
        assert_eq!(created("/api/v1/patients/7"), pair("patients", "7"));
    }

    #[test]
    fn a_word_that_somebody_made_up_is_no_id() {
        assert!(is_id("0190c4f2-0000-7000-8000-000000000000") && is_id("17"));
        assert!(!is_id("lovelace"));
    }

    #[test]
    fn a_query_names_patients_by_id_only() {
        let id = "0190c4f2-0000-7000-8000-000000000000";
        let query = format!("from=x&patientId={id}&patientId=ada&query=ada");
        assert_eq!(patients_in_query(&query), [id.parse::<Uuid>().unwrap()]);
    }
}
