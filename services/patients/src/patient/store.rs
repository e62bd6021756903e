//! All SQL of the patient aggregate; searching has its own in `index.rs`.

use galen_contracts::ids::{PatientId, UserId};
use galen_kernel::Timestamp;
use galen_storage::{Error, SqlDate, Ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::body::IdentifierBody;
use super::contact::{Email, Phone};
use super::demographics::{Address, Demographics, Identifier, NationalId, Sex};
use super::model::{IdentityError, Patient, Status};
use super::name;
use crate::mrn::Mrn;

/// Loads one record.
pub async fn find(connection: &mut PgConnection, id: PatientId) -> Result<Option<Patient>, Error> {
    Ok(load(connection, &[id.uuid()]).await?.pop())
}

/// Locks one record against changes, then loads it.
pub async fn find_for_update(
    connection: &mut PgConnection,
    id: PatientId,
) -> Result<Option<Patient>, Error> {
    lock(connection, &[id]).await?;
    find(connection, id).await
}

/// Locks records against changes, always in the order of their ids, so that two who
/// lock the same records cannot wait for each other.
pub async fn lock(connection: &mut PgConnection, ids: &[PatientId]) -> Result<(), Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    sqlx::query("select id from patient where id = any($1) order by id for no key update")
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}

/// Loads records, in the order of the given ids.
pub async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Patient>, Error> {
    let rows = sqlx::query(
        "select p.id, p.mrn, p.status, p.given_name, p.family_name, p.birth_date, p.sex, p.email, p.phone,
                p.address_line, p.address_city, p.address_state, p.address_postal_code, p.address_country,
                p.national_id, p.language, p.deceased_at, p.user_id, p.registered_at, p.deactivation_reason, p.version,
                case when p.merged_into is not null then survivor_of(p.id) end as survivor_id,
                array(select r.mrn from patient r where r.id in (select records_of(p.id)) and r.id <> p.id order by r.mrn) as retired_mrns,
                (select coalesce(jsonb_agg(jsonb_build_object('system', i.system, 'value', i.value) order by i.system, i.value), '[]')
                 from patient_identifier i where i.patient_id = p.id) as identifiers
         from unnest($1::uuid[]) with ordinality as wanted (id, place)
         join patient p on p.id = wanted.id
         order by wanted.place",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    rows.iter().map(patient).collect()
}

fn patient(row: &PgRow) -> Result<Patient, Error> {
    let sqlx::types::Json(identifiers): sqlx::types::Json<Vec<IdentifierBody>> =
        row.try_get("identifiers")?;
    let status: &str = row.try_get("status")?;
    Ok(Patient {
        id: PatientId::from_uuid(row.try_get("id")?),
        mrn: row.try_get("mrn")?,
        status: Status::from_name(status).ok_or(Error::Inconsistent {
            column: "patients.patient.status",
        })?,
        survivor_id: row
            .try_get::<Option<Uuid>, _>("survivor_id")?
            .map(PatientId::from_uuid),
        retired_mrns: row.try_get("retired_mrns")?,
        demographics: demographics(row)?,
        identifiers: identifiers
            .into_iter()
            .map(|IdentifierBody { system, value }| Identifier { system, value })
            .collect(),
        user_id: row
            .try_get::<Option<Uuid>, _>("user_id")?
            .map(UserId::from_uuid),
        registered_at: row.try_get::<Ts, _>("registered_at")?.to_jiff(),
        deactivation_reason: row.try_get("deactivation_reason")?,
        version: row.try_get("version")?,
    })
}

fn demographics(row: &PgRow) -> Result<Demographics, Error> {
    let address = match (row.try_get("address_line")?, row.try_get("address_city")?) {
        (Some(line), Some(city)) => Some(Address {
            line,
            city,
            state: row.try_get("address_state")?,
            postal_code: row.try_get("address_postal_code")?,
            country: row.try_get("address_country")?,
        }),
        _ => None,
    };
    Ok(Demographics {
        given_name: row.try_get("given_name")?,
        family_name: row.try_get("family_name")?,
        birth_date: row.try_get::<SqlDate, _>("birth_date")?.to_jiff(),
        sex: sex(row)?,
        email: row
            .try_get::<Option<String>, _>("email")?
            .map(Email::stored),
        phone: row
            .try_get::<Option<String>, _>("phone")?
            .map(Phone::stored),
        address,
        national_id: row
            .try_get::<Option<String>, _>("national_id")?
            .map(NationalId::stored),
        language: row.try_get("language")?,
        deceased_at: row
            .try_get::<Option<Ts>, _>("deceased_at")?
            .map(Ts::to_jiff),
    })
}

/// The administrative sex of a row.
pub fn sex(row: &PgRow) -> Result<Sex, Error> {
    Sex::from_name(row.try_get("sex")?).ok_or(Error::Inconsistent {
        column: "patients.patient.sex",
    })
}

/// What a new record starts with.
pub struct NewPatient<'a> {
    /// Its id.
    pub id: PatientId,
    /// Its number.
    pub mrn: &'a Mrn,
    /// The person.
    pub demographics: &'a Demographics,
    /// Numbers of other systems.
    pub identifiers: &'a [Identifier],
    /// The account of somebody who registers themself.
    pub user_id: Option<UserId>,
    /// Now.
    pub registered_at: Timestamp,
}

