//! `GET /auth/directory`: whether there is a directory to log in through, for the
//! login page.

use std::sync::Arc;

use axum::extract::State;
use galen_service::{Answer, Cx, Needs, Outcome, Requires};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Identity;

/// The directory.
pub(crate) struct ShowDirectory;

impl Requires for ShowDirectory {
    const NEEDS: Needs = Needs::Nobody;
}

/// The directory, for the login page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DirectoryView {
    /// Whether there is one.
    configured: bool,
    /// What people call it; null when there is none.
    name: Option<String>,
}

/// Shows whether there is a directory to log in through.
#[utoipa::path(
    get,
    path = "/auth/directory",
    tag = "identity",
    security(()),
    responses((status = 200, description = "The directory, if there is one", body = DirectoryView))
)]
pub(crate) async fn show(_: Cx<ShowDirectory>, State(s): State<Arc<Identity>>) -> Outcome {
    let name = s
        .directory
        .as_ref()
        .map(|directory| directory.name().to_owned());
    Ok(Answer::ok(&DirectoryView {
        configured: name.is_some(),
        name,
    }))
}
