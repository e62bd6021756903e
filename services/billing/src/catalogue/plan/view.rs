//! Plans and their versions as the API shows them.

use galen_kernel::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{CataloguePlan, PlanVersion};
use crate::plan::Plan;
use crate::plan::vector::Vector;

/// A plan: what its versions have in common.
#[derive(Serialize, ToSchema)]
#[schema(as = Plan)]
#[serde(rename_all = "camelCase")]
pub struct PlanView {
    /// As coverages name it.
    pub id: String,
    /// Who has it.
    pub payer_id: Uuid,
    /// Its name.
    pub name: String,
    /// Its last version; null until there is one.
    #[schema(required = true)]
    pub last_version: Option<u32>,
}

/// A version of a plan, which never changes.
#[derive(Serialize, ToSchema)]
#[schema(as = PlanVersion)]
#[serde(rename_all = "camelCase")]
pub struct PlanVersionView {
    /// The plan.
    pub plan_id: String,
    /// Which version.
    pub version: u32,
    /// First day on which it is in force.
    pub valid_from: Date,
    /// First day of the next version; null: there is none.
    #[schema(required = true)]
    pub valid_to: Option<Date>,
    /// What it says.
    pub plan: Plan,
    /// The examples that it was checked with.
    pub vectors: Vec<Vector>,
    /// When it was published.
    pub published_at: Timestamp,
    /// The account that published it.
    pub published_by: Uuid,
}

impl From<CataloguePlan> for PlanView {
    fn from(plan: CataloguePlan) -> Self {
        Self {
            id: plan.id,
            payer_id: plan.payer.uuid(),
            name: plan.name,
            last_version: plan.last,
        }
    }
}

impl From<PlanVersion> for PlanVersionView {
    fn from(version: PlanVersion) -> Self {
        Self {
            plan_id: version.plan.id.clone(),
            version: version.plan.version,
            valid_from: version.valid_from,
            valid_to: version.valid_to,
            plan: version.plan,
            vectors: version.vectors,
            published_at: version.published_at,
            published_by: version.published_by,
        }
    }
}
