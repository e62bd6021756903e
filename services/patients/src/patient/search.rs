//! Finding records: by name, number, birth date, contact and identifiers.

use std::sync::Arc;

use axum::extract::State;
use galen_access::{Permission, Scope};
use galen_contracts::ids::{PatientId, UserId};
use galen_kernel::{Cursor, Page, Problem, Violations, page, text};
use galen_service::{Answer, Cx, Needs, Outcome, PageView, Params, Requires};
use galen_storage::Error;
use jiff::civil::Date;
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::IntoParams;
use uuid::Uuid;

use super::demographics::Identifier;
use super::model::Status;
use super::person::Person;
use super::reach::carer;
use super::reader::Reader;
use super::view::PatientView;
use super::{index, name};
use crate::care::store::Carer;
use crate::duplicate::Profile;
use crate::mrn::{Mrn, MrnError};
use crate::{Patients, care, input};

/// What to find. Filters narrow each other down; without any, everybody is listed.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FindPatients {
    /// Beginnings of names, in any order; accents, case and punctuation do not matter.
    /// A single letter finds names of one letter, and narrows down what longer words find.
    #[param(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    query: Option<String>,
    /// Medical record number, with its check digits. The number of a merged record
    /// finds the record that stands for the person.
    #[param(
        max_length = 40,
        pattern = "^[ -]*[A-Za-z]([ -]*[A-Za-z]){0,3}([ -]*[0-9]){9,12}[ -]*$",
        example = "G-0000123-58"
    )]
    mrn: Option<String>,
    /// Day of birth.
    #[param(format = "date")]
    birth_date: Option<String>,
    /// Telephone, however it is spelled.
    #[param(
        min_length = 3,
        max_length = 40,
        pattern = "^[+()./ -]*([0-9][+()./ -]*){3,20}$"
    )]
    phone: Option<String>,
    /// Electronic mail.
    #[param(max_length = 254, format = "idn-email")]
    email: Option<String>,
    /// Number of another system, as `system|value`. One that belongs to a merged
    /// record finds the record that stands for the person.
    #[param(
        min_length = 3,
        max_length = 511,
        pattern = r"^[^|]*[^|\s][^|]*\|.*\S.*$",
        example = "https://hospital.example/patients|9971058"
    )]
    identifier: Option<String>,
    /// State of the record. Without it, merged records are left out, and inactive ones
    /// as well unless they are asked for by number or identifier.
    status: Option<Status>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where the page before ended.
    cursor: Option<String>,
}

impl Requires for FindPatients {
    const NEEDS: Needs = Needs::Permission(Permission::PatientRead);
}

/// A search, read.
pub struct Filter {
    /// Folded beginnings of names.
    pub tokens: Option<Vec<String>>,
    /// Record number.
    pub mrn: Option<Mrn>,
    /// Day of birth.
    pub birth_date: Option<Date>,
    /// Folded telephone number.
    pub phone_key: Option<String>,
    /// Folded mail address.
    pub email_key: Option<String>,
    /// Number of another system.
    pub identifier: Option<Identifier>,
    /// State of the record.
    pub status: Option<Status>,
    /// Whose records may be found at all.
    pub bound: Bound,
}

/// Whose records a caller may find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Everybody's.
    Everybody,
    /// Those of the people somebody cares for.
    Cared(Carer),
    /// Those of one account.
    Own {
        /// The account.
        user: UserId,
        /// The record that its token names.
        claimed: Option<PatientId>,
    },
}

impl Filter {
    /// Whether the search names one record rather than a kind of records.
    #[must_use]
    pub const fn names_one(&self) -> bool {
        self.mrn.is_some() || self.identifier.is_some()
    }

    /// Whether a person whom the indexes found is meant. A number of another system may
    /// be that of a record that was merged into this one; its index is unique.
    #[must_use]
    pub fn matches(&self, person: &Person) -> bool {
        let found = Profile::from(&person.demographics);
        let named = self.tokens.as_ref().is_none_or(|words| {
            name::matches(words, &[found.family.as_str(), found.given.as_str()])
        });
        named
            && self.birth_date.is_none_or(|day| day == found.birth_date)
            && (self.phone_key.is_none() || self.phone_key == found.phone)
            && (self.email_key.is_none() || self.email_key == found.email)
    }
}

