//! SQL of accounts.

use galen_contracts::ids::{PatientId, UserId};
use galen_storage::{Error, Ts};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row as _};
use uuid::Uuid;

use super::{Account, Email, LockReason, RoleSet, Username};
use crate::password::PasswordHash;
use crate::role::RoleName;

/// A `select` of whole accounts with the given rest.
macro_rules! select_account {
    ($rest:literal) => {
        concat!(
            "select id, username, email, password_hash, roles, lock_reason, patient_id, practitioner_id, created_at, version
             from account ",
            $rest
        )
    };
}

/// Why an account cannot be stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Somebody has this login name.
    #[error("the user name is taken")]
    UsernameTaken,
    /// The practitioner has an account.
    #[error("the practitioner has another account")]
    PractitionerTaken,
    /// The database failed.
    #[error(transparent)]
    Storage(Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let error = Error::from(error);
        match error.constraint() {
            Some("account_username_key") => Self::UsernameTaken,
            Some("account_practitioner_key") => Self::PractitionerTaken,
            _ => Self::Storage(error),
        }
    }
}

/// The account of a login name.
pub(crate) async fn by_username(
    db: impl PgExecutor<'_>,
    username: &Username,
) -> Result<Option<Account>, Error> {
    let row = sqlx::query(select_account!("where username = $1"))
        .bind(username.as_str())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The account of an id.
pub(crate) async fn by_id(db: impl PgExecutor<'_>, id: UserId) -> Result<Option<Account>, Error> {
    let row = sqlx::query(select_account!("where id = $1"))
        .bind(id.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The account of a patient.
pub(crate) async fn by_patient(
    db: impl PgExecutor<'_>,
    patient: PatientId,
) -> Result<Option<Account>, Error> {
    let row = sqlx::query(select_account!("where patient_id = $1"))
        .bind(patient.uuid())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Some accounts of an address: several people may share one.
pub(crate) async fn by_email(
    db: impl PgExecutor<'_>,
    email: &Email,
    most: i64,
) -> Result<Vec<Account>, Error> {
    let rows = sqlx::query(select_account!(
        "where lower(email) = lower($1) order by id limit $2"
    ))
    .bind(email.as_str())
    .bind(most)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// The account, which nobody else changes until the transaction ends.
pub(crate) async fn lock(tx: &mut PgConnection, id: UserId) -> Result<Option<Account>, Error> {
    let row = sqlx::query(select_account!("where id = $1 for no key update"))
        .bind(id.uuid())
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The accounts of two patients, locked in one order.
pub(crate) async fn lock_of_patients(
    tx: &mut PgConnection,
    patients: [PatientId; 2],
) -> Result<Vec<Account>, Error> {
    let rows = sqlx::query(select_account!(
        "where patient_id = any ($1) order by id for no key update"
    ))
    .bind(patients.map(|patient| patient.uuid()).to_vec())
    .fetch_all(tx)
    .await?;
    rows.iter().map(read).collect()
}

/// The account and everybody who administers, locked in one order, so that two
/// changes cannot each count on the other's administrator.
pub(crate) async fn lock_with_administrators(
    tx: &mut PgConnection,
    id: UserId,
) -> Result<Vec<Account>, Error> {
    let rows = sqlx::query(select_account!(
        "where id = $1 or ('ADMIN' = any (roles) and lock_reason is null and password_hash is not null)
         order by id for no key update"
    ))
    .bind(id.uuid())
    .fetch_all(tx)
    .await?;
    rows.iter().map(read).collect()
}

/// Whether anybody has the role of an administrator.
pub(crate) async fn has_administrator(db: impl PgExecutor<'_>) -> Result<bool, Error> {
    Ok(
        sqlx::query_scalar("select exists (select from account where 'ADMIN' = any (roles))")
            .fetch_one(db)
            .await?,
    )
}

/// Makes everybody else who would make the first administrator wait.
pub(crate) async fn lock_out_newcomers(tx: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("lock table account in share row exclusive mode")
        .execute(tx)
        .await?;
    Ok(())
}

/// Stores a new account.
pub(crate) async fn insert(tx: &mut PgConnection, account: &Account) -> Result<(), StoreError> {
    sqlx::query(
        "insert into account (id, username, email, password_hash, roles, lock_reason, patient_id, practitioner_id, created_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(account.id.uuid())
    .bind(account.username.as_str())
    .bind(account.email.as_ref().map(Email::as_str))
    .bind(account.password.as_ref().map(PasswordHash::phc))
    .bind(role_names(account))
    .bind(account.lock.map(LockReason::name))
    .bind(account.patient.map(Uuid::from))
    .bind(account.practitioner.map(Uuid::from))
    .bind(Ts::from(account.created_at))
    .bind(account.version)
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores a patient's new account, unless its login name is taken.
pub(crate) async fn insert_if_free(
    tx: &mut PgConnection,
    account: &Account,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into account (id, username, roles, patient_id, created_at) values ($1, $2, $3, $4, $5)
         on conflict (username) do nothing",
    )
    .bind(account.id.uuid())
    .bind(account.username.as_str())
    .bind(role_names(account))
    .bind(account.patient.map(Uuid::from))
    .bind(Ts::from(account.created_at))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Stores a changed account (all but its password), which is locked by this
/// transaction, and gives it back with its new version.
pub(crate) async fn update(
    tx: &mut PgConnection,
    mut account: Account,
) -> Result<Account, StoreError> {
    let done = sqlx::query(
        "update account set email = $3, roles = $4, lock_reason = $5, patient_id = $6, practitioner_id = $7, version = version + 1
         where id = $1 and version = $2",
    )
    .bind(account.id.uuid())
    .bind(account.version)
    .bind(account.email.as_ref().map(Email::as_str))
    .bind(role_names(&account))
    .bind(account.lock.map(LockReason::name))
    .bind(account.patient.map(Uuid::from))
    .bind(account.practitioner.map(Uuid::from))
    .execute(tx)
    .await?;
    Error::unless_rows("changing an account", 1, done.rows_affected())
        .map_err(StoreError::Storage)?;
    account.version += 1;
    Ok(account)
}

/// Locks the account of somebody who was erased and removes what says who they were:
/// the name that they chose, their address, how and from where they logged in.
pub(crate) async fn erase(tx: &mut PgConnection, id: UserId) -> Result<(), Error> {
    let done = sqlx::query(
        "update account
         set username = 'erased-' || replace(id::text, '-', ''), email = null, password_hash = null,
             lock_reason = 'ADMINISTRATOR', version = version + 1
         where id = $1",
    )
    .bind(id.uuid())
    .execute(&mut *tx)
    .await?;
    Error::unless_rows("erasing an account", 1, done.rows_affected())?;
    sqlx::query("update session set user_agent = null, address = null where account_id = $1")
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    for statement in [
        "delete from passkey where account_id = $1",
        "delete from totp where account_id = $1",
        "delete from familiar_place where account_id = $1",
    ] {
        sqlx::query(statement)
            .bind(id.uuid())
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// Stores a new password.
pub(crate) async fn set_password(
    tx: &mut PgConnection,
    id: UserId,
    password: &PasswordHash,
) -> Result<(), Error> {
    let done =
        sqlx::query("update account set password_hash = $2, version = version + 1 where id = $1")
            .bind(id.uuid())
            .bind(password.phc())
            .execute(tx)
            .await?;
    Error::unless_rows("setting a password", 1, done.rows_affected())
}

/// Which accounts a list shows.
#[derive(Default)]
pub(crate) struct Filter {
    /// Beginning of the login name.
    pub(crate) username: Option<String>,
    /// Has this role.
    pub(crate) role: Option<RoleName>,
    /// Is locked, or is not.
    pub(crate) locked: Option<bool>,
}

/// Accounts after a position, oldest first, and one more than `limit` if there is.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    after: Option<UserId>,
    limit: u16,
) -> Result<Vec<Account>, Error> {
    let rows = sqlx::query(select_account!(
        "where ($1::uuid is null or id > $1)
           and ($2::text is null or starts_with(username, $2))
           and ($3::text is null or $3 = any (roles))
           and ($4::bool is null or (lock_reason is not null) = $4)
         order by id limit $5"
    ))
    .bind(after.map(Uuid::from))
    .bind(filter.username.as_deref())
    .bind(filter.role.as_ref().map(RoleName::as_str))
    .bind(filter.locked)
    .bind(i64::from(limit) + 1)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

fn role_names(account: &Account) -> Vec<&str> {
    account.roles.iter().map(RoleName::as_str).collect()
}

fn read(row: &PgRow) -> Result<Account, Error> {
    let inconsistent = |column| Error::Inconsistent { column };
    let roles = row
        .try_get::<Vec<String>, _>("roles")?
        .iter()
        .map(|name| RoleName::parse(name))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| inconsistent("identity.account.roles"))?;
    let lock = row
        .try_get::<Option<String>, _>("lock_reason")?
        .map(|name| {
            LockReason::from_name(&name).ok_or_else(|| inconsistent("identity.account.lock_reason"))
        })
        .transpose()?;
    let email = row
        .try_get::<Option<String>, _>("email")?
        .map(|text| Email::parse(&text).map_err(|_| inconsistent("identity.account.email")))
        .transpose()?;
    Ok(Account {
        id: row.try_get::<Uuid, _>("id")?.into(),
        username: Username::parse(row.try_get("username")?)
            .map_err(|_| inconsistent("identity.account.username"))?,
        email,
        password: row
            .try_get::<Option<String>, _>("password_hash")?
            .map(PasswordHash::stored),
        roles: RoleSet::new(roles).map_err(|_| inconsistent("identity.account.roles"))?,
        lock,
        patient: row
            .try_get::<Option<Uuid>, _>("patient_id")?
            .map(Into::into),
        practitioner: row
            .try_get::<Option<Uuid>, _>("practitioner_id")?
            .map(Into::into),
        created_at: row.try_get::<Ts, _>("created_at")?.to_jiff(),
        version: row.try_get("version")?,
    })
}
