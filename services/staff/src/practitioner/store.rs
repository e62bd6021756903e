//! All SQL about practitioners.

use galen_contracts::ids::{PractitionerId, UserId};
use galen_kernel::{Pii, Timestamp};
use galen_storage::{Columns as _, Error, ts};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::model::{Identifier, Practitioner, PractitionerError, Profile};
use super::name;

/// What commands on somebody's time need to know of them.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Still practises here.
    pub active: bool,
    /// The linked account.
    pub user_id: Option<UserId>,
}

impl Standing {
    /// Only who still practises here can be planned or ask for leave.
    ///
    /// # Errors
    /// [`PractitionerError::Inactive`].
    pub const fn must_be_active(self) -> Result<(), PractitionerError> {
        if self.active {
            Ok(())
        } else {
            Err(PractitionerError::Inactive)
        }
    }
}

/// Which practitioners are looked for; `None` does not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// Every word occurs in the name.
    pub name: Option<Pii<String>>,
    /// Practises this, whatever the spelling of case and accents.
    pub specialty: Option<String>,
    /// Still practises here.
    pub active: Option<bool>,
    /// Has this identifier.
    pub identifier: Option<Identifier>,
}

/// A position in the list: family name, given name, id.
#[derive(Serialize, Deserialize)]
pub struct Position(pub String, pub String, pub Uuid);

impl Position {
    /// The position of a practitioner.
    #[must_use]
    pub fn of(practitioner: &Practitioner) -> Self {
        let profile = &practitioner.profile;
        Self(
            name::key(profile.family_name.expose()),
            name::key(profile.given_name.expose()),
            practitioner.id.uuid(),
        )
    }
}

fn read(row: &PgRow) -> Result<Practitioner, Error> {
    let systems: Vec<String> = row.col("systems")?;
    let values: Vec<String> = row.col("identifier_values")?;
    Ok(Practitioner {
        id: row.id("id")?,
        profile: Profile {
            given_name: Pii::new(row.col("given_name")?),
            family_name: Pii::new(row.col("family_name")?),
            email: row.opt_text("email")?.map(Pii::new),
            specialty: row.col("specialty")?,
            license_number: Pii::new(row.col("license_number")?),
            department: row.col("department")?,
            user_id: row.opt_id("user_id")?,
            identifiers: systems
                .into_iter()
                .zip(values)
                .map(|(system, value)| Identifier { system, value })
                .collect(),
        },
        active: row.col("active")?,
        version: row.col("version")?,
    })
}

fn refused(error: sqlx::Error) -> PractitionerError {
    let error = Error::from(error);
    match error.constraint() {
        Some("license_number_once") => PractitionerError::LicenseNumberExists,
        Some("identifier_once") => PractitionerError::IdentifierExists,
        Some("user_linked_once") => PractitionerError::UserLinked,
        _ => error.into(),
    }
}

