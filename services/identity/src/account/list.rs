//! `GET /users`: all accounts, for those who manage them.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::UserId;
use galen_kernel::{Cursor, Page, Problem, Violations, page};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use serde::Deserialize;
use utoipa::IntoParams;

use super::store::{self, Filter};
use super::username;
use super::view::UserView;
use crate::Identity;
use crate::role::RoleName;
use crate::role::view::role_schema;

/// Which accounts.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListUsers {
    /// Beginning of the login name; case does not matter.
    #[param(min_length = 1, max_length = 64, pattern = "^[!-~]{1,64}$")]
    username: Option<String>,
    /// Has this role.
    #[param(schema_with = role_schema, required = false)]
    role: Option<RoleName>,
    /// Is locked, or is not.
    locked: Option<bool>,
    /// Items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

impl Requires for ListUsers {
    const NEEDS: Needs = Needs::Permission(Permission::UserRead);
}

/// Lists accounts, oldest first.
#[utoipa::path(
    get,
    path = "/users",
    tag = "identity",
    params(ListUsers),
    responses((status = 200, description = "One page of accounts", body = PageView<UserView>))
)]
pub(crate) async fn list(
    _cx: Cx<ListUsers>,
    State(s): State<Arc<Identity>>,
    Params(query): Params<ListUsers>,
) -> Outcome {
    let limit = page::limit(query.limit)?;
    let after = query
        .cursor
        .as_deref()
        .map(Cursor::decode::<UserId>)
        .transpose()?;
    let filter = filter(&query)?;
    let accounts = store::list(s.db.pool(), &filter, after, limit).await?;
    let page = Page::from_rows(accounts, limit, |account| account.id)
        .map(|account| UserView::from(&account));
    Ok(Answer::ok(&PageView::from(page)))
}

fn filter(query: &ListUsers) -> Result<Filter, Problem> {
    let mut wrong = Violations::new();
    let username = query.username.as_ref().map(|text| text.to_lowercase());
    if let Some(text) = &username {
        let visible = text.chars().all(|c| c.is_ascii_graphic())
            && (1..=username::LONGEST).contains(&text.len());
        wrong.require(
            visible,
            "?username",
            "INVALID_CHARACTER",
            "must be the beginning of a user name",
        );
    }
    wrong.finish()?;
    Ok(Filter {
        username,
        role: query.role.clone(),
        locked: query.locked,
    })
}
