//! A small hospital that keeps cards of patients, and its audit log.

use std::sync::Arc;

use axum::extract::State;
use galen_access::Permission;
use galen_audit::{Audit, Evidence, Report};
use galen_contracts::ids::PatientId;
use galen_kernel::{Clock, Problem};
use galen_service::audit::{Actor, Entry, Kind, Recorder};
use galen_service::testing::{self, TestApi};
use galen_service::{
    Answer, Cx, Needs, Outcome, PathIds, Peers, Platform, Requires, SHARED_MIGRATIONS, Service as _,
};
use galen_storage::{Db, Migration, SchemaSpec};
use galen_testkit::TestDatabase;
use serde::Serialize;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

const CARDS: SchemaSpec = SchemaSpec {
    service: "patients",
    migrations: &[Migration {
        name: "0001_card",
        sql: "create table card (id uuid primary key)",
    }],
    subscribes: &[],
};

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) audit: Arc<Audit>,
    pub(crate) platform: Platform,
    /// The service that is watched.
    pub(crate) cards: Db,
    /// Its API.
    pub(crate) desk: TestApi,
    /// The audit service's own.
    pub(crate) api: TestApi,
    pub(crate) recorder: Recorder,
}

impl World {
    pub(crate) async fn open() -> Self {
        let clock = Clock::system();
        let database = TestDatabase::new(
            galen_eventing::MIGRATIONS,
            SHARED_MIGRATIONS,
            &[Audit::SCHEMA, CARDS],
            clock.clone(),
        )
        .await;
        let platform = testing::platform(
            database.open("audit").await,
            clock.clone(),
            Peers::default(),
        );
        std::fs::create_dir_all(&platform.data_dir).unwrap();
        let audit = Arc::new(Audit::start(platform.clone()).await.unwrap());
        let (routes, _) = audit.rest().split_for_parts();
        let api = TestApi::recorded(
            axum::Router::new().nest("/api/v1", routes),
            &platform,
            Recorder::to_log(platform.db.clone()),
        );
        let cards = database.open("patients").await;
        let recorder = Recorder::to_log(cards.clone());
        let (routes, _) = OpenApiRouter::new()
            .routes(routes!(show))
            .routes(routes!(make))
            .with_state(cards.clone())
            .split_for_parts();
        let desk = TestApi::recorded(
            axum::Router::new().nest("/api/v1", routes),
            &platform,
            recorder.clone(),
        );
        Self {
            database,
            audit,
            platform,
            cards,
            desk,
            api,
            recorder,
        }
    }

    /// An entry that nobody else makes.
    pub(crate) fn entry(&self) -> Entry {
        let clock = &self.platform.clock;
        Entry {
            id: clock.uuid(),
            kind: Kind::Read,
            actor: Actor::User(clock.uuid()),
            session: None,
            roles: vec!["NURSE".to_owned()],
            action: "GET /patients/{id}".to_owned(),
            permission: Some("PATIENT_READ"),
            subject_kind: Some("patients".to_owned()),
            subject: Some(clock.uuid().to_string()),
            patients: vec![clock.uuid()],
            status: 200,
            reason: Some("ANY".to_owned()),
            address: Some("192.0.2.7".to_owned()),
            trace_id: None,
            request_id: None,
        }
    }

    pub(crate) async fn record(&self, n: usize) {
        let entries = (0..n).map(|_| self.recorder.record(self.entry()));
        for recorded in futures::future::join_all(entries).await {
            recorded.unwrap();
        }
    }

    async fn run(&self, name: &str) -> u64 {
        let jobs = self.audit.jobs();
        let job = jobs.iter().find(|job| job.name() == name).unwrap();
        job.run_once().await.unwrap()
    }

    pub(crate) async fn place(&self) -> u64 {
        self.run("audit.place-entries").await
    }

    pub(crate) async fn sign(&self) -> u64 {
        self.run("audit.sign-root").await
    }

    pub(crate) fn evidence(&self) -> Evidence {
        Evidence::in_directory(&self.platform.data_dir).unwrap()
    }

    pub(crate) async fn verify(&self) -> Report {
        galen_audit::verify(&self.platform.db, &self.evidence())
            .await
            .unwrap()
    }

    /// The superuser, whom no trigger refuses.
    pub(crate) async fn intruder(&self) -> PgConnection {
        let mut intruder = self.database.admin().connect().await.unwrap();
        sqlx::raw_sql("set session_replication_role = replica; set search_path = audit")
            .execute(&mut intruder)
            .await
            .unwrap();
        intruder
    }

    /// Does it as the intruder.
    pub(crate) async fn tamper(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.intruder().await)
            .await
            .unwrap();
    }

    /// A number that the superuser reads.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut self.intruder().await)
            .await
            .unwrap()
    }
}

struct Show;

impl Requires for Show {
    const NEEDS: Needs = Needs::Permission(Permission::PatientRead);
}

struct Make;

impl Requires for Make {
    const NEEDS: Needs = Needs::Permission(Permission::PatientWrite);
}

#[derive(Serialize, ToSchema)]
struct Card {
    id: Uuid,
}

/// Shows a card.
#[utoipa::path(get, path = "/patients/{id}", params(("id" = Uuid, Path)), responses((status = 200, body = Card)))]
async fn show(cx: Cx<Show>, State(db): State<Db>, PathIds(id): PathIds<Uuid>) -> Outcome {
    cx.reach_patient(PatientId::from_uuid(id))?;
    let found: Option<Uuid> = sqlx::query_scalar("select id from card where id = $1")
        .bind(id)
        .fetch_optional(db.pool())
        .await
        .map_err(galen_storage::Error::from)?;
    let id = found.ok_or_else(Problem::not_found)?;
    Ok(Answer::ok(&Card { id }))
}

/// Makes a card.
#[utoipa::path(post, path = "/patients", responses((status = 201, body = Card)))]
async fn make(cx: Cx<Make>, State(db): State<Db>) -> Outcome {
    let mut tx = cx.begin(&db).await?;
    let card = Card {
        id: cx.clock().uuid(),
    };
    sqlx::query("insert into card (id) values ($1)")
        .bind(card.id)
        .execute(tx.conn())
        .await
        .map_err(galen_storage::Error::from)?;
    tx.commit(Answer::created(&card).location(&format!("/api/v1/patients/{}", card.id)))
        .await
}
