//! A practitioner as the API shows one, and who may see which part.

use galen_access::{Permission, Principal};
use galen_contracts::ids::PractitionerId;
use galen_kernel::{Pii, Violations};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Identifier, Practitioner};
use crate::field;

/// A number that another system knows a practitioner by.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PractitionerIdentifier)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentifierView {
    /// Who gave the number: a URI or another agreed name.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "http://hl7.org/fhir/sid/us-npi"
    )]
    pub system: String,
    /// The number.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "9999990399"
    )]
    pub value: String,
}

/// A practitioner.
#[derive(Serialize, ToSchema)]
#[schema(as = Practitioner)]
#[serde(rename_all = "camelCase")]
pub struct PractitionerView {
    /// Its id.
    pub id: Uuid,
    /// Given name.
    #[schema(example = "Ada")]
    pub given_name: String,
    /// Family name.
    #[schema(example = "Yılmaz")]
    pub family_name: String,
    /// Work address; shown to those who manage staff and to the practitioner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "email")]
    pub email: Option<String>,
    /// What they practise.
    #[schema(example = "Cardiology")]
    pub specialty: String,
    /// Licence to practise; shown to those who manage staff and to the practitioner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_number: Option<String>,
    /// Where they belong.
    #[schema(example = "Heart centre")]
    pub department: String,
    /// The linked account; shown to those who manage staff and to the practitioner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// What other systems call them.
    pub identifiers: Vec<IdentifierView>,
    /// Still practises here.
    pub active: bool,
    /// For `If-Match`.
    pub version: i64,
}

/// Whether a caller sees licence, address and account of a practitioner.
fn sees_all(caller: &Principal, id: PractitionerId) -> bool {
    caller.may(Permission::StaffManage) || caller.practitioner_id == Some(id)
}

impl PractitionerView {
    /// What `caller` may see of a practitioner.
    #[must_use]
    pub fn of(practitioner: Practitioner, caller: &Principal) -> Self {
        let all = sees_all(caller, practitioner.id);
        let profile = practitioner.profile;
        Self {
            id: practitioner.id.uuid(),
            given_name: profile.given_name.into_inner(),
            family_name: profile.family_name.into_inner(),
            email: profile.email.filter(|_| all).map(Pii::into_inner),
            specialty: profile.specialty,
            license_number: all.then(|| profile.license_number.into_inner()),
            department: profile.department,
            user_id: profile.user_id.filter(|_| all).map(|id| id.uuid()),
            identifiers: profile
                .identifiers
                .into_iter()
                .map(|i| IdentifierView {
                    system: i.system,
                    value: i.value,
                })
                .collect(),
            active: practitioner.active,
            version: practitioner.version,
        }
    }
}

/// The identifiers of a request, checked and in order.
pub(crate) fn identifiers(wrong: &mut Violations, given: &[IdentifierView]) -> Vec<Identifier> {
    wrong.require(
        given.len() <= 20,
        "/identifiers",
        "TOO_MANY",
        "must have at most 20 items",
    );
    let mut identifiers: Vec<Identifier> = given
        .iter()
        .enumerate()
        .map(|(at, identifier)| Identifier {
            system: field::line(
                wrong,
                &format!("/identifiers/{at}/system"),
                &identifier.system,
                255,
            ),
            value: field::line(
                wrong,
                &format!("/identifiers/{at}/value"),
                &identifier.value,
                255,
            ),
        })
        .collect();
    field::distinct(wrong, "/identifiers", &identifiers);
    identifiers.sort();
    identifiers
}
