//! All SQL of the patient aggregate; searching has its own in `index.rs`.

use galen_contracts::ids::{PatientId, UserId};
use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use galen_vault::{BlindIndex, Sealed, Vault};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::blind::{self, Indexes};
use super::model::{IdentityError, Patient, Status};
use super::person::{PERSON, Person};
use crate::mrn::Mrn;

/// Whether a record is there whose person was erased.
pub async fn is_erased(connection: &mut PgConnection, id: PatientId) -> Result<bool, Error> {
    Ok(sqlx::query_scalar(
        "select exists (select from patient where id = $1 and erased_at is not null)",
    )
    .bind(id.uuid())
    .fetch_one(connection)
    .await?)
}

/// Loads one record, unless its person was erased.
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
        "select p.id, p.mrn, p.status, p.demographics, p.user_id, p.registered_at, p.version,
                case when p.merged_into is not null then survivor_of(p.id) end as survivor_id,
                array(select r.mrn from patient r where r.id in (select records_of(p.id)) and r.id <> p.id order by r.mrn) as retired_mrns
         from unnest($1::uuid[]) with ordinality as wanted (id, place)
         join patient p on p.id = wanted.id and p.erased_at is null
         order by wanted.place",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    rows.iter().map(patient).collect()
}

fn patient(row: &PgRow) -> Result<Patient, Error> {
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
        sealed: row.try_get("demographics")?,
        user_id: row
            .try_get::<Option<Uuid>, _>("user_id")?
            .map(UserId::from_uuid),
        registered_at: row.try_get::<Ts, _>("registered_at")?.to_jiff(),
        version: row.try_get("version")?,
    })
}

/// What a new record starts with.
pub struct NewPatient<'a> {
    /// Its id.
    pub id: PatientId,
    /// Its number.
    pub mrn: &'a Mrn,
    /// The person.
    pub person: &'a Person,
    /// The account of somebody who registers themself.
    pub user_id: Option<UserId>,
    /// Now.
    pub registered_at: Timestamp,
}

/// Adds a record with what it is found by.
pub async fn insert(
    connection: &mut PgConnection,
    vault: &Vault,
    new: &NewPatient<'_>,
) -> Result<(), IdentityError> {
    let indexes = Indexes::of(vault, new.person);
    let query = sqlx::query(
        "insert into patient (demographics, is_deceased, national_id_index, email_index, phone_index, birth_date_index,
                              name_index, beginning_index, id, mrn, user_id, registered_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    );
    let sealed = sealed(connection, vault, new.id.uuid(), new.person).await?;
    bind(query, sealed, new.person, &indexes)
        .bind(new.id.uuid())
        .bind(new.mrn.as_str())
        .bind(new.user_id.map(|id| id.uuid()))
        .bind(Ts::from(new.registered_at))
        .execute(&mut *connection)
        .await
        .map_err(Error::from)?;
    Ok(make_findable(connection, new.id.uuid(), &indexes).await?)
}

/// Writes a changed person over the version that was loaded.
pub async fn update(
    connection: &mut PgConnection,
    vault: &Vault,
    patient: &Patient,
    before: &Person,
    after: &Person,
) -> Result<(), IdentityError> {
    let id = patient.id.uuid();
    let indexes = Indexes::of(vault, after);
    let query = sqlx::query(
        "update patient
         set demographics = $1, is_deceased = $2, national_id_index = $3, email_index = $4, phone_index = $5,
             birth_date_index = $6, name_index = $7, beginning_index = $8, version = version + 1
         where id = $9 and version = $10",
    );
    let sealed = sealed(connection, vault, id, after).await?;
    let done = bind(query, sealed, after, &indexes)
        .bind(id)
        .bind(patient.version)
        .execute(&mut *connection)
        .await
        .map_err(Error::from)?;
    Error::unless_rows("update patient", 1, done.rows_affected())?;
    // Those of the name as it was are known: no index over the records is needed.
    sqlx::query("delete from patient_name_token where patient_id = $1 and token = any($2) and token <> all($3)")
        .bind(id)
        .bind(blind::bytes(&Indexes::of(vault, before).name_tokens))
        .bind(blind::bytes(&indexes.name_tokens))
        .execute(&mut *connection)
        .await
        .map_err(Error::from)?;
    Ok(make_findable(connection, id, &indexes).await?)
}

