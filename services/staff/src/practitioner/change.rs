//! `PATCH /practitioners/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::{PractitionerId, UserId};
use galen_eventing::Publish as _;
use galen_kernel::{Pii, Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::Change;
use super::store;
use super::view::{IdentifierView, PractitionerView, identifiers};
use crate::{Staff, field};

/// What is to be different about a practitioner (RFC 7396): a field left out stays
/// as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangePractitioner {
    /// Given name.
    #[serde(default, deserialize_with = "field::present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(default, deserialize_with = "field::present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    pub family_name: Option<String>,
    /// Work address; null removes it.
    #[serde(default, deserialize_with = "field::present")]
    #[schema(value_type = Option<String>, max_length = 254, format = "email")]
    pub email: Option<Option<String>>,
    /// What they practise.
    #[serde(default, deserialize_with = "field::present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    pub specialty: Option<String>,
    /// Licence to practise.
    #[serde(default, deserialize_with = "field::present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    pub license_number: Option<String>,
    /// Where they belong.
    #[serde(default, deserialize_with = "field::present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    pub department: Option<String>,
    /// The account they log in with; null unlinks it.
    #[serde(default, deserialize_with = "field::present")]
    #[schema(value_type = Option<Uuid>)]
    pub user_id: Option<Option<Uuid>>,
    /// All identifiers there are to be.
    #[serde(default, deserialize_with = "field::present")]
    #[schema(value_type = Vec<IdentifierView>, required = false, max_items = 20)]
    pub identifiers: Option<Vec<IdentifierView>>,
}

impl Requires for ChangePractitioner {
    const NEEDS: Needs = Needs::Permission(Permission::StaffManage);
}

impl ChangePractitioner {
    fn parse(self) -> Result<Change, Problem> {
        let mut wrong = Violations::new();
        let change = Change {
            given_name: self
                .given_name
                .map(|name| Pii::new(field::line(&mut wrong, "/givenName", &name, 100))),
            family_name: self
                .family_name
                .map(|name| Pii::new(field::line(&mut wrong, "/familyName", &name, 100))),
            email: self.email.map(|email| {
                email.map(|email| Pii::new(field::email(&mut wrong, "/email", &email)))
            }),
            specialty: self
                .specialty
                .map(|specialty| field::line(&mut wrong, "/specialty", &specialty, 100)),
            license_number: self
                .license_number
                .map(|number| Pii::new(field::line(&mut wrong, "/licenseNumber", &number, 64))),
            department: self
                .department
                .map(|department| field::line(&mut wrong, "/department", &department, 200)),
            user_id: self.user_id.map(|id| id.map(UserId::from_uuid)),
            identifiers: self
                .identifiers
                .map(|given| identifiers(&mut wrong, &given)),
        };
        wrong.finish()?;
        Ok(change)
    }
}

/// Changes a practitioner; a change that changes nothing is answered, not recorded.
#[utoipa::path(
    patch,
    path = "/practitioners/{id}",
    operation_id = "changePractitioner",
    tag = "staff",
    params(("id" = Uuid, Path, description = "The practitioner.")),
    request_body = ChangePractitioner,
    responses((status = 200, description = "The practitioner as it now is.", body = PractitionerView)),
)]
pub async fn change(
    cx: Cx<ChangePractitioner>,
    State(staff): State<Arc<Staff>>,
    PathIds(id): PathIds<PractitionerId>,
    Body(request): Body<ChangePractitioner>,
) -> Outcome {
    let change = request.parse()?;
    let mut tx = cx.begin(&staff.db).await?;
    let before = store::get_for_change(&mut tx, id).await?;
    cx.expect_version(before.version)?;
    let after = match before.change(change) {
        Some(after) => {
            store::update(&mut tx, &before, &after).await?;
            if before.profile.differs_for_others(&after.profile) {
                tx.publish(&after.changed());
            }
            after
        }
        None => before,
    };
    let version = after.version;
    let view = PractitionerView::of(after, cx.principal()?);
    tx.commit(Answer::ok(&view).version(version)).await
}
