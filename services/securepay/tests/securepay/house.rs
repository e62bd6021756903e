//! The whole service on a real PostgreSQL, with a stand-in for the patients service.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use galen_contracts::patients::v1::patient_directory_server::{
    PatientDirectory, PatientDirectoryServer,
};
use galen_contracts::patients::v1::{
    GetContactRequest, GetContactResponse, GetPatientRequest, GetPatientResponse,
    ListCoveragesRequest, ListCoveragesResponse, PatientStatus,
};
use galen_kernel::Clock;
use galen_securepay::SecurePay;
use galen_service::testing::{self, TestApi};
use galen_service::{Config, Peers, Platform, SHARED_MIGRATIONS, Service};
use galen_storage::Db;
use galen_testkit::TestDatabase;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Records of patients that exist.
#[derive(Default)]
pub(crate) struct Patients(Mutex<HashMap<Uuid, PatientStatus>>);

/// SecurePay as a host runs it, without the host.
pub(crate) struct House {
    pub(crate) database: TestDatabase,
    pub(crate) db: Db,
    pub(crate) platform: Platform,
    pub(crate) patients: Arc<Patients>,
    pub(crate) service: Arc<SecurePay>,
    pub(crate) api: TestApi,
}

impl Drop for House {
    fn drop(&mut self) {
        self.platform.stopping.cancel();
        self.platform.drained.cancel();
    }
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(Clock::system(), &[]).await
    }

    /// With another clock, and settings named without their `securepay.`.
    pub(crate) async fn with(clock: Clock, settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[SecurePay::SCHEMA],
            clock.clone(),
        )
        .await;
        let patients = Arc::new(Patients::default());
        let directory = PatientDirectoryServer::from_arc(Arc::clone(&patients));
        let peers = Peers::in_memory([("patients", Routes::new(directory))]);
        let db = database.open("securepay").await;
        let mut platform = testing::platform(db.clone(), clock, peers);
        let settings = settings.iter();
        let values = settings.map(|(key, value)| (format!("securepay.{key}"), (*value).to_owned()));
        platform.config = Config::from_values(values.collect());
        let service = SecurePay::start(platform.clone())
            .await
            .expect("securepay starts");
        let service = Arc::new(service);
        let api = TestApi::new(service.rest(), &platform);
        Self {
            database,
            db,
            platform,
            patients,
            service,
            api,
        }
    }

    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(self.db.pool())
            .await
            .expect("the database answers")
    }
}

impl Patients {
    pub(crate) fn set(&self, patient: Uuid, status: PatientStatus) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(patient, status);
    }
}

#[tonic::async_trait]
impl PatientDirectory for Patients {
    async fn get_patient(
        &self,
        request: Request<GetPatientRequest>,
    ) -> Result<Response<GetPatientResponse>, Status> {
        let patient_id = request.into_inner().patient_id;
        let known = patient_id.parse().ok().and_then(|id: Uuid| {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&id).copied()
        });
        let status = known.ok_or_else(|| Status::not_found("no such patient"))?;
        Ok(Response::new(GetPatientResponse {
            patient_id,
            mrn: "1".into(),
            status: status.into(),
            merged_into_id: String::new(),
        }))
    }

    async fn get_contact(
        &self,
        _: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        Err(Status::unimplemented("securepay calls nobody"))
    }

    async fn list_coverages(
        &self,
        _: Request<ListCoveragesRequest>,
    ) -> Result<Response<ListCoveragesResponse>, Status> {
        Err(Status::unimplemented("securepay insures nobody"))
    }
}
