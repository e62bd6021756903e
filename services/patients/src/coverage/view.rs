//! A coverage as the API shows it.

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::Coverage;

/// A coverage.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Coverage)]
pub struct CoverageView {
    /// Id of the coverage.
    id: Uuid,
    /// The record it was recorded under: after a merge, maybe the retired one.
    patient_id: Uuid,
    /// Code of the plan.
    plan_id: String,
    /// Number of the policy.
    policy_number: String,
    /// Who pays, as on the card.
    payer_name: Option<String>,
    /// First day.
    valid_from: Date,
    /// First day that is no longer covered.
    valid_to: Option<Date>,
    /// 1 pays first.
    priority: i16,
    /// Rises by one per change; also the `ETag`.
    version: i64,
}

impl From<Coverage> for CoverageView {
    fn from(coverage: Coverage) -> Self {
        let Coverage {
            id,
            patient_id,
            terms,
            version,
        } = coverage;
        Self {
            id: id.uuid(),
            patient_id: patient_id.uuid(),
            plan_id: terms.plan_id,
            policy_number: terms.card.policy_number.into(),
            payer_name: terms.card.payer_name.map(String::from),
            valid_from: terms.valid_from,
            valid_to: terms.valid_to,
            priority: terms.priority,
            version,
        }
    }
}