/// Adds a record with its identifiers.
pub async fn insert(
    connection: &mut PgConnection,
    new: &NewPatient<'_>,
) -> Result<(), IdentityError> {
    let query = sqlx::query(
        "insert into patient (given_name, family_name, given_key, family_key, birth_date, sex, email, email_key, phone, phone_key,
                              address_line, address_city, address_state, address_postal_code, address_country,
                              national_id, national_id_key, language, deceased_at, id, mrn, user_id, registered_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)",
    );
    bind(query, new.demographics)
        .bind(new.id.uuid())
        .bind(new.mrn.as_str())
        .bind(new.user_id.map(|id| id.uuid()))
        .bind(Ts::from(new.registered_at))
        .execute(&mut *connection)
        .await
        .map_err(Error::from)?;
    let (systems, values): (Vec<&str>, Vec<&str>) = new
        .identifiers
        .iter()
        .map(|i| (i.system.as_str(), i.value.as_str()))
        .unzip();
    sqlx::query("insert into patient_identifier (patient_id, system, value) select $1, * from unnest($2::text[], $3::text[])")
        .bind(new.id.uuid())
        .bind(systems)
        .bind(values)
        .execute(connection)
        .await
        .map_err(Error::from)?;
    Ok(())
}

/// Writes a changed person over the version that was loaded.
pub async fn update(
    connection: &mut PgConnection,
    id: PatientId,
    version: i64,
    changed: &Demographics,
) -> Result<(), IdentityError> {
    let query = sqlx::query(
        "update patient
         set given_name = $1, family_name = $2, given_key = $3, family_key = $4, birth_date = $5, sex = $6,
             email = $7, email_key = $8, phone = $9, phone_key = $10,
             address_line = $11, address_city = $12, address_state = $13, address_postal_code = $14, address_country = $15,
             national_id = $16, national_id_key = $17, language = $18, deceased_at = $19, version = version + 1
         where id = $20 and version = $21",
    );
    let done = bind(query, changed)
        .bind(id.uuid())
        .bind(version)
        .execute(connection)
        .await
        .map_err(Error::from)?;
    Ok(one_row("update patient", done.rows_affected())?)
}

type Query = sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Binds $1 to $19: a person with the keys they are found by.
fn bind(query: Query, person: &Demographics) -> Query {
    let address = person.address.as_ref();
    query
        .bind(person.given_name.clone())
        .bind(person.family_name.clone())
        .bind(name::key(&person.given_name))
        .bind(name::key(&person.family_name))
        .bind(SqlDate::from(person.birth_date))
        .bind(person.sex.name())
        .bind(person.email.as_ref().map(|email| email.as_str().to_owned()))
        .bind(person.email.as_ref().map(Email::key))
        .bind(person.phone.as_ref().map(|phone| phone.as_str().to_owned()))
        .bind(person.phone.as_ref().map(Phone::key))
        .bind(address.map(|a| a.line.clone()))
        .bind(address.map(|a| a.city.clone()))
        .bind(address.and_then(|a| a.state.clone()))
        .bind(address.and_then(|a| a.postal_code.clone()))
        .bind(address.and_then(|a| a.country.clone()))
        .bind(person.national_id.as_ref().map(|id| id.as_str().to_owned()))
        .bind(person.national_id.as_ref().map(NationalId::key))
        .bind(person.language.clone())
        .bind(person.deceased_at.map(Ts::from))
}

