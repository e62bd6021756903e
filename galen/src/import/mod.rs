//! `galen import fhir`: registers the people and organisations of FHIR bundles
//! through the public API. Repeating it, or resuming after an interruption, finds
//! by source identifier what is already there.

pub(crate) mod bundle;
pub(crate) mod source;

use std::collections::HashSet;
use std::path::PathBuf;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use galen_client::{Client, ClientError};

use self::bundle::{BundleError, Registration};
use crate::latency::Latencies;
use crate::progress::Progress;

/// What an import did.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    /// Registered now.
    pub(crate) created: u64,
    /// Were there already.
    pub(crate) present: u64,
}

/// What an import did, by kind.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Providers and insurers.
    pub(crate) organizations: Tally,
    /// Practitioners.
    pub(crate) practitioners: Tally,
    /// Patients.
    pub(crate) patients: Tally,
    /// Coverages of the created patients.
    pub(crate) coverages: u64,
    /// Optional values that cannot be what they claim to be.
    pub(crate) left_out: Vec<String>,
}

/// Why an import stopped. Everything before it stays; a repetition goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// A file cannot be read.
    #[error("{path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A bundle cannot be read.
    #[error("{path}, bundle {number}")]
    Bundle {
        /// Of which file.
        path: PathBuf,
        /// Counted from 1.
        number: usize,
        /// Why.
        source: BundleError,
    },
    /// Galen refused a registration.
    #[error("{path} {system}|{value}")]
    Refused {
        /// Of the API.
        path: &'static str,
        /// Source identifier.
        system: String,
        /// Source identifier.
        value: String,
        /// Why.
        source: ClientError,
    },
}

/// Registrations under way at once.
const CONCURRENCY: usize = 8;

/// Imports files one after the other.
///
/// # Errors
/// [`ImportError`].
pub(crate) async fn run(
    client: &Client,
    files: &[PathBuf],
    latencies: &Latencies,
    quiet: bool,
) -> Result<Report, ImportError> {
    let mut report = Report::default();
    let mut seen = HashSet::new();
    for path in files {
        let file = |source| ImportError::File {
            path: path.clone(),
            source,
        };
        let progress = Progress::bar("importing", source::count(path).map_err(file)?, quiet);
        for (index, bundle) in source::open(path).map_err(file)?.enumerate() {
            let contents =
                bundle::read(&bundle.map_err(file)?).map_err(|source| ImportError::Bundle {
                    path: path.clone(),
                    number: index + 1,
                    source,
                })?;
            report.left_out.extend(contents.left_out);
            // Bundles repeat the organisations and practitioners of their patients.
            let mut fresh = |all: Vec<Registration>| -> Vec<Registration> {
                all.into_iter()
                    .filter(|r| seen.insert((r.system.clone(), r.value.clone())))
                    .collect()
            };
            let (organizations, practitioners) =
                (fresh(contents.organizations), fresh(contents.practitioners));
            add(
                &mut report.organizations,
                register(client, "/api/v1/organizations", organizations, latencies).await?,
            );
            add(
                &mut report.practitioners,
                register(client, "/api/v1/practitioners", practitioners, latencies).await?,
            );
            let covered: u64 = contents
                .patients
                .iter()
                .map(|p| p.body["coverages"].as_array().map_or(0, Vec::len) as u64)
                .sum();
            let path = "/api/v1/patients?acknowledgeDuplicates=true";
            let patients = register(client, path, contents.patients, latencies).await?;
            report.coverages += if patients.created > 0 { covered } else { 0 };
            add(&mut report.patients, patients);
            progress.step();
        }
        progress.finish();
    }
    Ok(report)
}

fn add(sum: &mut Tally, more: Tally) {
    sum.created += more.created;
    sum.present += more.present;
}

async fn register(
    client: &Client,
    path: &'static str,
    all: Vec<Registration>,
    latencies: &Latencies,
) -> Result<Tally, ImportError> {
    let created = stream::iter(all)
        .map(|registration| async move {
            let refused = |source| ImportError::Refused {
                path,
                system: registration.system.clone(),
                value: registration.value.clone(),
                source,
            };
            let began = std::time::Instant::now();
            let reply = client
                .post(path, &registration.body)
                .await
                .map_err(refused)?;
            latencies.record("import", began.elapsed());
            if reply.code() == "IDENTIFIER_EXISTS" {
                return Ok(false);
            }
            reply.check().map_err(refused)?;
            Ok(true)
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect::<Vec<bool>>()
        .await?;
    let present = created.iter().filter(|created| !**created).count() as u64;
    Ok(Tally {
        created: created.len() as u64 - present,
        present,
    })
}

/// A line per kind.
impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds = [
            ("organisations", self.organizations),
            ("practitioners", self.practitioners),
            ("patients", self.patients),
        ];
        for (kind, tally) in kinds {
            writeln!(
                f,
                "  {kind:<14} {:>6} registered, {:>6} known already",
                tally.created, tally.present
            )?;
        }
        writeln!(f, "  {:<14} {:>6} registered", "coverages", self.coverages)?;
        for what in &self.left_out {
            writeln!(f, "  left out: {what}")?;
        }
        Ok(())
    }
}
