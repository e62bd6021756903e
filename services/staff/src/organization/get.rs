//! `GET /organizations/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_service::{Answer, Cx, Needs, Outcome, PathIds, Requires};

use super::model::{OrganizationError, OrganizationId};
use super::register::OrganizationView;
use super::store;
use crate::Staff;

/// One organisation is wanted.
pub struct GetOrganization;

impl Requires for GetOrganization {
    const NEEDS: Needs = Needs::Permission(Permission::StaffRead);
}

/// Shows one organisation.
#[utoipa::path(
    get,
    path = "/organizations/{id}",
    operation_id = "getOrganization",
    tag = "staff",
    params(("id" = uuid::Uuid, Path, description = "The organisation.")),
    responses((status = 200, description = "The organisation.", body = OrganizationView)),
)]
pub async fn get(
    _: Cx<GetOrganization>,
    State(staff): State<Arc<Staff>>,
    PathIds(id): PathIds<OrganizationId>,
) -> Outcome {
    let organization = store::get(staff.db.pool(), id)
        .await?
        .ok_or(OrganizationError::Unknown)?;
    let version = organization.version;
    Ok(Answer::ok(&OrganizationView::from(organization)).version(version))
}
