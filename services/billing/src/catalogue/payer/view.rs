//! A payer as the API shows it.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Kind, Payer};

/// Who pays for care besides patients.
#[derive(Serialize, ToSchema)]
#[schema(as = Payer)]
#[serde(rename_all = "camelCase")]
pub struct PayerView {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What kind of payer.
    pub kind: Kind,
    /// What it is called in claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// Whether plans of it may be registered.
    pub active: bool,
    /// For `If-Match`.
    pub version: i64,
}

impl From<Payer> for PayerView {
    fn from(payer: Payer) -> Self {
        Self {
            id: payer.id.uuid(),
            name: payer.name,
            kind: payer.kind,
            identifier: payer.identifier,
            active: payer.active,
            version: payer.version,
        }
    }
}
