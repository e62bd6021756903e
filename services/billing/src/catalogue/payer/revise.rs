//! `PATCH /payers/{id}`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Payer, PayerError, PayerId};
use super::store;
use super::view::PayerView;
use crate::{Billing, field};

/// What is to be different about a payer (RFC 7396): a field left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevisePayer {
    /// Its name.
    #[serde(default, deserialize_with = "field::present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    pub name: Option<String>,
    /// What it is called in claims; null removes it.
    #[serde(default, deserialize_with = "field::present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    pub identifier: Option<Option<String>>,
    /// Whether plans of it may be registered. What there is stays in force.
    #[serde(default, deserialize_with = "field::present")]
    #[schema(value_type = bool, required = false)]
    pub active: Option<bool>,
}

impl Requires for RevisePayer {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueManage);
}

impl RevisePayer {
    fn apply(self, payer: &mut Payer) -> Result<(), Problem> {
        let mut wrong = Violations::new();
        if let Some(name) = self.name {
            payer.name = field::line(&mut wrong, "/name", &name, 200);
        }
        if let Some(identifier) = self.identifier {
            payer.identifier = identifier
                .map(|identifier| field::line(&mut wrong, "/identifier", &identifier, 64));
        }
        if let Some(active) = self.active {
            payer.active = active;
        }
        wrong.finish()
    }
}

/// Changes a payer.
#[utoipa::path(
    patch,
    path = "/payers/{id}",
    operation_id = "revisePayer",
    tag = "billing",
    params(("id" = uuid::Uuid, Path, description = "The payer.")),
    request_body = RevisePayer,
    responses((status = 200, description = "Changed.", body = PayerView)),
)]
pub async fn revise(
    cx: Cx<RevisePayer>,
    State(billing): State<Arc<Billing>>,
    PathIds(id): PathIds<PayerId>,
    Body(request): Body<RevisePayer>,
) -> Outcome {
    let mut tx = cx.begin(&billing.db).await?;
    let mut payer = store::get_for_update(&mut tx, id)
        .await?
        .ok_or(PayerError::Unknown)?;
    cx.expect_version(payer.version)?;
    let before = payer.clone();
    request.apply(&mut payer)?;
    if payer != before {
        store::update(&mut tx, &payer).await?;
        payer.version += 1;
    }
    let version = payer.version;
    tx.commit(Answer::ok(&PayerView::from(payer)).version(version))
        .await
}
