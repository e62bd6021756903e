//! Registering a person: the one way a record comes into being.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Principal, Scope};
use galen_contracts::patients::v1::{CoverageChanged, PatientRegistered};
use galen_eventing::Publish as _;
use galen_kernel::{Problem, Violations};
use galen_service::{Answer, Body, Cx, Needs, Outcome, Params, Requires};
use galen_storage::{Error, Tx};
use galen_vault::Vault;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::blind;
use super::body::{AddressBody, IdentifierBody};
use super::demographics::{Demographics, Identifier, Sex};
use super::model::IdentityError;
use super::person::Person;
use super::reader::Reader;
use super::store::{self, NewPatient};
use super::view::PatientView;
use crate::Patients;
use crate::coverage::{self, CoverageTerms, add::AddCoverage};
use crate::duplicate::Profile;
use crate::duplicate::model::LIKELY;
use crate::duplicate::store::{Candidate, candidates, holder};

/// Registers a person.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterPatient {
    /// Given names.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Agustín")
    )]
    given_name: String,
    /// Family name.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        examples("Vallejo")
    )]
    family_name: String,
    /// Day of birth, 1850-01-01 to today.
    #[schema(format = "date", examples("1956-11-05"))]
    birth_date: String,
    /// Administrative sex.
    sex: Sex,
    /// Electronic mail; letters of any script are fine (RFC 6531).
    #[schema(max_length = 254, format = "idn-email")]
    email: Option<String>,
    /// Telephone; kept as E.164 where the country is known.
    #[schema(
        min_length = 3,
        max_length = 40,
        pattern = "^[+()./ -]*([0-9][+()./ -]*){3,20}$",
        examples("+49 30 123456")
    )]
    phone: Option<String>,
    /// Where they live.
    address: Option<AddressBody>,
    /// Number given by the state; nobody else may have it.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[ ./-]*[A-Za-z0-9][A-Za-z0-9 ./-]*$",
        examples("999-97-4496")
    )]
    national_id: Option<String>,
    /// Language tag (BCP 47).
    #[schema(
        min_length = 2,
        max_length = 35,
        pattern = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        examples("es")
    )]
    language: Option<String>,
    /// When they died; not before the day of birth and not in the future.
    #[schema(format = "date-time")]
    deceased_at: Option<String>,
    /// Numbers of other systems; nobody else may have them.
    #[schema(max_items = 20)]
    #[serde(default)]
    identifiers: Vec<IdentifierBody>,
    /// Who pays.
    #[schema(max_items = 50)]
    #[serde(default)]
    coverages: Vec<AddCoverage>,
}

impl Requires for RegisterPatient {
    const NEEDS: Needs = Needs::Permission(Permission::PatientWrite);
}

/// How to register.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HowToRegister {
    /// Register although others look like the same person: somebody has looked at them.
    #[serde(default)]
    #[param(required = false, default = false)]
    acknowledge_duplicates: bool,
}

/// A request, read.
struct Registration {
    person: Person,
    coverages: Vec<CoverageTerms>,
}

/// Why somebody is not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Somebody has the national id or an identifier.
    #[error("{} has the identifier", .0.id)]
    IdentifierExists(Candidate),
    /// Others look like the same person.
    #[error("{} likely duplicates", .0.len())]
    LikelyDuplicate(Vec<Candidate>),
    /// The account has a record.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] Error),
    /// Somebody cannot be opened to be compared.
    #[error(transparent)]
    Vault(#[from] galen_vault::Error),
}

impl RegisterError {
    /// As the caller may see it: who the others are is for those who may read patients.
    fn problem(self, may_read: bool) -> Problem {
        match self {
            Self::IdentifierExists(holder) => {
                with_candidates(IdentityError::IdentifierExists.into(), &[holder], may_read)
            }
            Self::LikelyDuplicate(candidates) => {
                let problem = Problem::conflict(
                    "LIKELY_DUPLICATE",
                    "Somebody who is probably the same person is registered.",
                );
                with_candidates(problem, &candidates, may_read)
            }
            Self::Identity(error) => error.into(),
            Self::Storage(error) => error.into(),
            Self::Vault(error) => error.into(),
        }
    }
}

/// Adds to a problem what the desk needs to look at the candidates, and nothing personal.
fn with_candidates(problem: Problem, candidates: &[Candidate], may_read: bool) -> Problem {
    if !may_read {
        return problem;
    }
    let view = |candidate: &Candidate| {
        let score = (candidate.found.score * 1000.0).round() / 1000.0;
        serde_json::json!({ "id": candidate.id, "mrn": candidate.mrn, "score": score, "reasons": candidate.found.reasons })
    };
    problem.with("candidates", candidates.iter().map(view).collect())
}

