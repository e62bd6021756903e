//! `galen verify`: every invariant, on a running or stopped hospital.

use std::process::ExitCode;

use galen_vault::{check as vault, rotate};
use serde::Serialize;
use sqlx::{AssertSqlSafe, Row as _};

use crate::audit;
use crate::cli::{Database, Verify};
use crate::hospital::{self, Opened};

#[derive(Serialize)]
struct Finding {
    service: &'static str,
    invariant: &'static str,
    /// The first of what is wrong; empty when it holds.
    broken: Vec<String>,
}

/// Shown per invariant; the rest is counted by the operator's own query.
const SHOWN: usize = 20;

/// Checks and reports.
///
/// # Errors
/// When the database cannot be reached.
pub(crate) async fn run(options: Verify) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let opened = Opened::open(&options.database).await?;
    let mut findings = check(&opened).await?;
    findings.extend(sealed(&options.database, &opened).await?);
    let evidence = audit::kept(&options.database)?;
    findings.push(Finding {
        service: "audit",
        invariant: "no entry was changed, removed, moved or put in between",
        broken: audit::verify(&opened, &evidence).await?.findings,
    });
    opened.close().await?;
    let broken = findings
        .iter()
        .filter(|finding| !finding.broken.is_empty())
        .count();
    if options.json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        for finding in &findings {
            let mark = if finding.broken.is_empty() {
                "ok    "
            } else {
                "BROKEN"
            };
            println!("{mark} {:<14} {}", finding.service, finding.invariant);
            for what in &finding.broken {
                println!("         {what}");
            }
        }
        println!(
            "{} invariants hold, {broken} are broken",
            findings.len() - broken
        );
    }
    Ok(if broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

async fn check(opened: &Opened) -> Result<Vec<Finding>, Box<dyn std::error::Error>> {
    let mut findings = Vec::new();
    for (service, checks) in hospital::host().checks() {
        let db = opened.databases().open(service, 1).await?;
        for check in *checks {
            let rows = sqlx::query(AssertSqlSafe(check.sql))
                .fetch_all(db.pool())
                .await?;
            let broken = rows
                .iter()
                .take(SHOWN)
                .map(|row| row.try_get::<String, _>(0))
                .collect::<Result<_, _>>()?;
            findings.push(Finding {
                service,
                invariant: check.name,
                broken,
            });
        }
    }
    let db = opened.databases().open_events(1).await?;
    for check in galen_eventing::CHECKS {
        let rows = sqlx::query(AssertSqlSafe(check.1))
            .fetch_all(db.pool())
            .await?;
        let broken = rows
            .iter()
            .take(SHOWN)
            .map(|row| row.try_get::<String, _>(0))
            .collect::<Result<_, _>>()?;
        findings.push(Finding {
            service: "events",
            invariant: check.0,
            broken,
        });
    }
    Ok(findings)
}

/// Whether everything that should be sealed is, by keys that are there.
async fn sealed(
    options: &Database,
    opened: &Opened,
) -> Result<Vec<Finding>, Box<dyn std::error::Error>> {
    let masters = hospital::present_masters(options)?;
    let mut findings = Vec::new();
    let mut missing = Vec::new();
    for (service, columns) in hospital::host().sealed() {
        let db = opened.databases().open(service, 1).await?;
        let mut broken = Vec::new();
        for column in columns {
            let shown = u16::try_from(SHOWN - broken.len().min(SHOWN)).unwrap_or_default();
            broken.extend(vault::without_key(&db, column, shown).await?);
        }
        findings.push(Finding {
            service,
            invariant: "what should be sealed is, by a key of its subject",
            broken,
        });
        match &masters {
            Some(masters) => missing.extend(vault::missing_masters(&db, masters).await?),
            None => {
                let path = hospital::vault_keys(options);
                missing.extend(rotate::usage(&db).await?.iter().map(|(master, keys)| {
                    let path = path.display();
                    format!(
                        "{service}: {keys} data keys are under {master}, but there is no {path}"
                    )
                }));
            }
        }
    }
    findings.push(Finding {
        service: "vault",
        invariant: "every master key that wraps data keys is there",
        broken: missing,
    });
    Ok(findings)
}
