//! Resolutions, as the API shows them.

use galen_kernel::Timestamp;
use galen_vault::{Keyring, Vault};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Outcome, ResolutionError, Status};
use super::store::{REASON, Row};

/// What somebody found out about a top-up or a payout of which the provider cannot say
/// what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderResolution)]
#[serde(rename_all = "camelCase")]
pub struct ResolutionView {
    /// Its id.
    pub id: Uuid,
    /// The top-up or the payout.
    pub order_id: Uuid,
    /// What became of it.
    pub outcome: Outcome,
    /// Where that is to be seen: a reference of the provider or of the bank.
    pub evidence: String,
    /// How it was found out; absent when whoever it is about was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Who found out.
    pub requested_by: Uuid,
    /// When.
    pub requested_at: Timestamp,
    /// Who agreed or did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Uuid>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// What the provider said later. It moves no money; when it is not `outcome`, somebody
    /// has to look again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_says: Option<Outcome>,
    /// When it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_said_at: Option<Timestamp>,
    /// For `If-Match`.
    pub version: i64,
}

impl ResolutionView {
    /// Shows some, with what is sealed of them.
    ///
    /// # Errors
    /// When the database or the master keys fail.
    pub async fn open_all(
        vault: &Vault,
        db: &mut PgConnection,
        rows: Vec<Row>,
    ) -> Result<Vec<Self>, ResolutionError> {
        let keys = rows.iter().filter_map(|row| row.reason.key_id()).collect();
        let ring = vault.keyring_of(db, keys).await?;
        rows.into_iter().map(|row| Self::open(&ring, row)).collect()
    }

    fn open(ring: &Keyring, row: Row) -> Result<Self, ResolutionError> {
        let it = row.resolution;
        let reason = match ring.open(&REASON, row.subject, it.id, &row.reason) {
            Ok(words) => Some(words.expose().as_str().to_owned()),
            Err(galen_vault::Error::Erased) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            id: it.id.uuid(),
            order_id: it.order,
            outcome: it.outcome,
            evidence: it.evidence.as_str().to_owned(),
            reason,
            status: it.status,
            requested_by: it.requested_by,
            requested_at: it.requested_at,
            decided_by: it.decided.map(|(by, _)| by),
            decided_at: it.decided.map(|(_, at)| at),
            provider_says: it.provider_says.map(|(says, _)| says),
            provider_said_at: it.provider_says.map(|(_, at)| at),
            version: it.version,
        })
    }

    /// Shows one.
    ///
    /// # Errors
    /// When the database or the master keys fail.
    pub async fn open_one(
        vault: &Vault,
        db: &mut PgConnection,
        row: Row,
    ) -> Result<Self, ResolutionError> {
        let mut views = Self::open_all(vault, db, vec![row]).await?;
        Ok(views.pop().expect("one row makes one view"))
    }
}
