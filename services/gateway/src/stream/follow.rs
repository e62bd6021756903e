//! `GET /stream`: what happens, as it happens, for those who may know it.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use galen_access::{EndedSessions, Permission};
use galen_contracts::ids::PatientId;
use galen_kernel::{Clock, Problem, Timestamp};
use galen_service::{Cx, Halt, Needs, PeerError, Requires};
use galen_storage::{Db, Error};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::audience::{Sight, Viewer};
use super::care::Care;
use super::seats::Seat;
use super::store::{self, Bounds, Entry};
use super::tail::Recent;
use crate::Gateway;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx, and what does as it does, to pass on every event at once.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Keeps proxies from closing a quiet connection, and finds out that a client is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many entries are read at once by who is far behind.
const PAGE: i64 = 500;

/// The request, which has no parameters but a header.
pub(crate) struct FollowStream;

impl Requires for FollowStream {
    const NEEDS: Needs = Needs::Permission(Permission::StreamRead);
}

/// Follows the stream of events.
///
/// Server-sent events (WHATWG HTML, 9.2). Each has the `id` to resume behind, the
/// type of what happened as `event`, and as `data` a JSON object
/// `{"id","type","subject","at","data"}` with ids and codes only; whoever needs more
/// asks for it. Everybody sees what they may read, patients their own, and who treats
/// what is about those they care for. Three kinds of
/// events are about the stream itself: `ready` is the first of a new stream, `reset`
/// says that the id to resume behind is unknown or too old, so that the client must
/// read afresh what it shows, and `heartbeat` comments keep the connection and the id
/// up to date. The stream ends with the access token or its session; resume with a new
/// one.
#[utoipa::path(
    get,
    path = "/stream",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen. Without it the stream begins now.", pattern = "^[0-9]{1,18}$")),
    responses((status = 200, description = "Events as they happen.", body = String, content_type = "text/event-stream")),
    tag = "gateway"
)]
pub(crate) async fn follow(
    cx: Cx<FollowStream>,
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Response, Halt> {
    let seen = last_event_id(&headers)?;
    let viewer = Viewer {
        principal: cx.principal()?.clone(),
        reach: cx.scope(),
    };
    let until = cx.valid_until().ok_or_else(Problem::unauthenticated)?;
    let seat = gateway
        .seats
        .take(viewer.principal.user_id)
        .map_err(Problem::from)?;

    let recent = gateway.tail.follow();
    let (position, first) = begin(seen, store::bounds(&gateway.db).await?);
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    let follower = Follower {
        viewer,
        until,
        clock: cx.clock().clone(),
        stopping: gateway.stopping.clone(),
        db: gateway.db.clone(),
        care: gateway.care.clone(),
        ended: gateway.ended.clone(),
        recent,
        position,
        ready: first.into_iter().collect(),
        heartbeat,
        _seat: seat,
    };
    let events = futures::stream::unfold(follower, |mut follower| async move {
        Some((follower.next().await?, follower))
    });
    let mut response = Sse::new(events).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
        .headers_mut()
        .insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// The id to resume behind.
fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let malformed = || Problem::new(400, "INVALID_LAST_EVENT_ID", "Last-Event-ID is malformed.");
    let mut given = headers.get_all(LAST_EVENT_ID).iter();
    let Some(id) = given.next() else {
        return Ok(None);
    };
    let id = id.as_bytes();
    if given.next().is_some() || !(1..=18).contains(&id.len()) || !id.iter().all(u8::is_ascii_digit)
    {
        return Err(malformed());
    }
    let id = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
    id.map(Some).ok_or_else(malformed)
}

/// Where a stream begins, and what it says first.
fn begin(seen: Option<i64>, bounds: Bounds) -> (i64, Option<Event>) {
    match seen {
        None => (bounds.last, Some(about("ready", bounds.last))),
        Some(seen) if seen < bounds.forgotten_to || seen > bounds.last => {
            (bounds.last, Some(about("reset", bounds.last)))
        }
        Some(seen) => (seen, None),
    }
}

/// An event about the stream itself. Browsers drop events without data.
fn about(name: &str, position: i64) -> Event {
    Event::default()
        .event(name)
        .id(position.to_string())
        .data("{}")
}

/// What is told of an entry.
#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    r#type: &'a str,
    subject: &'a str,
    at: Timestamp,
    data: &'a RawValue,
}

fn told(entry: &Entry) -> Event {
    let id = entry.id.to_string();
    let told = Told {
        id: &id,
        r#type: &entry.event_type,
        subject: &entry.subject,
        at: entry.at,
        data: &entry.data,
    };
    let data = serde_json::to_string(&told).expect("an entry is plain data");
    Event::default().event(&entry.event_type).id(&id).data(data)
}

/// One open stream.
struct Follower {
    viewer: Viewer,
    until: Timestamp,
    clock: Clock,
    stopping: CancellationToken,
    db: Db,
    care: Care,
    ended: EndedSessions,
    recent: watch::Receiver<Arc<Recent>>,
    /// Everything up to this entry was told, or is ready, or is not for this viewer.
    position: i64,
    ready: VecDeque<Event>,
    heartbeat: Interval,
    _seat: Seat,
}

