//! Adding a coverage.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::CoverageChanged;
use galen_eventing::Publish as _;
use galen_kernel::{Text, Violations, text};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Card, Coverage, CoverageTerms, LAST_PRIORITY};
use super::store;
use super::view::CoverageView;
use crate::patient::reach::reached;
use crate::{Patients, input};

/// Adds a coverage.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddCoverage {
    /// Code of the plan.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[A-Za-z0-9][A-Za-z0-9._:-]*$",
        examples("90001")
    )]
    pub plan_id: String,
    /// Number of the policy.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("A-123456")
    )]
    pub policy_number: String,
    /// Who pays, as on the card.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Aetna")
    )]
    pub payer_name: Option<String>,
    /// First day, 1850-01-01 at the earliest.
    #[schema(format = "date", examples("2026-01-01"))]
    pub valid_from: String,
    /// First day that is no longer covered; open when left out.
    #[schema(format = "date")]
    pub valid_to: Option<String>,
    /// 1 pays first; unique among the patient's coverages at any time.
    #[schema(minimum = 1, maximum = 99)]
    pub priority: i16,
}

impl Requires for AddCoverage {
    const NEEDS: Needs = Needs::Permission(Permission::PatientWrite);
}

impl AddCoverage {
    /// Reads the terms; `pointer` is where they stand in the request.
    pub fn read(&self, violations: &mut Violations, pointer: &str) -> Option<CoverageTerms> {
        let at = |field: &str| format!("{pointer}/{field}");
        let plan_id = text::line(violations, &at("planId"), &self.plan_id, 64);
        let coded = |id: &str| {
            id.starts_with(|c: char| c.is_ascii_alphanumeric())
                && id
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-'))
        };
        violations.require(
            plan_id.as_deref().is_none_or(coded),
            &at("planId"),
            "INVALID_CODE",
            "must be made of letters, digits and . _ : -",
        );
        let policy_number = Text::line(violations, &at("policyNumber"), &self.policy_number);
        let payer_name = self
            .payer_name
            .as_ref()
            .and_then(|text| Text::line(violations, &at("payerName"), text));
        let valid_from = input::day(
            violations,
            &at("validFrom"),
            &self.valid_from,
            input::EARLIEST,
            input::LATEST,
        );
        let valid_to = self.valid_to.as_ref().and_then(|text| {
            input::day(
                violations,
                &at("validTo"),
                text,
                input::EARLIEST,
                input::LATEST,
            )
        });
        let ranked = (1..=LAST_PRIORITY).contains(&self.priority);
        violations.require(ranked, &at("priority"), "OUT_OF_RANGE", "must be 1 to 99");
        let terms = CoverageTerms {
            plan_id: plan_id?,
            card: Card {
                policy_number: policy_number?,
                payer_name,
            },
            valid_from: valid_from?,
            valid_to,
            priority: self.priority,
        };
        terms.check(violations, pointer);
        Some(terms)
    }
}

/// Add a coverage
///
/// Validity is half-open: `validTo` is the first day that is no longer covered.
#[utoipa::path(
    post,
    path = "/patients/{id}/coverages",
    operation_id = "addCoverage",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the record")),
    request_body = AddCoverage,
    responses((status = 201, description = "Added.", body = CoverageView)),
)]
pub async fn add(
    cx: Cx<AddCoverage>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Body(request): Body<AddCoverage>,
) -> Outcome {
    let mut violations = Violations::new();
    let terms = request.read(&mut violations, "");
    violations.finish()?;

    let mut tx = cx.begin(&s.db).await?;
    reached(&cx, &mut tx, id).await?.writable()?;
    let terms = terms.ok_or_else(|| {
        galen_kernel::Problem::internal("a field was refused without a violation")
    })?;
    let coverage = Coverage {
        id: cx.clock().id(),
        patient_id: id,
        terms,
        version: 1,
    };
    store::insert(
        &s.vault,
        &mut tx,
        coverage.id,
        id,
        &coverage.terms,
        cx.now(),
    )
    .await?;
    tx.publish(&CoverageChanged {
        patient_id: id.to_string(),
        coverage_id: coverage.id.to_string(),
        plan_id: coverage.terms.plan_id.clone(),
    });
    let version = coverage.version;
    tx.commit(Answer::created(&CoverageView::from(coverage)).version(version))
        .await
}
