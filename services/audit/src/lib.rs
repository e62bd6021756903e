//! Audit: who did what, of whom, why and from where, so that nobody can change it
//! afterwards without being found out.
//!
//! **Owns** the entries (schema `audit`), the Merkle tree over them (RFC 6962) and
//! the signed heads of the tree. Entries are only ever added.
//!
//! **Offers** to every service of the database one function, `audit.record`, which
//! adds entries to the caller's transaction in the caller's name: `galen_service`
//! calls it for every command, every read of personal data and every denial. To
//! auditors: the entries, the latest signed root, proofs of inclusion and of
//! consistency. To anybody with the database or a copy of it: [`verify()`].
//!
//! **Schedules** the placing of new entries in the tree, and the signing of its root
//! into the database and into a file beside it.

pub mod entry;
pub mod head;
pub mod tree;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use galen_service::{Check, Job, Platform, Service, Setting, StartError};
use galen_storage::{Db, SchemaSpec, migrations};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::head::model::Signer;
use crate::head::{file, key};

pub use crate::verify::{Evidence, Report, verify};

/// How often entries are placed.
const PLACING: Duration = Duration::from_secs(1);

const ORIGIN: &str = "audit.origin";
const ROOT_SECONDS: &str = "audit.root_seconds";

/// The audit service.
pub struct Audit {
    pub(crate) db: Db,
    pub(crate) signer: Signer,
    heads: PathBuf,
    signing: Duration,
}

impl Service for Audit {
    const NAME: &'static str = "audit";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: Self::NAME,
        migrations: migrations!["0001_entry", "0002_tree", "0003_trace"],
        subscribes: &[],
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        let Platform {
            db,
            config,
            data_dir,
            ..
        } = platform;
        let origin: String = config.get_or(ORIGIN, "galen/audit".to_owned())?;
        let seconds: u64 = config.get_or(ROOT_SECONDS, 60)?;
        let signer = key::read_or_create(&data_dir, &origin).map_err(|e| StartError::Other {
            what: format!("opening the signing key in {}", data_dir.display()),
            source: e.into(),
        })?;
        Ok(Self {
            db,
            signer,
            heads: data_dir.join(file::NAME),
            signing: Duration::from_secs(seconds.max(1)),
        })
    }

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        OpenApiRouter::new()
            .routes(routes!(entry::list::list))
            .routes(routes!(head::show::root))
            .routes(routes!(tree::show::proof))
            .with_state(Arc::clone(self))
    }

    fn jobs(self: &Arc<Self>) -> Vec<Job> {
        let (placer, signer) = (Arc::clone(self), Arc::clone(self));
        let place = Job::new("audit.place-entries", PLACING, move || {
            let audit = Arc::clone(&placer);
            async move { Ok(tree::place(&audit.db).await?) }
        });
        let sign = Job::new("audit.sign-root", self.signing, move || {
            let audit = Arc::clone(&signer);
            async move { head::sign::sign(&audit.db, &audit.signer, &audit.heads).await }
        });
        vec![place, sign]
    }

    fn settings() -> &'static [Setting] {
        SETTINGS
    }

    fn checks() -> &'static [Check] {
        CHECKS
    }
}

const SETTINGS: &[Setting] = &[
    Setting {
        key: ORIGIN,
        doc: "the name of this hospital's log in its signed roots, such as hospital.example/audit; galen/audit",
        secret: false,
    },
    Setting {
        key: ROOT_SECONDS,
        doc: "how many seconds lie between two signed roots; 60",
        secret: false,
    },
];

/// What SQL can tell; the hashes are checked by [`verify()`].
const CHECKS: &[Check] = &[
    Check {
        name: "every entry has its place within a minute",
        sql: "select 'number ' || e.seq from entry e
              where not exists (select from leaf l where l.seq = e.seq)
                and e.at < (select max(at) from leaf) - interval '1 minute'",
    },
    Check {
        name: "places are dense",
        sql:
            "select 'there are ' || count(*) || ' leaves, and the last is ' || max(index) from leaf
              having count(*) <> coalesce(max(index) + 1, 0)",
    },
    Check {
        name: "every place has its entry",
        sql: "select 'entry ' || l.index from leaf l where not exists (select from entry e where e.seq = l.seq)",
    },
];