/// Why a stream is cut off.
#[derive(Debug, thiserror::Error)]
enum CutOff {
    /// The entries cannot be read.
    #[error("the entries cannot be read")]
    Storage(#[from] Error),
    /// It is not known whom the viewer cares for.
    #[error("patients did not say who may be seen")]
    Care(#[from] PeerError),
}

impl Follower {
    /// Whether the process stops, the access token ran out, or its session was ended.
    fn is_over(&self) -> bool {
        self.stopping.is_cancelled()
            || self.clock.now() >= self.until
            || self.ended.contains(self.viewer.principal.session_id)
    }

    /// The next event; `None` at the end. A client that is cut off resumes.
    async fn next(&mut self) -> Option<Result<Event, CutOff>> {
        loop {
            if self.is_over() {
                return None;
            }
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            match self.read().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a live stream is cut off"
                    );
                    return Some(Err(error));
                }
            }
            let left =
                Duration::try_from(self.until.duration_since(self.clock.now())).unwrap_or_default();
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return None,
                changed = self.recent.changed() => if changed.is_err() { return None },
                _ = self.heartbeat.tick() => {
                    return Some(Ok(Event::default().id(self.position.to_string()).comment("heartbeat")));
                }
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    /// Makes what is new ready; false when nothing is.
    async fn read(&mut self) -> Result<bool, CutOff> {
        let recent = Arc::clone(&self.recent.borrow_and_update());
        if self.position >= recent.head {
            return Ok(false);
        }
        if let Some(entries) = recent.after(self.position) {
            let entries: Vec<_> = entries.cloned().collect();
            self.tell(&entries).await?;
            self.position = recent.head;
            return Ok(true);
        }
        let page = store::after(&self.db, self.position, PAGE).await?;
        // Asked after the page, so that nothing was forgotten from its beginning unseen.
        let bounds = store::bounds(&self.db).await?;
        if self.position < bounds.forgotten_to {
            self.position = bounds.last;
            self.ready.push_back(about("reset", bounds.last));
            return Ok(true);
        }
        self.tell(&page).await?;
        self.position = page.last().map_or(recent.head, |entry| entry.id);
        Ok(true)
    }

    /// Makes ready what the viewer may know of some entries. Of those that depend on
    /// whom they care for, patients is asked at once; without an answer nothing is told.
    async fn tell<E: Borrow<Entry> + Sync>(&mut self, entries: &[E]) -> Result<(), CutOff> {
        let sights: Vec<Sight> = entries
            .iter()
            .map(|entry| sight(&self.viewer, entry.borrow()))
            .collect();
        let asked: BTreeSet<PatientId> = sights
            .iter()
            .filter_map(|sight| match sight {
                Sight::IfCaredFor(patient) => Some(*patient),
                Sight::Hidden | Sight::Seen => None,
            })
            .collect();
        let cared_for = if asked.is_empty() {
            HashSet::new()
        } else {
            self.care.reached(&self.viewer.principal, &asked).await?
        };
        let seen = entries.iter().zip(sights).filter(|(_, sight)| match sight {
            Sight::Hidden => false,
            Sight::IfCaredFor(patient) => cared_for.contains(patient),
            Sight::Seen => true,
        });
        self.ready
            .extend(seen.map(|(entry, _)| told(entry.borrow())));
        Ok(())
    }
}

fn sight(viewer: &Viewer, entry: &Entry) -> Sight {
    entry.permission.map_or(Sight::Hidden, |permission| {
        viewer.sight(permission, &entry.owners)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> Result<Option<i64>, u16> {
        let headers = values
            .iter()
            .map(|value| (LAST_EVENT_ID, HeaderValue::from_static(value)))
            .collect();
        last_event_id(&headers).map_err(|problem| problem.status)
    }

    #[test]
    fn the_id_to_resume_behind_is_read() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["0"]), Ok(Some(0)));
        assert_eq!(
            read(&["999999999999999999"]),
            Ok(Some(999_999_999_999_999_999))
        );
        for malformed in ["", "-1", "+1", " 1", "1.0", "abc", "1000000000000000000"] {
            assert_eq!(read(&[malformed]), Err(400), "{malformed}");
        }
        assert_eq!(read(&["1", "2"]), Err(400));
    }

    #[test]
    fn a_stream_resumes_only_where_nothing_is_missing() {
        let bounds = Bounds {
            forgotten_to: 10,
            last: 20,
        };
        for (seen, position, says_something) in [
            (None, 20, true),
            (Some(9), 20, true),
            (Some(10), 10, false),
            (Some(20), 20, false),
            (Some(21), 20, true),
        ] {
            let (begins, first) = begin(seen, bounds);
            assert_eq!(
                (begins, first.is_some()),
                (position, says_something),
                "{seen:?}"
            );
        }
    }
}
