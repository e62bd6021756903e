//! `POST /practitioners`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::UserId;
use galen_eventing::Publish as _;
use galen_kernel::{Pii, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Practitioner, Profile};
use super::store;
use super::view::{IdentifierView, PractitionerView, identifiers};
use crate::{Staff, field};

/// A practitioner to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterPractitioner {
    /// Given name.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Ada"
    )]
    pub given_name: String,
    /// Family name.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Yılmaz"
    )]
    pub family_name: String,
    /// Work address.
    #[schema(max_length = 254, format = "email", example = "ada.yilmaz@example.org")]
    pub email: Option<String>,
    /// What they practise.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Cardiology"
    )]
    pub specialty: String,
    /// Licence to practise; no two practitioners have the same.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "TR-34-10042"
    )]
    pub license_number: String,
    /// Where they belong.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Heart centre"
    )]
    pub department: String,
    /// The account they log in with; belongs to one practitioner at most.
    pub user_id: Option<Uuid>,
    /// What other systems call them; no two practitioners share one.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub identifiers: Vec<IdentifierView>,
}

impl Requires for RegisterPractitioner {
    const NEEDS: Needs = Needs::Permission(Permission::StaffManage);
}

impl RegisterPractitioner {
    fn parse(self) -> Result<Profile, Problem> {
        let mut wrong = Violations::new();
        let profile = Profile {
            given_name: Pii::new(field::line(&mut wrong, "/givenName", &self.given_name, 100)),
            family_name: Pii::new(field::line(
                &mut wrong,
                "/familyName",
                &self.family_name,
                100,
            )),
            email: self
                .email
                .map(|email| Pii::new(field::email(&mut wrong, "/email", &email))),
            specialty: field::line(&mut wrong, "/specialty", &self.specialty, 100),
            license_number: Pii::new(field::line(
                &mut wrong,
                "/licenseNumber",
                &self.license_number,
                64,
            )),
            department: field::line(&mut wrong, "/department", &self.department, 200),
            user_id: self.user_id.map(UserId::from_uuid),
            identifiers: identifiers(&mut wrong, &self.identifiers),
        };
        wrong.finish()?;
        Ok(profile)
    }
}

/// Registers a practitioner.
#[utoipa::path(
    post,
    path = "/practitioners",
    operation_id = "registerPractitioner",
    tag = "staff",
    request_body = RegisterPractitioner,
    responses((status = 201, description = "Registered.", body = PractitionerView)),
)]
pub async fn register(
    cx: Cx<RegisterPractitioner>,
    State(staff): State<Arc<Staff>>,
    Body(request): Body<RegisterPractitioner>,
) -> Outcome {
    let profile = request.parse()?;
    let practitioner = Practitioner {
        id: cx.clock().id(),
        profile,
        active: true,
        version: 1,
    };
    let mut tx = cx.begin(&staff.db).await?;
    store::insert(&mut tx, &practitioner, cx.now()).await?;
    tx.publish(&practitioner.registered());
    let location = format!("/api/v1/practitioners/{}", practitioner.id);
    let version = practitioner.version;
    let view = PractitionerView::of(practitioner, cx.principal()?);
    tx.commit(Answer::created(&view).version(version).location(&location))
        .await
}
