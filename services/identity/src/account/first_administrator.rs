//! The first administrator, made at a start that finds none.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use galen_access::Role;
use galen_kernel::Pii;
use galen_service::{ConfigError, Platform, StartError};
use secrecy::{ExposeSecret as _, SecretString};

use super::store::{self, StoreError};
use super::{Account, RoleSet, Username};
use crate::password::{Hasher, NewPassword};
use crate::secret::Secret;
use crate::start_error;

/// Where a made-up password is written, below the service's data directory.
const PASSWORD_FILE: &str = "admin-password";
/// Setting: the login name.
pub(crate) const USERNAME: &str = "identity.admin_username";
/// Setting: the password; made up when there is none.
pub(crate) const PASSWORD: &str = "identity.admin_password";

/// Makes the first administrator unless somebody has that role. Several processes
/// may start at once; one of them makes it.
pub(crate) async fn ensure(platform: &Platform, hasher: &Hasher) -> Result<(), StartError> {
    if store::has_administrator(platform.db.pool()).await? {
        return Ok(());
    }
    let username = username(platform)?;
    let given = given_password(platform, &username)?;
    let made_up = given.is_none();
    let (secret, password) = match given {
        Some(both) => both,
        None => make_up()?,
    };
    let turn = hasher
        .turn()
        .await
        .map_err(|e| start_error("hashing the first administrator's password", e))?;
    let hash = turn
        .hash(&password)
        .await
        .map_err(|e| start_error("hashing the first administrator's password", e))?;

    let mut tx = platform.db.begin().await?;
    store::lock_out_newcomers(tx.conn()).await?;
    if store::has_administrator(tx.conn()).await? {
        return Ok(());
    }
    let roles = RoleSet::only(Role::Admin);
    let account = Account {
        password: Some(hash),
        ..Account::new(platform.clock.id(), username, roles, platform.clock.now())
    };
    store::insert(tx.conn(), &account)
        .await
        .map_err(|error| match error {
            StoreError::Storage(error) => error.into(),
            error => start_error("making the first administrator", error),
        })?;
    // Before the commit: a password that nobody can read would be of no use.
    if made_up {
        let path = platform.data_dir.join(PASSWORD_FILE);
        write_password(path.clone(), secret).await?;
        tracing::info!(path = %path.display(), "wrote the first administrator's password");
    }
    tx.commit().await?;
    Ok(())
}

fn username(platform: &Platform) -> Result<Username, ConfigError> {
    let given: Pii<String> = Pii::new(platform.config.get_or(USERNAME, "admin".to_owned())?);
    Username::parse(given.expose()).map_err(|error| invalid(USERNAME, &error))
}

fn given_password(
    platform: &Platform,
    username: &Username,
) -> Result<Option<(SecretString, NewPassword)>, ConfigError> {
    let Some(given) = platform.config.secret(PASSWORD)? else {
        return Ok(None);
    };
    let password =
        NewPassword::parse(&given, Some(username)).map_err(|error| invalid(PASSWORD, &error))?;
    Ok(Some((given, password)))
}

fn make_up() -> Result<(SecretString, NewPassword), StartError> {
    let secret = SecretString::from(Secret::generate().expose());
    let password =
        NewPassword::parse(&secret, None).map_err(|e| start_error("making a password up", e))?;
    Ok((secret, password))
}

fn invalid(key: &str, error: &dyn std::error::Error) -> ConfigError {
    ConfigError::Invalid {
        key: key.to_owned(),
        reason: error.to_string(),
    }
}

async fn write_password(path: PathBuf, password: SecretString) -> Result<(), StartError> {
    tokio::task::spawn_blocking(move || write_for_owner(&path, &password))
        .await
        .map_err(|e| start_error("writing the first administrator's password", e))?
        .map_err(|e| start_error("writing the first administrator's password", e))
}

/// A file of an interrupted earlier start is replaced, never reused: its rights
/// may be others.
fn write_for_owner(path: &Path, password: &SecretString) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{}", password.expose_secret())?;
    file.sync_all()
}
