//! `POST` and `DELETE /users/{id}/directory-identity`: an administrator says who of the
//! directory an account belongs to, or that it belongs to nobody of it any more. Whoever
//! may do so could log in as the account, so that they must have shown who they are a
//! moment ago.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::UserId;
use galen_kernel::{Pii, Problem, Timestamp, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Bond, Origin, Subject};
use super::{configured, store};
use crate::session::ending::Ending;
use crate::{Identity, account};

/// Somebody of the directory.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LinkDirectoryIdentity {
    /// What the directory calls them: the claim `sub` of its ID tokens.
    #[schema(value_type = String, min_length = 1, max_length = 255, pattern = "^[ -~]{1,255}$")]
    subject: Pii<String>,
}

impl Requires for LinkDirectoryIdentity {
    const NEEDS: Needs = Needs::Permission(Permission::UserManage);
    const STEP_UP: bool = true;
}

/// Nobody of the directory.
pub(crate) struct UnlinkDirectoryIdentity;

impl Requires for UnlinkDirectoryIdentity {
    const NEEDS: Needs = Needs::Permission(Permission::UserManage);
    const STEP_UP: bool = true;
}

/// Whose an account is in the directory.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DirectoryIdentityView {
    /// The account.
    user_id: Uuid,
    /// The directory.
    issuer: String,
    /// What it calls its owner.
    subject: String,
    /// Since when.
    linked_at: Timestamp,
}

/// Why an account cannot be somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum LinkError {
    /// They have another one.
    #[error("they have another account")]
    Taken,
    /// It is somebody else's.
    #[error("the account belongs to somebody else of the directory")]
    Bound,
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Taken => Self::conflict(
                "DIRECTORY_IDENTITY_TAKEN",
                "They of the directory have an account.",
            ),
            LinkError::Bound => Self::conflict(
                "ACCOUNT_HAS_DIRECTORY_IDENTITY",
                "The account belongs to somebody of the directory.",
            ),
        }
    }
}

/// Lets somebody of the directory log in to an account. Its roles stay as they are.
#[utoipa::path(
    post,
    path = "/users/{id}/directory-identity",
    tag = "identity",
    params(("id" = Uuid, Path, description = "The account")),
    request_body = LinkDirectoryIdentity,
    responses((status = 201, description = "Linked", body = DirectoryIdentityView))
)]
pub(crate) async fn link(
    cx: Cx<LinkDirectoryIdentity>,
    State(s): State<Arc<Identity>>,
    PathIds(id): PathIds<UserId>,
    Body(request): Body<LinkDirectoryIdentity>,
) -> Outcome {
    let mut wrong = Violations::new();
    let subject = Subject::parse(request.subject.expose());
    let subject = wrong.keep("/subject", "INVALID_SUBJECT", subject);
    wrong.finish()?;
    let subject = subject.ok_or_else(|| Problem::internal("neither kept nor refused"))?;
    let issuer = configured(&s)?.issuer();
    let mut tx = cx.begin(&s.db).await?;
    let account = account::store::lock(tx.conn(), id).await?;
    let account = account.ok_or_else(Problem::not_found)?;
    cx.expect_version(account.version)?;
    if store::is_bound(tx.conn(), issuer, id).await? {
        return Err(LinkError::Bound.into());
    }
    let bond = Bond {
        account: id,
        origin: Origin::Linked,
        linked_at: cx.now(),
    };
    if !store::bind(tx.conn(), issuer, &subject, &bond).await? {
        return Err(LinkError::Taken.into());
    }
    let view = DirectoryIdentityView {
        user_id: id.uuid(),
        issuer: issuer.to_owned(),
        subject: subject.as_str().to_owned(),
        linked_at: bond.linked_at,
    };
    tx.commit(Answer::created(&view)).await
}

/// Parts an account from whomever of the directory it belongs to, and ends its sessions.
#[utoipa::path(
    delete,
    path = "/users/{id}/directory-identity",
    tag = "identity",
    params(("id" = Uuid, Path, description = "The account")),
    responses((status = 204, description = "Parted"))
)]
pub(crate) async fn unlink(
    cx: Cx<UnlinkDirectoryIdentity>,
    State(s): State<Arc<Identity>>,
    PathIds(id): PathIds<UserId>,
) -> Outcome {
    let issuer = configured(&s)?.issuer();
    let mut tx = cx.begin(&s.db).await?;
    let account = account::store::lock(tx.conn(), id).await?;
    let account = account.ok_or_else(Problem::not_found)?;
    cx.expect_version(account.version)?;
    if !store::part(tx.conn(), issuer, id).await? {
        return Err(Problem::not_found().into());
    }
    let ending = Ending::all_of(&mut tx, id, cx.now()).await?;
    let answer = tx.commit(Answer::no_content()).await?;
    ending.take_effect(s.keyring.ended());
    Ok(answer)
}