/// Find patients
///
/// The newest record first: names are sealed, so the database cannot order by them. Who
/// sees only those they care for finds only those.
#[utoipa::path(
    get,
    path = "/patients",
    operation_id = "findPatients",
    tag = "patients",
    params(FindPatients),
    responses((status = 200, description = "A page of patients.", body = PageView<PatientView>)),
)]
pub async fn search(
    cx: Cx<FindPatients>,
    State(s): State<Arc<Patients>>,
    Params(wanted): Params<FindPatients>,
) -> Outcome {
    let limit = page::limit(wanted.limit)?;
    let after: Option<Uuid> = wanted.cursor.as_deref().map(Cursor::decode).transpose()?;
    let bound = match cx.scope() {
        Scope::Any => Bound::Everybody,
        Scope::Care {
            practitioner,
            patient,
        } => Bound::Cared(carer(&cx, practitioner, patient)?),
        Scope::Own { patient, .. } => Bound::Own {
            user: cx.principal()?.user_id,
            claimed: patient,
        },
    };
    let filter = read(&s, &cx, wanted, bound)?;
    let mut connection = s.db.pool().acquire().await.map_err(Error::from)?;
    if let Some(id) = after {
        is_known(&mut connection, &filter.bound, id).await?;
    }
    let found = index::search(&mut connection, &s.vault, &filter, after, limit).await?;
    let page = Page::from_rows(found, limit, |(patient, _)| patient.id.uuid());
    let page = page.map(|(patient, person)| PatientView::of(patient, person));
    Ok(Answer::ok(&PageView::from(page)))
}

/// Refuses a cursor that no page ended with. It could be made of any id: it must not
/// tell a carer of people whom they never cared for, nor stop working because they no
/// longer do.
async fn is_known(connection: &mut PgConnection, bound: &Bound, id: Uuid) -> Result<(), Problem> {
    let known = match bound {
        Bound::Cared(carer) => {
            care::store::ever_reached(connection, carer, PatientId::from_uuid(id)).await?
        }
        Bound::Everybody | Bound::Own { .. } => index::exists(connection, id).await?,
    };
    if known {
        Ok(())
    } else {
        Err(input::stray_cursor())
    }
}

fn read(
    s: &Patients,
    cx: &Cx<FindPatients>,
    wanted: FindPatients,
    bound: Bound,
) -> Result<Filter, Problem> {
    let mrn = wanted
        .mrn
        .map(|text| text.parse().map_err(|error| invalid_mrn("?mrn", error)))
        .transpose()?;
    let mut violations = Violations::new();
    let mut reader = Reader {
        violations: &mut violations,
        now: cx.now(),
        zone: &s.zone,
        home: s.home.as_ref(),
    };
    let birth_date = wanted
        .birth_date
        .and_then(|text| reader.birth_date("?birthDate", &text));
    let phone = wanted.phone.and_then(|text| reader.phone("?phone", &text));
    let email = wanted.email.and_then(|text| reader.email("?email", &text));
    let identifier = wanted
        .identifier
        .and_then(|text| identifier(&mut violations, &text));
    let query = wanted
        .query
        .and_then(|text| text::line(&mut violations, "?query", &text, 100));
    violations.finish()?;
    Ok(Filter {
        tokens: query.map(|text| name::tokens(&text)),
        mrn,
        birth_date,
        phone_key: phone.map(|phone| phone.key()),
        email_key: email.map(|email| email.key()),
        identifier,
        status: wanted.status,
        bound,
    })
}

fn identifier(violations: &mut Violations, text: &str) -> Option<Identifier> {
    match text.split_once('|') {
        Some((system, value)) if !system.trim().is_empty() && !value.trim().is_empty() => {
            Some(Identifier {
                system: system.trim().to_owned(),
                value: value.trim().to_owned(),
            })
        }
        _ => {
            violations.push(
                "?identifier",
                "INVALID_IDENTIFIER",
                "must be a system and a value with | in between",
            );
            None
        }
    }
}

/// The code says it at the top as well: a desk shows "mistyped" rather than "invalid".
#[must_use]
pub fn invalid_mrn(pointer: &'static str, error: MrnError) -> Problem {
    let problem = Problem::invalid_field(pointer, "INVALID_MRN", error.to_string());
    Problem {
        code: "INVALID_MRN",
        title: "This is not a medical record number.",
        ..problem
    }
}
