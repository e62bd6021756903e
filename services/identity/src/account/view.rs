//! How accounts are shown.

use galen_kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Account;
use crate::role::RoleName;
use crate::role::view::roles_schema;

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
    roles: Vec<RoleName>,
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
            roles: account.roles.iter().cloned().collect(),
            locked: account.lock.is_some(),
            has_password: account.password.is_some(),
            patient_id: account.patient.map(Uuid::from),
            practitioner_id: account.practitioner.map(Uuid::from),
            created_at: account.created_at,
            version: account.version,
        }
    }
}
