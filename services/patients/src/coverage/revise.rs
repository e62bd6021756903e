//! Ending and correcting a coverage.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::CoverageChanged;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Text, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{CoverageId, CoverageTerms, LAST_PRIORITY};
use super::store;
use super::view::CoverageView;
use crate::Patients;
use crate::input::{self, Patch};
use crate::patient::reach::reached;

/// Changes a coverage (RFC 7396). Plan and first day are what it is: another plan is
/// another coverage.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviseCoverage {
    /// Number of the policy.
    #[serde(default)]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    policy_number: Patch<String>,
    /// Who pays, as on the card.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    payer_name: Patch<String>,
    /// First day that is no longer covered; null reopens it, the first day takes the
    /// coverage back.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, format = "date")]
    valid_to: Patch<String>,
    /// 1 pays first.
    #[serde(default)]
    #[schema(value_type = i16, required = false, minimum = 1, maximum = 99)]
    priority: Patch<i16>,
}

impl Requires for ReviseCoverage {
    const NEEDS: Needs = Needs::Permission(Permission::PatientWrite);
}

impl ReviseCoverage {
    fn apply(self, terms: &mut CoverageTerms, violations: &mut Violations) {
        let policy_number = self.policy_number.required(violations, "/policyNumber");
        if let Some(number) =
            policy_number.and_then(|text| Text::line(violations, "/policyNumber", &text))
        {
            terms.card.policy_number = number;
        }
        if let Some(priority) = self.priority.required(violations, "/priority") {
            violations.require(
                (1..=LAST_PRIORITY).contains(&priority),
                "/priority",
                "OUT_OF_RANGE",
                "must be 1 to 99",
            );
            terms.priority = priority;
        }
        self.payer_name
            .parse(|text| Text::line(violations, "/payerName", &text))
            .apply(&mut terms.card.payer_name);
        self.valid_to
            .parse(|text| {
                input::day(
                    violations,
                    "/validTo",
                    &text,
                    input::EARLIEST,
                    input::LATEST,
                )
            })
            .apply(&mut terms.valid_to);
        terms.check(violations, "");
    }
}

/// End or correct a coverage
#[utoipa::path(
    patch,
    path = "/patients/{id}/coverages/{coverageId}",
    operation_id = "reviseCoverage",
    tag = "patients",
    params(
        ("id" = uuid::Uuid, Path, description = "Id of the record"),
        ("coverageId" = uuid::Uuid, Path, description = "Id of the coverage"),
    ),
    request_body = ReviseCoverage,
    responses((status = 200, description = "Changed.", body = CoverageView)),
)]
pub async fn revise(
    cx: Cx<ReviseCoverage>,
    State(s): State<Arc<Patients>>,
    PathIds((id, coverage_id)): PathIds<(PatientId, CoverageId)>,
    Body(request): Body<ReviseCoverage>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    reached(&cx, &mut tx, id).await?.writable()?;
    let mut coverage = store::find_for_update(&s.vault, &mut tx, id, coverage_id)
        .await?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(coverage.version)?;
    let before = coverage.terms.clone();
    let mut violations = Violations::new();
    request.apply(&mut coverage.terms, &mut violations);
    violations.finish()?;
    if coverage.terms != before {
        store::update(&s.vault, &mut tx, &coverage).await?;
        coverage.version += 1;
        tx.publish(&CoverageChanged {
            patient_id: coverage.patient_id.to_string(),
            coverage_id: coverage.id.to_string(),
            plan_id: coverage.terms.plan_id.clone(),
        });
    }
    let version = coverage.version;
    tx.commit(Answer::ok(&CoverageView::from(coverage)).version(version))
        .await
}
