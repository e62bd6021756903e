//! `GET /auth/sessions`: where one is logged in.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use galen_access::Method;
use galen_contracts::ids::SessionId;
use galen_kernel::{Cursor, Page, Timestamp, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::model::Session;
use super::store;
use crate::Identity;
use crate::client::{self, ClientId};

/// One's own sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListSessions {
    /// Items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

impl Requires for ListSessions {
    const NEEDS: Needs = Needs::Anybody;
}

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionView {
    /// Identity.
    id: Uuid,
    /// When it was logged in.
    created_at: Timestamp,
    /// When its owner last showed who they are.
    authenticated_at: Timestamp,
    /// How (RFC 8176): `pwd`, `otp`, `hwk`, `mail` (a link), `fed` (the directory).
    #[schema(schema_with = methods_schema)]
    methods: Vec<&'static str>,
    /// When its tokens were last renewed.
    last_used_at: Timestamp,
    /// When it ends unless it is used.
    expires_at: Timestamp,
    /// What the browser calls itself.
    user_agent: Option<String>,
    /// Where it was logged in from.
    address: Option<String>,
    /// The application that was logged in to; null for Galen itself.
    application: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

fn methods_schema() -> Array {
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Method::ALL.iter().map(|method| method.name())));
    ArrayBuilder::new().items(name).min_items(Some(1)).build()
}

/// Lists the caller's sessions that have not ended.
#[utoipa::path(
    get,
    path = "/auth/sessions",
    tag = "identity",
    params(ListSessions),
    responses((status = 200, description = "One page of sessions", body = PageView<SessionView>))
)]
pub(crate) async fn list(
    cx: Cx<ListSessions>,
    State(s): State<Arc<Identity>>,
    Params(query): Params<ListSessions>,
) -> Outcome {
    let principal = cx.principal()?;
    let limit = page::limit(query.limit)?;
    let after = query
        .cursor
        .as_deref()
        .map(Cursor::decode::<SessionId>)
        .transpose()?;
    let sessions = store::list(s.db.pool(), principal.user_id, cx.now(), after, limit).await?;
    let page = Page::from_rows(sessions, limit, |session| session.id);
    let clients = page.items.iter().filter_map(Session::client).collect();
    let names = client::store::names(s.db.pool(), clients).await?;
    Ok(Answer::ok(&PageView::from(page.map(|session| {
        view(session, &names, principal.session_id)
    }))))
}

fn view(session: Session, names: &HashMap<ClientId, String>, current: SessionId) -> SessionView {
    SessionView {
        id: session.id.uuid(),
        created_at: session.created_at,
        authenticated_at: session.authentication.at,
        methods: session
            .authentication
            .methods
            .iter()
            .map(|m| m.name())
            .collect(),
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
        user_agent: session.user_agent,
        address: session.address.map(|address| address.expose().to_string()),
        application: session
            .delegation
            .and_then(|given| names.get(&given.client).cloned()),
        current: session.id == current,
    }
}
