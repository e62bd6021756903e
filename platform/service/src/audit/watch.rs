//! Wraps the routes of a service: nothing that must be written down leaves before
//! it is.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use galen_kernel::Clock;

use super::note::{Ending, location};
use super::{Note, Recorder, shown};
use crate::outcome::{Halt, IDEMPOTENCY_REPLAYED};

/// The document that an answer shows; stays inside.
#[derive(Clone)]
pub(crate) struct Shown(pub(crate) Bytes);

/// The code of a refusal, and whether it shows more than that; stays inside.
#[derive(Clone, Copy)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) shows: bool,
}

/// Puts a watch on routes.
pub(crate) fn watched(routes: Router, recorder: Recorder, clock: Clock) -> Router {
    if !routes.has_routes() {
        return routes;
    }
    routes.route_layer(from_fn_with_state((recorder, clock), watch))
}

async fn watch(
    State((recorder, clock)): State<(Recorder, Clock)>,
    mut request: Request,
    next: Next,
) -> Response {
    let note = Arc::new(Note::new(recorder, clock, &request));
    request.extensions_mut().insert(Arc::clone(&note));
    let mut response = next.run(request).await;
    let document = response.extensions_mut().remove::<Shown>();
    let Some(mut entry) = note.of_answer(ending(&response)) else {
        return response;
    };
    if let Some(Shown(document)) = document {
        shown::name(&mut entry, &document);
    }
    match note.recorder().record(entry).await {
        Ok(()) => response,
        Err(problem) => Halt::from(problem).into_response(),
    }
}

fn ending(response: &Response) -> Ending<'_> {
    let refusal = response.extensions().get::<Refusal>();
    Ending {
        status: response.status(),
        code: refusal.map(|refusal| refusal.code),
        shows: refusal.is_some_and(|refusal| refusal.shows),
        location: location(response.headers()),
        replayed: response.headers().contains_key(IDEMPOTENCY_REPLAYED),
    }
}
