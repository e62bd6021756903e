//! Patients: who they are, that each of them is there once, who pays for them, and
//! what is written in their record.
//!
//! **Owns** the schema `patients`: patients with their record numbers and identifiers,
//! merges, likely duplicates, coverages, the clinical record (allergies, conditions,
//! notes, vital signs), who cares for whom, who broke the glass, and who was erased.
//! **Offers** `/patients…`, `/break-glass…`, `/erasures…` and the gRPC services `PatientDirectory` and
//! `CareDirectory`; publishes registrations, changes of demographics, merges, coverages,
//! entries and broken glasses, with ids and codes only.
//! **Hears** its own registrations and changes, to look for duplicates, its own
//! erasures, to erase keys, identity's new
//! accounts, to tie them to records, and scheduling's appointments, to know who cares
//! for whom.
//! **Schedules** nothing.
//!
//! Architecture invariant: a merge moves nothing. The retired record points to the
//! survivor, everything else is shown by following the link, and undoing a merge is
//! therefore exact.

pub mod access_log;
pub mod break_glass;
pub mod care;
mod checks;
pub mod coverage;
pub mod duplicate;
pub mod erasure;
mod in_clear;
mod input;
pub mod merge;
pub mod mrn;
mod named;
pub mod patient;
mod problems;
pub mod reactions;
pub mod record;
pub mod rpc;
mod sealed;

use std::sync::Arc;

use galen_contracts::identity::v1::UserProvisioned;
use galen_contracts::patients::v1::care_directory_server::CareDirectoryServer;
use galen_contracts::patients::v1::patient_directory_server::PatientDirectoryServer;
use galen_contracts::patients::v1::{
    PatientDemographicsChanged, PatientErased, PatientRegistered, PatientsUnmerged,
};
use galen_eventing::{Projection, Subscription, subscription};
use galen_service::{Check, Platform, ProblemPage, Service, Setting, StartError};
use galen_storage::{Db, SchemaSpec, migrations};
use galen_vault::{SealedColumn, Vault};
use jiff::tz::TimeZone;
use tonic::service::Routes;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::mrn::{Prefix, Series};
use crate::patient::contact::CallingCode;

const MRN_PREFIX: &str = "patients.mrn_prefix";
const CALLING_CODE: &str = "patients.calling_code";

const SETTINGS: &[Setting] = &[
    Setting {
        key: MRN_PREFIX,
        doc: "What the facility's record numbers begin with: one to four capital letters; G.",
        secret: false,
    },
    Setting {
        key: CALLING_CODE,
        doc: "Country calling code of telephone numbers that name no country, such as 49; without it they are kept as given.",
        secret: false,
    },
];

/// The service.
pub struct Patients {
    db: Db,
    vault: Vault,
    zone: TimeZone,
    mrns: Series,
    home: Option<CallingCode>,
}

impl Service for Patients {
    const NAME: &'static str = "patients";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: "patients",
        migrations: migrations![
            "0001_patient",
            "0002_merge",
            "0003_duplicate",
            "0004_coverage",
            "0005_record",
            "0006_care",
            "0007_break_glass",
            "0008_sealed_patient",
            "0010_sealed_record",
            "0011_erasure",
            "0012_found_in_clear"
        ],
        subscribes: &["identity", "scheduling"],
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        patient::sealing::seal_everybody(&platform.db, &platform.vault).await?;
        in_clear::seal(&platform.db, &platform.vault).await?;
        let prefix: Option<Prefix> = platform.config.get(MRN_PREFIX)?;
        let mrns = Series::open(&platform.db, prefix.unwrap_or_default()).await?;
        Ok(Self {
            db: platform.db,
            vault: platform.vault,
            zone: platform.zone,
            mrns,
            home: platform.config.get(CALLING_CODE)?,
        })
    }

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        use coverage as c;
        use record as r;
        OpenApiRouter::new()
            .routes(routes!(
                patient::register::register,
                patient::search::search
            ))
            .routes(routes!(patient::read::me))
            .routes(routes!(patient::read::read, patient::revise::revise))
            .routes(routes!(patient::deactivate::deactivate))
            .routes(routes!(duplicate::list::list))
            .routes(routes!(duplicate::dismiss::dismiss))
            .routes(routes!(merge::merge::merge))
            .routes(routes!(merge::unmerge::unmerge))
            .routes(routes!(c::add::add, c::list::list))
            .routes(routes!(c::revise::revise))
            .routes(routes!(r::allergy::record::record, r::allergy::list::list))
            .routes(routes!(
                r::condition::record::record,
                r::condition::list::list
            ))
            .routes(routes!(r::note::record::record, r::note::list::list))
            .routes(routes!(r::vital::record::record, r::vital::list::list))
            .routes(routes!(r::mark_error::allergy))
            .routes(routes!(r::mark_error::condition))
            .routes(routes!(r::mark_error::note))
            .routes(routes!(r::mark_error::vital))
            .routes(routes!(r::timeline::timeline))
            .routes(routes!(break_glass::open::open))
            .routes(routes!(
                break_glass::list::list,
                break_glass::open::open_by_number
            ))
            .routes(routes!(break_glass::review::review))
            .routes(routes!(access_log::list::list))
            .routes(routes!(erasure::request::request))
            .routes(routes!(erasure::list::list))
            .routes(routes!(erasure::approve::approve))
            .routes(routes!(erasure::reject::reject))
            .with_state(Arc::clone(self))
    }

    fn rpc(self: &Arc<Self>) -> Option<Routes> {
        let directory = rpc::Directory(Arc::clone(self));
        Some(
            Routes::new(PatientDirectoryServer::new(directory.clone()))
                .add_service(CareDirectoryServer::new(directory)),
        )
    }

    fn subscriptions(self: &Arc<Self>) -> Vec<subscription::Definition> {
        vec![
            Subscription::new(
                "patients.duplicates",
                Arc::new(reactions::on_patient_changed::FindDuplicates {
                    vault: self.vault.clone(),
                }),
            )
            .on::<PatientRegistered>()
            .on::<PatientDemographicsChanged>()
            .on::<PatientsUnmerged>()
            .build(),
            Subscription::new(
                "patients.accounts",
                Arc::new(reactions::on_user_provisioned::LinkAccount),
            )
            .on::<UserProvisioned>()
            .one_by_one()
            .build(),
            Subscription::new(
                "patients.erasure",
                Arc::new(reactions::on_patient_erased::EraseKeys {
                    vault: self.vault.clone(),
                }),
            )
            .on::<PatientErased>()
            .build(),
        ]
    }

    fn projections(self: &Arc<Self>) -> Vec<Projection> {
        vec![care::projection::projection()]
    }

    fn checks() -> &'static [Check] {
        checks::ALL
    }

    fn sealed() -> &'static [SealedColumn] {
        &sealed::ALL
    }

    fn settings() -> &'static [Setting] {
        SETTINGS
    }

    fn problems() -> &'static [ProblemPage] {
        problems::PAGES
    }
}
