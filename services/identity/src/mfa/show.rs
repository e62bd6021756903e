//! `GET /auth/mfa`: what one's logins ask for beside the password.

use std::sync::Arc;

use axum::extract::State;
use galen_kernel::Timestamp;
use galen_service::{Answer, Cx, Needs, Outcome, Requires};
use serde::Serialize;
use utoipa::ToSchema;

use super::store::{self, Stored};
use crate::Identity;

/// One's own second factor.
pub(crate) struct ShowMfa;

impl Requires for ShowMfa {
    const NEEDS: Needs = Needs::Anybody;
}

/// What is enrolled.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MfaView {
    /// The authenticator.
    totp: TotpState,
    /// When it was enrolled.
    enrolled_at: Option<Timestamp>,
    /// When its first code was verified.
    verified_at: Option<Timestamp>,
    /// How many backup codes still work.
    #[schema(minimum = 0, maximum = 10)]
    backup_codes_left: i64,
}

/// How far an authenticator is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum TotpState {
    /// There is none.
    None,
    /// No code of it was verified yet, and no login asks for one.
    Pending,
    /// Logins ask for its codes.
    Active,
}

/// Shows the caller's second factor.
#[utoipa::path(
    get,
    path = "/auth/mfa",
    tag = "identity",
    responses((status = 200, description = "What is enrolled", body = MfaView))
)]
pub(crate) async fn show(cx: Cx<ShowMfa>, State(s): State<Arc<Identity>>) -> Outcome {
    let id = cx.principal()?.user_id;
    let stored = store::find(s.db.pool(), id).await?;
    let left = store::backup_codes_left(s.db.pool(), id).await?;
    Ok(Answer::ok(&view(stored.as_ref(), left)))
}

fn view(stored: Option<&Stored>, left: i64) -> MfaView {
    let confirmed = stored.and_then(|stored| stored.confirmed_at);
    MfaView {
        totp: match (stored, confirmed) {
            (None, _) => TotpState::None,
            (Some(_), None) => TotpState::Pending,
            (Some(_), Some(_)) => TotpState::Active,
        },
        enrolled_at: stored.map(|stored| stored.enrolled_at),
        verified_at: confirmed,
        backup_codes_left: left,
    }
}