/// Closes a record.
pub async fn deactivate(
    connection: &mut PgConnection,
    id: PatientId,
    version: i64,
    reason: &str,
    at: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query(
        "update patient set deactivated_at = $3, deactivation_reason = $4, version = version + 1 where id = $1 and version = $2",
    )
    .bind(id.uuid())
    .bind(version)
    .bind(Ts::from(at))
    .bind(reason)
    .execute(connection)
    .await?;
    one_row("deactivate patient", done.rows_affected())
}

/// Ties an account to a record that has none.
pub async fn link_user(
    connection: &mut PgConnection,
    id: PatientId,
    version: i64,
    user: UserId,
) -> Result<(), Error> {
    let done = sqlx::query("update patient set user_id = $3, version = version + 1 where id = $1 and version = $2 and user_id is null")
        .bind(id.uuid())
        .bind(version)
        .bind(user.uuid())
        .execute(connection)
        .await?;
    one_row("link user to patient", done.rows_affected())
}

/// The record that an account is tied to, followed through merges.
pub async fn of_user(
    connection: &mut PgConnection,
    user: UserId,
    claimed: Option<PatientId>,
) -> Result<Option<PatientId>, Error> {
    let id: Option<Uuid> = sqlx::query_scalar("select survivor_of(id) from patient where user_id = $1 or id = $2 order by user_id = $1 desc nulls last limit 1")
        .bind(user.uuid())
        .bind(claimed.map(|id| id.uuid()))
        .fetch_optional(connection)
        .await?;
    Ok(id.map(PatientId::from_uuid))
}

/// The record that an account is tied to itself.
pub async fn linked_to(
    connection: &mut PgConnection,
    user: UserId,
) -> Result<Option<PatientId>, Error> {
    let id: Option<Uuid> = sqlx::query_scalar("select id from patient where user_id = $1")
        .bind(user.uuid())
        .fetch_optional(connection)
        .await?;
    Ok(id.map(PatientId::from_uuid))
}

/// Whether a record is of the person that an account belongs to: the same record after
/// following merges on both sides.
pub async fn is_of_user(
    connection: &mut PgConnection,
    id: PatientId,
    user: UserId,
    claimed: Option<PatientId>,
) -> Result<bool, Error> {
    let own: bool = sqlx::query_scalar(
        "select exists (select from patient p where (p.user_id = $2 or p.id = $3) and survivor_of(p.id) = survivor_of($1))",
    )
    .bind(id.uuid())
    .bind(user.uuid())
    .bind(claimed.map(|id| id.uuid()))
    .fetch_one(connection)
    .await?;
    Ok(own)
}

/// Lets registrations of people born on one day pass one after the other until the
/// transaction ends: of two who register the same person at once, the second sees the
/// first. The birth date alone, because names are the part that two clerks spell
/// differently or swap.
pub async fn lock_birth_date(
    connection: &mut PgConnection,
    birth_date: jiff::civil::Date,
) -> Result<(), Error> {
    sqlx::query(
        "select pg_advisory_xact_lock(hashtextextended('patients.birth_date:' || $1::date, 0))",
    )
    .bind(SqlDate::from(birth_date))
    .execute(connection)
    .await?;
    Ok(())
}

/// An UPDATE of a row that was locked and loaded changes exactly that row.
fn one_row(operation: &'static str, actual: u64) -> Result<(), Error> {
    if actual == 1 {
        Ok(())
    } else {
        Err(Error::RowsAffected {
            operation,
            expected: 1,
            actual,
        })
    }
}
