//! `POST /plans`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::CataloguePlan;
use super::store;
use super::view::PlanView;
use crate::catalogue::PayerId;
use crate::plan::validate::is_name;
use crate::{Billing, field};

/// A plan to be registered; what it pays is said by its versions.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterPlan {
    /// As coverages name it.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", example = "general-80")]
    pub id: String,
    /// Who has it.
    pub payer_id: Uuid,
    /// Its name.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "General, 80 percent"
    )]
    pub name: String,
}

impl Requires for RegisterPlan {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueManage);
}

impl RegisterPlan {
    fn parse(self) -> Result<CataloguePlan, Problem> {
        let mut wrong = Violations::new();
        let message = "must be 1 to 64 letters, digits, dots, hyphens and underscores";
        wrong.require(is_name(&self.id), "/id", "INVALID_CODE", message);
        let name = field::line(&mut wrong, "/name", &self.name, 200);
        wrong.finish()?;
        Ok(CataloguePlan {
            id: self.id,
            payer: PayerId::from_uuid(self.payer_id),
            name,
            last: None,
        })
    }
}

/// Registers a plan.
#[utoipa::path(
    post,
    path = "/plans",
    operation_id = "registerPlan",
    tag = "billing",
    request_body = RegisterPlan,
    responses((status = 201, description = "Registered.", body = PlanView)),
)]
pub async fn register(
    cx: Cx<RegisterPlan>,
    State(billing): State<Arc<Billing>>,
    Body(request): Body<RegisterPlan>,
) -> Outcome {
    let plan = request.parse()?;
    cx.about("plans", &plan.id);
    let mut tx = cx.begin(&billing.db).await?;
    store::insert(&mut tx, &plan, cx.now()).await?;
    let location = format!("/api/v1/plans/{}", plan.id);
    tx.commit(Answer::created(&PlanView::from(plan)).location(&location))
        .await
}
