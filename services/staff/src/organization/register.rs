//! `POST /organizations`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Address, Kind, Organization, OrganizationId};
use super::store;
use crate::practitioner::view::{IdentifierView, identifiers};
use crate::{Staff, field};

/// An organisation to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterOrganization {
    /// Its name.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Charles River Community Health"
    )]
    pub name: String,
    /// What it is to the hospital.
    pub kind: Kind,
    /// How to call it.
    #[schema(
        min_length = 1,
        max_length = 40,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "+1 617 783 0500"
    )]
    pub phone: Option<String>,
    /// Where it is.
    pub address: Option<Address>,
    /// What other systems call it; no two organisations share one.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub identifiers: Vec<IdentifierView>,
}

impl Requires for RegisterOrganization {
    const NEEDS: Needs = Needs::Permission(Permission::StaffManage);
}

impl RegisterOrganization {
    fn parse(self, id: OrganizationId) -> Result<Organization, Problem> {
        let mut wrong = Violations::new();
        let address = self.address.map(|address| Address {
            line: field::line(&mut wrong, "/address/line", &address.line, 200),
            city: field::line(&mut wrong, "/address/city", &address.city, 100),
            state: address
                .state
                .map(|state| field::line(&mut wrong, "/address/state", &state, 100)),
            postal_code: address
                .postal_code
                .map(|code| field::line(&mut wrong, "/address/postalCode", &code, 20)),
            country: address
                .country
                .map(|country| field::line(&mut wrong, "/address/country", &country, 100)),
        });
        let organization = Organization {
            id,
            name: field::line(&mut wrong, "/name", &self.name, 200),
            kind: self.kind,
            phone: self
                .phone
                .map(|phone| field::line(&mut wrong, "/phone", &phone, 40)),
            address,
            identifiers: identifiers(&mut wrong, &self.identifiers),
            version: 1,
        };
        wrong.finish()?;
        Ok(organization)
    }
}

/// An organisation.
#[derive(Serialize, ToSchema)]
#[schema(as = Organization)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationView {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it is to the hospital.
    pub kind: Kind,
    /// How to call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// What other systems call it.
    pub identifiers: Vec<IdentifierView>,
    /// For `If-Match`.
    pub version: i64,
}

impl From<Organization> for OrganizationView {
    fn from(organization: Organization) -> Self {
        Self {
            id: organization.id.uuid(),
            name: organization.name,
            kind: organization.kind,
            phone: organization.phone,
            address: organization.address,
            identifiers: organization
                .identifiers
                .into_iter()
                .map(|i| IdentifierView {
                    system: i.system,
                    value: i.value,
                })
                .collect(),
            version: organization.version,
        }
    }
}

/// Registers an organisation.
#[utoipa::path(
    post,
    path = "/organizations",
    operation_id = "registerOrganization",
    tag = "staff",
    request_body = RegisterOrganization,
    responses((status = 201, description = "Registered.", body = OrganizationView)),
)]
pub async fn register(
    cx: Cx<RegisterOrganization>,
    State(staff): State<Arc<Staff>>,
    Body(request): Body<RegisterOrganization>,
) -> Outcome {
    let organization = request.parse(cx.clock().id())?;
    let mut tx = cx.begin(&staff.db).await?;
    store::insert(&mut tx, &organization, cx.now()).await?;
    let location = format!("/api/v1/organizations/{}", organization.id);
    let version = organization.version;
    tx.commit(
        Answer::created(&OrganizationView::from(organization))
            .version(version)
            .location(&location),
    )
    .await
}