/// Stores a new practitioner, identifiers first: a repeated import is then told so,
/// and not that the licence number exists.
///
/// # Errors
/// When a licence number, an identifier or an account is taken; when the database fails.
pub async fn insert(
    db: &mut PgConnection,
    practitioner: &Practitioner,
    at: Timestamp,
) -> Result<(), PractitionerError> {
    insert_identifiers(db, practitioner.id, &practitioner.profile.identifiers).await?;
    let profile = &practitioner.profile;
    sqlx::query(
        "insert into practitioner (id, given_name, family_name, given_key, family_key, email, specialty, specialty_key,
                                   license_number, department, user_id, active, version, registered_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(practitioner.id.uuid())
    .bind(profile.given_name.expose())
    .bind(profile.family_name.expose())
    .bind(name::key(profile.given_name.expose()))
    .bind(name::key(profile.family_name.expose()))
    .bind(profile.email.as_ref().map(Pii::expose))
    .bind(&profile.specialty)
    .bind(name::key(&profile.specialty))
    .bind(profile.license_number.expose())
    .bind(&profile.department)
    .bind(profile.user_id.map(|id| id.uuid()))
    .bind(practitioner.active)
    .bind(practitioner.version)
    .bind(ts(at))
    .execute(db)
    .await
    .map_err(refused)?;
    Ok(())
}

async fn insert_identifiers(
    db: &mut PgConnection,
    id: PractitionerId,
    identifiers: &[Identifier],
) -> Result<(), PractitionerError> {
    if identifiers.is_empty() {
        return Ok(());
    }
    let (systems, values): (Vec<&str>, Vec<&str>) = identifiers
        .iter()
        .map(|i| (i.system.as_str(), i.value.as_str()))
        .unzip();
    sqlx::query(
        "insert into practitioner_identifier (practitioner_id, system, value)
         select $1, given.system, given.value from unnest($2::text[], $3::text[]) as given (system, value)
         order by given.system, given.value",
    )
    .bind(id.uuid())
    .bind(systems)
    .bind(values)
    .execute(db)
    .await
    .map_err(refused)?;
    Ok(())
}

/// Writes a changed practitioner over its former version.
///
/// # Errors
/// As [`insert`].
pub async fn update(
    db: &mut PgConnection,
    before: &Practitioner,
    after: &Practitioner,
) -> Result<(), PractitionerError> {
    if before.profile.identifiers != after.profile.identifiers {
        sqlx::query("delete from practitioner_identifier where practitioner_id = $1")
            .bind(after.id.uuid())
            .execute(&mut *db)
            .await
            .map_err(refused)?;
        insert_identifiers(db, after.id, &after.profile.identifiers).await?;
    }
    let profile = &after.profile;
    let updated = sqlx::query(
        "update practitioner
         set given_name = $3, family_name = $4, given_key = $5, family_key = $6, email = $7, specialty = $8,
             specialty_key = $9, license_number = $10, department = $11, user_id = $12, active = $13, version = $14
         where id = $1 and version = $2",
    )
    .bind(after.id.uuid())
    .bind(before.version)
    .bind(profile.given_name.expose())
    .bind(profile.family_name.expose())
    .bind(name::key(profile.given_name.expose()))
    .bind(name::key(profile.family_name.expose()))
    .bind(profile.email.as_ref().map(Pii::expose))
    .bind(&profile.specialty)
    .bind(name::key(&profile.specialty))
    .bind(profile.license_number.expose())
    .bind(&profile.department)
    .bind(profile.user_id.map(|id| id.uuid()))
    .bind(after.active)
    .bind(after.version)
    .execute(db)
    .await
    .map_err(refused)?
    .rows_affected();
    Error::unless_rows("update practitioner", 1, updated)?;
    Ok(())
}

/// Reads one.
///
/// # Errors
/// When the database fails.
pub async fn get(
    db: impl PgExecutor<'_>,
    id: PractitionerId,
) -> Result<Option<Practitioner>, Error> {
    let row = sqlx::query(
        "select p.id, p.given_name, p.family_name, p.email, p.specialty, p.license_number, p.department, p.user_id, p.active, p.version,
                array(select i.system from practitioner_identifier i where i.practitioner_id = p.id order by i.system, i.value) as systems,
                array(select i.value from practitioner_identifier i where i.practitioner_id = p.id order by i.system, i.value) as identifier_values
         from practitioner p
         where p.id = $1",
    )
    .bind(id.uuid())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Reads several at once, in no order; unknown ids are left out.
///
/// # Errors
/// When the database fails.
pub async fn get_all(db: impl PgExecutor<'_>, ids: &[Uuid]) -> Result<Vec<Practitioner>, Error> {
    sqlx::query(
        "select p.id, p.given_name, p.family_name, p.email, p.specialty, p.license_number, p.department, p.user_id, p.active, p.version,
                '{}'::text[] as systems, '{}'::text[] as identifier_values
         from practitioner p
         where p.id = any($1)",
    )
    .bind(ids)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}

/// Reads one for a change, and makes everybody wait who plans, decides or verifies
/// their time.
///
/// # Errors
/// [`PractitionerError::Unknown`], or when the database fails.
pub async fn get_for_change(
    db: &mut PgConnection,
    id: PractitionerId,
) -> Result<Practitioner, PractitionerError> {
    lock(db, id).await?;
    get(db, id).await?.ok_or(PractitionerError::Unknown)
}

/// Locks a practitioner for a change of their time. Every command on shifts and
/// leave takes this lock first, so that they follow each other per practitioner,
/// cannot deadlock, and are ordered against verifications ([`lock_shared`]). It
/// does not disturb foreign key checks.
///
/// # Errors
/// [`PractitionerError::Unknown`], or when the database fails.
pub async fn lock(
    db: &mut PgConnection,
    id: PractitionerId,
) -> Result<Standing, PractitionerError> {
    let row =
        sqlx::query("select active, user_id from practitioner where id = $1 for no key update")
            .bind(id.uuid())
            .fetch_optional(db)
            .await
            .map_err(Error::from)?;
    let standing = row.as_ref().map(standing).transpose()?;
    standing.ok_or(PractitionerError::Unknown)
}

/// Locks a practitioner against changes of their time, beside other readers.
/// What is read in later statements stays true until the commit.
///
/// # Errors
/// When the database fails.
pub async fn lock_shared(
    db: &mut PgConnection,
    id: PractitionerId,
) -> Result<Option<Standing>, Error> {
    let row = sqlx::query("select active, user_id from practitioner where id = $1 for share")
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(standing).transpose()
}

/// Reads the standing without a lock.
///
/// # Errors
/// When the database fails.
pub async fn find_standing(
    db: impl PgExecutor<'_>,
    id: PractitionerId,
) -> Result<Option<Standing>, Error> {
    let row = sqlx::query("select active, user_id from practitioner where id = $1")
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(standing).transpose()
}

fn standing(row: &PgRow) -> Result<Standing, Error> {
    Ok(Standing {
        active: row.col("active")?,
        user_id: row.opt_id("user_id")?,
    })
}

/// A page of practitioners by family name, given name and id.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    after: Option<&Position>,
    limit: u16,
) -> Result<Vec<Practitioner>, Error> {
    sqlx::query(
        "select p.id, p.given_name, p.family_name, p.email, p.specialty, p.license_number, p.department, p.user_id, p.active, p.version,
                array(select i.system from practitioner_identifier i where i.practitioner_id = p.id order by i.system, i.value) as systems,
                array(select i.value from practitioner_identifier i where i.practitioner_id = p.id order by i.system, i.value) as identifier_values
         from practitioner p
         where ($1::text[] is null or p.family_key || ' ' || p.given_key like all ($1))
           and ($2::text is null or p.specialty_key = $2)
           and ($3::boolean is null or p.active = $3)
           and ($4::text is null or p.id = (select i.practitioner_id from practitioner_identifier i where i.system = $4 and i.value = $5))
           and ($6::text is null or (p.family_key, p.given_key, p.id) > ($6, $7, $8))
         order by p.family_key, p.given_key, p.id
         limit $9",
    )
    .bind(filter.name.as_ref().map(|name| name::patterns(name.expose())))
    .bind(filter.specialty.as_deref().map(name::key))
    .bind(filter.active)
    .bind(filter.identifier.as_ref().map(|i| &i.system))
    .bind(filter.identifier.as_ref().map(|i| &i.value))
    .bind(after.map(|position| &position.0))
    .bind(after.map(|position| &position.1))
    .bind(after.map(|position| position.2))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}
