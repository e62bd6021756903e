//! SQL of custom roles.

use galen_access::{Grants, Permission, Reach};
use galen_storage::Error;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row as _};

use super::model::{CustomName, CustomRole};

/// All custom roles by name, or the one of a name.
pub(crate) async fn all(
    db: impl PgExecutor<'_>,
    only: Option<&CustomName>,
) -> Result<Vec<CustomRole>, Error> {
    let rows = sqlx::query(
        "select r.name, r.description, r.version,
                coalesce(array_agg(g.permission || ':' || g.reach) filter (where g.role is not null), '{}') as grants
         from custom_role r left join custom_role_grant g on g.role = r.name
         where $1::text is null or r.name = $1
         group by r.name order by r.name",
    )
    .bind(only.map(CustomName::as_str))
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// Locks a custom role and gives it back.
pub(crate) async fn lock(
    tx: &mut PgConnection,
    name: &CustomName,
) -> Result<Option<CustomRole>, Error> {
    sqlx::query("select from custom_role where name = $1 for no key update")
        .bind(name.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(all(tx, Some(name)).await?.pop())
}

/// Stores a new role, unless its name is taken.
pub(crate) async fn insert(tx: &mut PgConnection, role: &CustomRole) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into custom_role (name, description, version) values ($1, $2, $3)
         on conflict (name) do nothing",
    )
    .bind(role.name.as_str())
    .bind(&role.description)
    .bind(role.version)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    grant(tx, role).await?;
    Ok(true)
}

/// Stores a changed role, which is locked by this transaction, and gives its version.
pub(crate) async fn update(tx: &mut PgConnection, role: &CustomRole) -> Result<i64, Error> {
    let done = sqlx::query(
        "update custom_role set description = $3, version = version + 1 where name = $1 and version = $2",
    )
    .bind(role.name.as_str())
    .bind(role.version)
    .bind(&role.description)
    .execute(&mut *tx)
    .await?;
    Error::unless_rows("changing a role", 1, done.rows_affected())?;
    sqlx::query("delete from custom_role_grant where role = $1")
        .bind(role.name.as_str())
        .execute(&mut *tx)
        .await?;
    grant(tx, role).await?;
    Ok(role.version + 1)
}

async fn grant(tx: &mut PgConnection, role: &CustomRole) -> Result<(), Error> {
    let (permissions, reaches): (Vec<&str>, Vec<&str>) = role
        .grants
        .iter()
        .map(|(permission, reach)| (permission.name(), reach.name()))
        .unzip();
    sqlx::query(
        "insert into custom_role_grant (role, permission, reach)
         select $1, permission, reach from unnest($2::text[], $3::text[]) as g (permission, reach)",
    )
    .bind(role.name.as_str())
    .bind(permissions)
    .bind(reaches)
    .execute(tx)
    .await?;
    Ok(())
}

/// What roles of these names permit together. What this version does not know
/// permits nothing.
pub(crate) async fn grants_of(db: impl PgExecutor<'_>, names: &[&str]) -> Result<Grants, Error> {
    if names.is_empty() {
        return Ok(Grants::default());
    }
    let rows = sqlx::query("select permission, reach from custom_role_grant where role = any ($1)")
        .bind(names)
        .fetch_all(db)
        .await?;
    let mut granted = Vec::with_capacity(rows.len());
    for row in &rows {
        let permission = row.try_get::<&str, _>("permission")?.parse::<Permission>();
        let reach = row.try_get::<&str, _>("reach")?.parse::<Reach>();
        if let (Ok(permission), Ok(reach)) = (permission, reach) {
            granted.push((permission, reach));
        }
    }
    Ok(granted.into_iter().collect())
}

/// As [`grants_of`], for a session that is stored in this transaction: a change of a
/// role that is under way is waited for, and one that comes later finds the session.
pub(crate) async fn lock_grants_of(tx: &mut PgConnection, names: &[&str]) -> Result<Grants, Error> {
    if !names.is_empty() {
        sqlx::query("select from custom_role where name = any ($1) order by name for share")
            .bind(names)
            .execute(&mut *tx)
            .await?;
    }
    grants_of(tx, names).await
}

/// Of these names, those that no custom role has.
pub(crate) async fn unknown(db: impl PgExecutor<'_>, names: &[&str]) -> Result<Vec<String>, Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar(
        "select name from unnest($1::text[]) as given (name)
         where not exists (select from custom_role where custom_role.name = given.name)",
    )
    .bind(names)
    .fetch_all(db)
    .await?)
}

fn read(row: &PgRow) -> Result<CustomRole, Error> {
    let grants: Vec<String> = row.try_get("grants")?;
    Ok(CustomRole {
        name: CustomName::parse(row.try_get("name")?).map_err(|_| Error::Inconsistent {
            column: "identity.custom_role.name",
        })?,
        description: row.try_get("description")?,
        grants: Grants::from_claim(&grants.join(" ")),
        version: row.try_get("version")?,
    })
}
