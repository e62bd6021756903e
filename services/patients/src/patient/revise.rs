//! Changing what a record says about the person.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_contracts::ids::PatientId;
use galen_contracts::patients::v1::PatientDemographicsChanged;
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, PathIds, Requires};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::AddressBody;
use super::demographics::{Demographics, Sex};
use super::reach::reached_for_update;
use super::reader::Reader;
use super::view::PatientView;
use super::{person, store};
use crate::Patients;
use crate::input::Patch;

/// Changes a patient (RFC 7396): fields that are left out stay, null clears an
/// optional field, an address is replaced as a whole.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevisePatient {
    /// Given names.
    #[serde(default)]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    given_name: Patch<String>,
    /// Family name.
    #[serde(default)]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    family_name: Patch<String>,
    /// Day of birth, 1850-01-01 to today.
    #[serde(default)]
    #[schema(value_type = String, required = false, format = "date")]
    birth_date: Patch<String>,
    /// Administrative sex.
    #[serde(default)]
    #[schema(value_type = Sex, required = false)]
    sex: Patch<Sex>,
    /// Electronic mail.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, max_length = 254, format = "idn-email")]
    email: Patch<String>,
    /// Telephone.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, min_length = 3, max_length = 40, pattern = "^[+()./ -]*([0-9][+()./ -]*){3,20}$")]
    phone: Patch<String>,
    /// Where they live.
    #[serde(default)]
    #[schema(value_type = Option<AddressBody>, required = false)]
    address: Patch<AddressBody>,
    /// Number given by the state.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, min_length = 1, max_length = 64, pattern = "^[ ./-]*[A-Za-z0-9][A-Za-z0-9 ./-]*$")]
    national_id: Patch<String>,
    /// Language tag (BCP 47).
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, min_length = 2, max_length = 35, pattern = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
    language: Patch<String>,
    /// When they died; not before the day of birth and not in the future.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, format = "date-time")]
    deceased_at: Patch<String>,
}

impl Requires for RevisePatient {
    const NEEDS: Needs = Needs::Permission(Permission::PatientWrite);
}

impl RevisePatient {
    /// Whether it touches more than how to reach the person: that takes somebody who
    /// has seen their papers.
    const fn touches_identity(&self) -> bool {
        self.given_name.is_present()
            || self.family_name.is_present()
            || self.birth_date.is_present()
            || self.sex.is_present()
            || self.national_id.is_present()
            || self.deceased_at.is_present()
    }

    /// The person after the change.
    fn apply(self, person: &mut Demographics, reader: &mut Reader<'_>) {
        if let Some(name) = self
            .given_name
            .required(reader.violations, "/givenName")
            .and_then(|text| reader.name("/givenName", &text))
        {
            person.given_name = name;
        }
        if let Some(name) = self
            .family_name
            .required(reader.violations, "/familyName")
            .and_then(|text| reader.name("/familyName", &text))
        {
            person.family_name = name;
        }
        if let Some(day) = self
            .birth_date
            .required(reader.violations, "/birthDate")
            .and_then(|text| reader.birth_date("/birthDate", &text))
        {
            person.birth_date = day;
        }
        if let Some(sex) = self.sex.required(reader.violations, "/sex") {
            person.sex = sex;
        }
        self.email
            .parse(|text| reader.email("/email", &text))
            .apply(&mut person.email);
        self.phone
            .parse(|text| reader.phone("/phone", &text))
            .apply(&mut person.phone);
        self.address
            .parse(|address| reader.address("/address", &address))
            .apply(&mut person.address);
        self.national_id
            .parse(|text| reader.national_id("/nationalId", &text))
            .apply(&mut person.national_id);
        self.language
            .parse(|text| reader.language("/language", &text))
            .apply(&mut person.language);
        self.deceased_at
            .parse(|text| reader.past("/deceasedAt", &text))
            .apply(&mut person.deceased_at);
    }
}

/// Change a patient
///
/// Patients change how to reach them (`email`, `phone`, `address`, `language`); the
/// rest is changed by staff. A change that changes nothing leaves the version as it is.
#[utoipa::path(
    patch,
    path = "/patients/{id}",
    operation_id = "revisePatient",
    tag = "patients",
    params(("id" = uuid::Uuid, Path, description = "Id of the record")),
    request_body = RevisePatient,
    responses((status = 200, description = "Changed.", body = PatientView)),
)]
pub async fn revise(
    cx: Cx<RevisePatient>,
    State(s): State<Arc<Patients>>,
    PathIds(id): PathIds<PatientId>,
    Body(request): Body<RevisePatient>,
) -> Outcome {
    let mut tx = cx.begin(&s.db).await?;
    let mut patient = reached_for_update(&cx, &mut tx, id).await?;
    if matches!(cx.scope(), Scope::Own { .. }) && request.touches_identity() {
        return Err(Problem::forbidden()
            .with_detail("names, birth date, sex, national id and death are recorded by staff")
            .into());
    }
    cx.expect_version(patient.version)?;
    patient.writable()?;

    let before = person::open(&s.vault, &mut tx, &patient).await?;
    let mut after = before.clone();
    let mut violations = Violations::new();
    let mut reader = Reader {
        violations: &mut violations,
        now: cx.now(),
        zone: &s.zone,
        home: s.home.as_ref(),
    };
    request.apply(&mut after.demographics, &mut reader);
    after.demographics.check(&mut violations, &s.zone);
    violations.finish()?;

    let fields = before.demographics.changes(&after.demographics);
    if !fields.is_empty() {
        store::update(&mut tx, &s.vault, &patient, &before, &after).await?;
        tx.publish(&PatientDemographicsChanged {
            patient_id: id.to_string(),
            fields: fields.into_iter().map(str::to_owned).collect(),
        });
        patient = store::find(&mut tx, id)
            .await?
            .ok_or_else(Problem::not_found)?;
    }
    let version = patient.version;
    let view = PatientView::of(patient, after);
    tx.commit(Answer::ok(&view).version(version)).await
}
