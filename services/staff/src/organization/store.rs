//! All SQL about organisations.

use galen_kernel::Timestamp;
use galen_storage::{Error, Ts};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;

use super::model::{Address, Kind, Organization, OrganizationError, OrganizationId};
use crate::practitioner::model::Identifier;
use crate::practitioner::name;

/// Which organisations are looked for; `None` does not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// Every word occurs in the name.
    pub name: Option<String>,
    /// What they are to the hospital.
    pub kind: Option<Kind>,
    /// Has this identifier.
    pub identifier: Option<Identifier>,
}

/// A position in the list: name, id.
#[derive(Serialize, Deserialize)]
pub struct Position(pub String, pub Uuid);

impl Position {
    /// The position of an organisation.
    #[must_use]
    pub fn of(organization: &Organization) -> Self {
        Self(name::key(&organization.name), organization.id.uuid())
    }
}

fn read(row: &PgRow) -> Result<Organization, Error> {
    let systems: Vec<String> = row.try_get("systems")?;
    let values: Vec<String> = row.try_get("identifier_values")?;
    let kind: String = row.try_get("kind")?;
    Ok(Organization {
        id: OrganizationId::from_uuid(row.try_get("id")?),
        name: row.try_get("name")?,
        kind: Kind::read(&kind).ok_or(Error::Inconsistent {
            column: "staff.organization.kind",
        })?,
        phone: row.try_get("phone")?,
        address: row
            .try_get::<Option<Json<Address>>, _>("address")?
            .map(|address| address.0),
        identifiers: systems
            .into_iter()
            .zip(values)
            .map(|(system, value)| Identifier { system, value })
            .collect(),
        version: row.try_get("version")?,
    })
}

/// Stores a new organisation.
///
/// # Errors
/// When an identifier is taken, or the database fails.
pub async fn insert(
    db: &mut PgConnection,
    organization: &Organization,
    at: Timestamp,
) -> Result<(), OrganizationError> {
    let (systems, values): (Vec<&str>, Vec<&str>) = organization
        .identifiers
        .iter()
        .map(|i| (i.system.as_str(), i.value.as_str()))
        .unzip();
    sqlx::query(
        "with stored as (
             insert into organization (id, name, name_key, kind, phone, address, version, registered_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
         )
         insert into organization_identifier (organization_id, system, value)
         select $1, given.system, given.value from unnest($9::text[], $10::text[]) as given (system, value)
         order by given.system, given.value",
    )
    .bind(organization.id.uuid())
    .bind(&organization.name)
    .bind(name::key(&organization.name))
    .bind(organization.kind.name())
    .bind(&organization.phone)
    .bind(organization.address.as_ref().map(Json))
    .bind(organization.version)
    .bind(Ts::from(at))
    .bind(systems)
    .bind(values)
    .execute(db)
    .await
    .map_err(|error| {
        let error = Error::from(error);
        match error.constraint() {
            Some("organization_identifier_once") => OrganizationError::IdentifierExists,
            _ => error.into(),
        }
    })?;
    Ok(())
}

/// Reads one.
///
/// # Errors
/// When the database fails.
pub async fn get(
    db: impl PgExecutor<'_>,
    id: OrganizationId,
) -> Result<Option<Organization>, Error> {
    let row = sqlx::query(
        "select o.id, o.name, o.kind, o.phone, o.address, o.version,
                array(select i.system from organization_identifier i where i.organization_id = o.id order by i.system, i.value) as systems,
                array(select i.value from organization_identifier i where i.organization_id = o.id order by i.system, i.value) as identifier_values
         from organization o
         where o.id = $1",
    )
    .bind(id.uuid())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// A page of organisations by name and id.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    after: Option<&Position>,
    limit: u16,
) -> Result<Vec<Organization>, Error> {
    sqlx::query(
        "select o.id, o.name, o.kind, o.phone, o.address, o.version,
                array(select i.system from organization_identifier i where i.organization_id = o.id order by i.system, i.value) as systems,
                array(select i.value from organization_identifier i where i.organization_id = o.id order by i.system, i.value) as identifier_values
         from organization o
         where ($1::text[] is null or o.name_key like all ($1))
           and ($2::text is null or o.kind = $2)
           and ($3::text is null or o.id = (select i.organization_id from organization_identifier i where i.system = $3 and i.value = $4))
           and ($5::text is null or (o.name_key, o.id) > ($5, $6))
         order by o.name_key, o.id
         limit $7",
    )
    .bind(filter.name.as_deref().map(name::patterns))
    .bind(filter.kind.map(Kind::name))
    .bind(filter.identifier.as_ref().map(|i| &i.system))
    .bind(filter.identifier.as_ref().map(|i| &i.value))
    .bind(after.map(|position| &position.0))
    .bind(after.map(|position| position.1))
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?
    .iter()
    .map(read)
    .collect()
}
