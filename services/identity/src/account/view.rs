//! How accounts and roles are shown, and how their schema describes them.

use galen_access::{Permission, Role};
use galen_kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, Type};
use uuid::Uuid;

use super::Account;

/// An account, for those who manage them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView {
    /// Identity.
    id: Uuid,
    /// Login name, normalised.
    username: String,
    /// Where its owner is reached; patients are reached through their record.
    email: Option<String>,
    /// What it may.
    #[schema(schema_with = roles_schema)]
    roles: Vec<Role>,
    /// Locked accounts cannot log in.
    locked: bool,
    /// False until its owner has chosen a password.
    has_password: bool,
    /// The medical record it belongs to.
    patient_id: Option<Uuid>,
    /// The practitioner it belongs to.
    practitioner_id: Option<Uuid>,
    /// When it was made.
    created_at: Timestamp,
    /// As in the `ETag`.
    version: i64,
}

impl From<&Account> for UserView {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.uuid(),
            username: account.username.as_str().to_owned(),
            email: account
                .email
                .as_ref()
                .map(|email| email.as_str().to_owned()),
            roles: account.roles.iter().collect(),
            locked: account.lock.is_some(),
            has_password: account.password.is_some(),
            patient_id: account.patient.map(Uuid::from),
            practitioner_id: account.practitioner.map(Uuid::from),
            created_at: account.created_at,
            version: account.version,
        }
    }
}

/// The schema of one role.
pub(crate) fn role_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A role."))
        .enum_values(Some(Role::ALL.iter().map(|role| role.name())))
        .build()
}

/// The schema of an account's roles.
pub(crate) fn roles_schema() -> Array {
    ArrayBuilder::new()
        .description(Some("The roles of the account."))
        .items(role_schema())
        .min_items(Some(1))
        .build()
}

/// The schema of one permission.
pub(crate) fn permission_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(
            Permission::ALL.iter().map(|permission| permission.name()),
        ))
        .build()
}
