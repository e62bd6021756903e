//! `POST /payers`.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Kind, Payer, PayerId};
use super::store;
use super::view::PayerView;
use crate::{Billing, field};

/// A payer to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterPayer {
    /// Its name.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "General Health Insurance"
    )]
    pub name: String,
    /// What kind of payer.
    pub kind: Kind,
    /// What it is called in claims, such as an institution number; no two share one.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub identifier: Option<String>,
}

impl Requires for RegisterPayer {
    const NEEDS: Needs = Needs::Permission(Permission::CatalogueManage);
}

impl RegisterPayer {
    fn parse(self, id: PayerId) -> Result<Payer, Problem> {
        let mut wrong = Violations::new();
        let payer = Payer {
            id,
            name: field::line(&mut wrong, "/name", &self.name, 200),
            kind: self.kind,
            identifier: self
                .identifier
                .map(|identifier| field::line(&mut wrong, "/identifier", &identifier, 64)),
            active: true,
            version: 1,
        };
        wrong.finish()?;
        Ok(payer)
    }
}

/// Registers a payer.
#[utoipa::path(
    post,
    path = "/payers",
    operation_id = "registerPayer",
    tag = "billing",
    request_body = RegisterPayer,
    responses((status = 201, description = "Registered.", body = PayerView)),
)]
pub async fn register(
    cx: Cx<RegisterPayer>,
    State(billing): State<Arc<Billing>>,
    Body(request): Body<RegisterPayer>,
) -> Outcome {
    let payer = request.parse(cx.clock().id())?;
    cx.about("payers", payer.id);
    let mut tx = cx.begin(&billing.db).await?;
    store::insert(&mut tx, &payer, cx.now()).await?;
    let location = format!("/api/v1/payers/{}", payer.id);
    let answer = Answer::created(&PayerView::from(payer)).version(1);
    tx.commit(answer.location(&location)).await
}