/// Seals persons whom an earlier version stored in the clear.
pub async fn seal(
    connection: &mut PgConnection,
    vault: &Vault,
    persons: &[(Uuid, Person)],
) -> Result<(), galen_vault::Error> {
    let mut columns = Columns::default();
    let (mut tokens, mut named) = (Vec::new(), Vec::new());
    let (mut numbers, mut numbered) = (Vec::new(), Vec::new());
    for (id, person) in persons {
        let indexes = Indexes::of(vault, person);
        let sealed = sealed(connection, vault, *id, person).await?;
        named.resize(named.len() + indexes.name_tokens.len(), *id);
        tokens.append(&mut blind::bytes(&indexes.name_tokens));
        numbered.resize(numbered.len() + indexes.identifiers.len(), *id);
        numbers.append(&mut blind::bytes(&indexes.identifiers));
        columns.push(*id, sealed, person, &indexes);
    }
    let done = sqlx::query(
        "update patient p
         set demographics = n.demographics, is_deceased = n.is_deceased, national_id_index = n.national_id, email_index = n.email,
             phone_index = n.phone, birth_date_index = n.birth_date, name_index = n.name, beginning_index = n.beginning
         from unnest($1::uuid[], $2::bytea[], $3::bool[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[])
             as n (id, demographics, is_deceased, national_id, email, phone, birth_date, name, beginning)
         where p.id = n.id and p.demographics is null",
    )
    .bind(columns.ids)
    .bind(columns.demographics)
    .bind(columns.are_deceased)
    .bind(columns.national_ids)
    .bind(columns.emails)
    .bind(columns.phones)
    .bind(columns.birth_dates)
    .bind(columns.names)
    .bind(columns.beginnings)
    .execute(&mut *connection)
    .await?;
    Error::unless_rows("seal patients", persons.len() as u64, done.rows_affected())?;
    sqlx::query("insert into patient_name_token (token, patient_id) select * from unnest($1::bytea[], $2::uuid[])")
        .bind(tokens)
        .bind(named)
        .execute(&mut *connection)
        .await?;
    sqlx::query("insert into patient_identifier (identifier_index, patient_id) select * from unnest($1::bytea[], $2::uuid[])")
        .bind(numbers)
        .bind(numbered)
        .execute(connection)
        .await?;
    Ok(())
}

/// The columns of many rows.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    demographics: Vec<Sealed<Person>>,
    are_deceased: Vec<bool>,
    national_ids: Vec<Option<Vec<u8>>>,
    emails: Vec<Option<Vec<u8>>>,
    phones: Vec<Option<Vec<u8>>>,
    birth_dates: Vec<Vec<u8>>,
    names: Vec<Vec<u8>>,
    beginnings: Vec<Vec<u8>>,
}

impl Columns {
    fn push(&mut self, id: Uuid, sealed: Sealed<Person>, person: &Person, indexes: &Indexes) {
        let bytes = |index: &BlindIndex| index.bytes().to_vec();
        self.ids.push(id);
        self.demographics.push(sealed);
        self.are_deceased
            .push(person.demographics.deceased_at.is_some());
        self.national_ids
            .push(indexes.national_id.as_ref().map(bytes));
        self.emails.push(indexes.email.as_ref().map(bytes));
        self.phones.push(indexes.phone.as_ref().map(bytes));
        self.birth_dates.push(bytes(&indexes.birth_date));
        self.names.push(bytes(&indexes.name));
        self.beginnings.push(bytes(&indexes.beginning));
    }
}

async fn sealed(
    connection: &mut PgConnection,
    vault: &Vault,
    id: Uuid,
    person: &Person,
) -> Result<Sealed<Person>, galen_vault::Error> {
    vault
        .key_of(connection, id)
        .await?
        .seal(&PERSON, id, person)
}

/// Adds what a person is found by beside the indexes of the row.
async fn make_findable(
    connection: &mut PgConnection,
    id: Uuid,
    indexes: &Indexes,
) -> Result<(), Error> {
    sqlx::query("insert into patient_name_token (token, patient_id) select token, $1 from unnest($2::bytea[]) as of_name (token) on conflict do nothing")
        .bind(id)
        .bind(blind::bytes(&indexes.name_tokens))
        .execute(&mut *connection)
        .await?;
    // A number of somebody else violates the key; one of their own is there already.
    sqlx::query(
        "insert into patient_identifier (identifier_index, patient_id)
         select given.index, $1 from unnest($2::bytea[]) as given (index)
         where not exists (select from patient_identifier own where own.identifier_index = given.index and own.patient_id = $1)",
    )
    .bind(id)
    .bind(blind::bytes(&indexes.identifiers))
    .execute(connection)
    .await?;
    Ok(())
}

type Query = sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Binds $1 to $8: a sealed person with what they are found by.
fn bind(query: Query, sealed: Sealed<Person>, person: &Person, indexes: &Indexes) -> Query {
    let bytes = |index: &BlindIndex| index.bytes().to_vec();
    query
        .bind(sealed)
        .bind(person.demographics.deceased_at.is_some())
        .bind(indexes.national_id.as_ref().map(bytes))
        .bind(indexes.email.as_ref().map(bytes))
        .bind(indexes.phone.as_ref().map(bytes))
        .bind(bytes(&indexes.birth_date))
        .bind(bytes(&indexes.name))
        .bind(bytes(&indexes.beginning))
}

/// Closes a record; why is sealed with the person.
pub async fn deactivate(
    connection: &mut PgConnection,
    vault: &Vault,
    patient: &Patient,
    person: &Person,
    at: Timestamp,
) -> Result<(), galen_vault::Error> {
    let id = patient.id.uuid();
    let sealed = sealed(connection, vault, id, person).await?;
    let done = sqlx::query(
        "update patient set demographics = $3, deactivated_at = $4, version = version + 1 where id = $1 and version = $2",
    )
    .bind(id)
    .bind(patient.version)
    .bind(sealed)
    .bind(Ts::from(at))
    .execute(connection)
    .await?;
    Ok(Error::unless_rows(
        "deactivate patient",
        1,
        done.rows_affected(),
    )?)
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
    Error::unless_rows("link user to patient", 1, done.rows_affected())
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
    birth_date: &BlindIndex,
) -> Result<(), Error> {
    sqlx::query(
        "select pg_advisory_xact_lock(hashtextextended('patients.birth_date:' || encode($1, 'hex'), 0))",
    )
    .bind(birth_date.bytes().to_vec())
    .execute(connection)
    .await?;
    Ok(())
}
