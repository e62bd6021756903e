//! `galen psql`: PostgreSQL's own tools on the hospital's private cluster.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use galen_kernel::Clock;
use galen_storage::Databases;
use sqlx::ConnectOptions as _;

use crate::cli::Psql;
use crate::{hospital, operator};

/// Becomes the tool, told by the environment where the database is.
///
/// # Errors
/// When no hospital runs on the directory, the audit log cannot be written, or the
/// tool does not start.
pub(crate) async fn run(options: &Psql) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let admin = galen_storage::Cluster::running(&options.data_dir)?
        .ok_or_else(|| format!("no hospital runs on {}", options.data_dir.display()))?;
    let access = hospital::access(admin.clone(), &options.data_dir)?;
    let login = match &options.service {
        Some(service) => access.of_service(service),
        None => admin,
    };
    let databases = Databases::provisioned(access, Clock::system());
    let tool = Path::new(&options.tool)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let subject = ("schema", options.service.as_deref().unwrap_or("all"));
    operator::announce(&databases, &format!("galen psql {tool}"), Some(subject)).await?;
    let url = login.to_url_lossy();
    let password = url.password().unwrap_or_default().to_owned();
    let mut tool = Command::new(&options.tool);
    tool.args(&options.args)
        .env("PGPORT", login.get_port().to_string())
        .env("PGUSER", login.get_username())
        .env("PGPASSWORD", password);
    if let Some(socket) = login.get_socket() {
        tool.env("PGHOST", socket);
    }
    if let Some(database) = login.get_database() {
        tool.env("PGDATABASE", database);
    }
    Err(tool.exec().into())
}