/// Register a patient
///
/// Somebody who has the national id or an identifier always stops it (409
/// `IDENTIFIER_EXISTS`); somebody who looks like the same person stops it with 409
/// `LIKELY_DUPLICATE` and `candidates` unless `acknowledgeDuplicates` is true. A patient
/// registers themself once, is not told who the others are, and cannot set
/// `identifiers` and `deceasedAt`.
#[utoipa::path(
    post,
    path = "/patients",
    operation_id = "registerPatient",
    tag = "patients",
    params(HowToRegister),
    request_body = RegisterPatient,
    responses((status = 201, description = "Registered.", body = PatientView)),
)]
pub async fn register(
    cx: Cx<RegisterPatient>,
    State(s): State<Arc<Patients>>,
    Params(how): Params<HowToRegister>,
    Body(request): Body<RegisterPatient>,
) -> Outcome {
    let principal = cx.principal()?;
    let own = matches!(cx.scope(), Scope::Own { .. });
    if own && (!request.identifiers.is_empty() || request.deceased_at.is_some()) {
        return Err(Problem::forbidden()
            .with_detail("identifiers and deceasedAt are recorded by staff")
            .into());
    }
    let registration = read(&s, &cx, request)?;
    cx.replayed(&s.db).await?;
    let mrn = s.mrns.next(&s.db).await?;

    let mut tx = cx.begin(&s.db).await?;
    admit(
        &s.vault,
        &mut tx,
        own.then_some(principal),
        &registration,
        how.acknowledge_duplicates,
    )
    .await
    .map_err(|error| error.problem(principal.may(Permission::PatientRead)))?;
    let new = NewPatient {
        id: cx.clock().id(),
        mrn: &mrn,
        person: &registration.person,
        user_id: own.then_some(principal.user_id),
        registered_at: cx.now(),
    };
    store::insert(&mut tx, &s.vault, &new).await?;
    tx.publish(&registered(&new));
    for terms in &registration.coverages {
        let id = cx.clock().id();
        coverage::store::insert(&s.vault, &mut tx, id, new.id, terms, new.registered_at).await?;
        tx.publish(&CoverageChanged {
            patient_id: new.id.to_string(),
            coverage_id: id.to_string(),
            plan_id: terms.plan_id.clone(),
        });
    }
    let patient = store::find(&mut tx, new.id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let location = format!("/api/v1/patients/{}", new.id);
    let version = patient.version;
    let view = PatientView::of(patient, registration.person);
    tx.commit(Answer::created(&view).version(version).location(&location))
        .await
}

fn read(
    s: &Patients,
    cx: &Cx<RegisterPatient>,
    request: RegisterPatient,
) -> Result<Registration, Problem> {
    let mut violations = Violations::new();
    violations.require(
        request.identifiers.len() <= 20,
        "/identifiers",
        "TOO_MANY",
        "must be at most 20",
    );
    violations.require(
        request.coverages.len() <= 50,
        "/coverages",
        "TOO_MANY",
        "must be at most 50",
    );
    let coverages: Vec<_> = request
        .coverages
        .iter()
        .enumerate()
        .map(|(place, coverage)| coverage.read(&mut violations, &format!("/coverages/{place}")))
        .collect();
    let mut reader = Reader {
        violations: &mut violations,
        now: cx.now(),
        zone: &s.zone,
        home: s.home.as_ref(),
    };
    let mut identifiers: Vec<Identifier> = request
        .identifiers
        .iter()
        .enumerate()
        .filter_map(|(place, identifier)| {
            reader.identifier(&format!("/identifiers/{place}"), identifier)
        })
        .collect();
    identifiers.sort_unstable();
    identifiers.dedup();
    let given_name = reader.name("/givenName", &request.given_name);
    let family_name = reader.name("/familyName", &request.family_name);
    let birth_date = reader.birth_date("/birthDate", &request.birth_date);
    let email = request.email.and_then(|text| reader.email("/email", &text));
    let phone = request.phone.and_then(|text| reader.phone("/phone", &text));
    let address = request
        .address
        .and_then(|address| reader.address("/address", &address));
    let national_id = request
        .national_id
        .and_then(|text| reader.national_id("/nationalId", &text));
    let language = request
        .language
        .and_then(|text| reader.language("/language", &text));
    let deceased_at = request
        .deceased_at
        .and_then(|text| reader.past("/deceasedAt", &text));
    let demographics = match (given_name, family_name, birth_date) {
        (Some(given_name), Some(family_name), Some(birth_date)) => {
            let sex = request.sex;
            let person = Demographics {
                given_name,
                family_name,
                birth_date,
                sex,
                email,
                phone,
                address,
                national_id,
                language,
                deceased_at,
            };
            person.check(&mut violations, &s.zone);
            Some(person)
        }
        _ => None,
    };
    violations.finish()?;
    let demographics =
        demographics.ok_or_else(|| Problem::internal("a field was refused without a violation"))?;
    Ok(Registration {
        person: Person {
            demographics,
            identifiers,
            deactivation_reason: None,
        },
        coverages: coverages.into_iter().flatten().collect(),
    })
}

/// Refuses somebody who is registered already, or looks like it.
async fn admit(
    vault: &Vault,
    tx: &mut Tx,
    registering_themself: Option<&Principal>,
    registration: &Registration,
    acknowledged: bool,
) -> Result<(), RegisterError> {
    let profile = Profile::from(&registration.person.demographics);
    store::lock_birth_date(tx, &blind::birth_date(vault, profile.birth_date)).await?;
    if let Some(principal) = registering_themself
        && store::of_user(tx, principal.user_id, principal.patient_id)
            .await?
            .is_some()
    {
        return Err(IdentityError::AlreadyRegistered.into());
    }
    if let Some(holder) = holder(
        vault,
        tx,
        profile.national_id.as_deref(),
        &registration.person.identifiers,
    )
    .await?
    {
        return Err(RegisterError::IdentifierExists(holder));
    }
    if !acknowledged {
        let likely = candidates(vault, tx, &profile, None, LIKELY).await?;
        if !likely.is_empty() {
            return Err(RegisterError::LikelyDuplicate(likely));
        }
    }
    Ok(())
}

fn registered(new: &NewPatient<'_>) -> PatientRegistered {
    PatientRegistered {
        patient_id: new.id.to_string(),
        mrn: new.mrn.to_string(),
        has_email: new.person.demographics.email.is_some(),
        user_id: new.user_id.map(|id| id.to_string()).unwrap_or_default(),
    }
}
