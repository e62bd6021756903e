//! `galen audit`: whether anybody changed what was written down.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use galen_audit::{Evidence, Report};
use galen_service::Service as _;

use crate::cli::{Audit, Database, VerifyAudit};
use crate::hospital::Opened;

/// Does what was asked.
///
/// # Errors
/// When the database cannot be reached or a file cannot be read.
pub(crate) async fn run(command: Audit) -> Result<ExitCode, Box<dyn Error>> {
    let Audit::Verify(options) = command;
    let evidence = evidence(&options)?;
    let opened = Opened::open(&options.database).await?;
    let report = verify(&opened, &evidence).await;
    opened.close().await?;
    let report = report?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        for finding in &report.findings {
            println!("BROKEN {finding}");
        }
        println!(
            "{} entries agree with {} signed roots; {} findings",
            report.entries,
            report.heads,
            report.findings.len()
        );
    }
    Ok(if report.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Recomputes the log.
///
/// # Errors
/// When the database cannot be reached.
pub(crate) async fn verify(
    opened: &Opened,
    evidence: &Evidence,
) -> Result<Report, galen_storage::Error> {
    let db = opened.databases().open(galen_audit::Audit::NAME, 1).await?;
    galen_audit::verify(&db, evidence).await
}

/// What the hospital itself keeps beside its database.
///
/// # Errors
/// When a file is there and cannot be read.
pub(crate) fn kept(database: &Database) -> std::io::Result<Evidence> {
    Evidence::in_directory(&database.data_dir.join(galen_audit::Audit::NAME))
}

fn evidence(options: &VerifyAudit) -> Result<Evidence, Box<dyn Error>> {
    let mut evidence = kept(&options.database)?;
    if let Some(path) = &options.heads {
        evidence.notes = Evidence::heads_file(path).map_err(|error| named(path, &error))?;
    }
    if let Some(path) = &options.key {
        let key = Evidence::key_file(path).map_err(|error| named(path, &error))?;
        evidence.key =
            Some(key.ok_or_else(|| format!("{}: there is no such file", path.display()))?);
    }
    Ok(evidence)
}

fn named(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
