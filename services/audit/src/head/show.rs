//! `GET /audit/root`: the latest signed head.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Timestamp};
use galen_service::{Answer, Cx, Needs, Outcome, Requires};
use serde::Serialize;
use utoipa::ToSchema;

use super::store;
use crate::Audit;

/// The latest root.
pub(crate) struct ShowRoot;

impl Requires for ShowRoot {
    const NEEDS: Needs = Needs::Permission(Permission::AuditRead);
}

/// A signed tree head. Keep it: later ones must continue it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RootView {
    /// How many entries it commits to.
    #[schema(minimum = 1)]
    tree_size: u64,
    /// The root of the tree (RFC 6962), in base64.
    root_hash: String,
    /// When it was signed.
    at: Timestamp,
    /// The signed note (C2SP tlog-checkpoint), as it was published.
    note: String,
    /// The key of its signature (C2SP signed-note).
    verifier_key: String,
}

/// The latest signed root; 404 until there is one.
#[utoipa::path(
    get,
    path = "/audit/root",
    responses((status = 200, description = "The root", body = RootView)),
    tag = "audit"
)]
pub(crate) async fn root(_cx: Cx<ShowRoot>, State(audit): State<Arc<Audit>>) -> Outcome {
    let note = store::last(audit.db.pool())
        .await?
        .ok_or_else(Problem::not_found)?;
    let verifier = audit.signer.verifier();
    let head = verifier.read(&note).map_err(Problem::internal)?;
    Ok(Answer::ok(&RootView {
        tree_size: head.size,
        root_hash: head.root.base64(),
        at: head.at,
        note,
        verifier_key: verifier.text(),
    }))
}
