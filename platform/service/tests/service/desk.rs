//! Two services to test with: one that keeps notes and tells when one is made, and
//! one that listens. They bear names of real ones, because topics and roles do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::State;
use galen_access::{Permission, SigningKey};
use galen_contracts::identity::v1::UserChanged;
use galen_contracts::identity::v1::accounts_client::AccountsClient;
use galen_contracts::identity::v1::accounts_server::{Accounts, AccountsServer};
use galen_contracts::identity::v1::{MintCredentialLinkRequest, MintCredentialLinkResponse};
use galen_eventing::{Delivery, Failure, Handle, Publish as _, Subscription, subscription};
use galen_kernel::{Clock, Problem};
use galen_service::audit::disclose;
use galen_service::testing::{self, TestApi};
use galen_service::{
    Answer, Body, Cx, Job, Needs, Outcome, Params, PathIds, Peers, Platform, Requires,
    SHARED_MIGRATIONS, Service, StartError,
};
use galen_storage::{Db, Migration, SchemaSpec, Tx};
use galen_testkit::TestDatabase;
use galen_vault::Vault;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use tokio::sync::{Notify, Semaphore};
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// Signs the tokens of callers of a hosted desk.
pub(crate) static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate().expect("there is randomness"));

/// Keeps notes.
pub(crate) struct Desk {
    platform: Platform,
    /// A note with the text `wait` is only made when there is a permit.
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) job_runs: Arc<AtomicU64>,
    pub(crate) job_wake: Arc<Notify>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MakeNote {
    #[schema(min_length = 1, max_length = 200)]
    text: String,
}

impl Requires for MakeNote {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NoteView {
    id: Uuid,
    text: String,
}

/// Makes a note.
#[utoipa::path(post, path = "/notes", request_body = MakeNote, responses((status = 201, body = NoteView)), tag = "desk")]
async fn make(
    cx: Cx<MakeNote>,
    State(desk): State<Arc<Desk>>,
    Body(note): Body<MakeNote>,
) -> Outcome {
    let db = &desk.platform.db;
    cx.replayed(db).await?;
    let mut tx = cx.begin(db).await?;
    let view = NoteView {
        id: cx.clock().uuid(),
        text: note.text,
    };
    insert(&mut tx, &view).await?;
    if view.text == "wait" {
        desk.gate
            .acquire()
            .await
            .expect("the gate is never closed")
            .forget();
    }
    if view.text == "no" {
        return Err(Problem::conflict("REFUSED", "The desk refuses.").into());
    }
    tx.publish(&UserChanged {
        user_id: view.id.to_string(),
    });
    tx.commit(
        Answer::created(&view)
            .version(1)
            .location(&format!("/api/v1/notes/{}", view.id)),
    )
    .await
}

async fn insert(tx: &mut Tx, note: &NoteView) -> Result<(), galen_storage::Error> {
    sqlx::query("insert into note (id, text) values ($1, $2)")
        .bind(note.id)
        .bind(&note.text)
        .execute(tx.conn())
        .await?;
    Ok(())
}

struct Anybody;

impl Requires for Anybody {
    const NEEDS: Needs = Needs::Anybody;
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Shape {
    upper: Option<bool>,
}

/// Shows a note.
#[utoipa::path(get, path = "/notes/{id}", params(("id" = Uuid, Path), Shape), responses((status = 200, body = NoteView)), tag = "desk")]
async fn show(
    _: Cx<Anybody>,
    State(desk): State<Arc<Desk>>,
    PathIds(id): PathIds<Uuid>,
    Params(shape): Params<Shape>,
) -> Outcome {
    let row = sqlx::query("select text, version from note where id = $1")
        .bind(id)
        .fetch_optional(desk.platform.db.pool())
        .await
        .map_err(galen_storage::Error::from)?
        .ok_or_else(Problem::not_found)?;
    let text: String = row.get("text");
    let text = if shape.upper == Some(true) {
        text.to_uppercase()
    } else {
        text
    };
    Ok(Answer::ok(&NoteView { id, text }).version(row.get("version")))
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangeNote {
    text: String,
}

impl Requires for ChangeNote {
    const NEEDS: Needs = Needs::Permission(Permission::AppointmentBook);
    const STEP_UP: bool = true;
}

/// Changes a note.
#[utoipa::path(patch, path = "/notes/{id}", params(("id" = Uuid, Path)), request_body = ChangeNote, responses((status = 200, body = NoteView)), tag = "desk")]
async fn change(
    cx: Cx<ChangeNote>,
    State(desk): State<Arc<Desk>>,
    PathIds(id): PathIds<Uuid>,
    Body(note): Body<ChangeNote>,
) -> Outcome {
    let mut tx = cx.begin(&desk.platform.db).await?;
    let version: i64 = sqlx::query_scalar("select version from note where id = $1 for update")
        .bind(id)
        .fetch_optional(tx.conn())
        .await
        .map_err(galen_storage::Error::from)?
        .ok_or_else(Problem::not_found)?;
    cx.expect_version(version)?;
    sqlx::query("update note set text = $2, version = version + 1 where id = $1")
        .bind(id)
        .bind(&note.text)
        .execute(tx.conn())
        .await
        .map_err(galen_storage::Error::from)?;
    tx.commit(
        Answer::ok(&NoteView {
            id,
            text: note.text,
        })
        .version(version + 1),
    )
    .await
}

struct Nobody;

impl Requires for Nobody {
    const NEEDS: Needs = Needs::Nobody;
}

/// Knocks: no credentials, an answer under an idempotency key all the same.
#[utoipa::path(post, path = "/knock", security(()), responses((status = 200, body = NoteView)), tag = "desk")]
async fn knock(cx: Cx<Nobody>, State(desk): State<Arc<Desk>>) -> Outcome {
    let tx = cx.begin(&desk.platform.db).await?;
    let Platform {
        stopping, drained, ..
    } = &desk.platform;
    let text = match (stopping.is_cancelled(), drained.is_cancelled()) {
        (true, true) => "alone",
        (true, false) => "late",
        _ if cx.principal().is_ok() => "known",
        _ => "unknown",
    };
    tx.commit(Answer::ok(&NoteView {
        id: cx.clock().uuid(),
        text: text.to_owned(),
    }))
    .await
}

/// Panics.
#[utoipa::path(post, path = "/panic", security(()), responses((status = 204, description = "Never.")), tag = "desk")]
async fn fall(_: Cx<Nobody>) -> Outcome {
    panic!("the desk fell over")
}

/// Asks itself, over gRPC.
#[utoipa::path(post, path = "/ask/{id}", params(("id" = String, Path)), security(()), responses((status = 200, body = String)), tag = "desk")]
async fn ask(
    _: Cx<Nobody>,
    State(desk): State<Arc<Desk>>,
    PathIds(link_id): PathIds<String>,
) -> Outcome {
    let mut client = AccountsClient::new(desk.platform.peers.channel("identity"));
    let question = MintCredentialLinkRequest { link_id };
    let answer = galen_service::rpc::ask("identity", question, |request| async move {
        client.mint_credential_link(request).await
    })
    .await?;
    Ok(Answer::ok(&answer.url))
}

/// Answers with the trace it is asked in.
struct Echo;

#[tonic::async_trait]
impl Accounts for Echo {
    async fn mint_credential_link(
        &self,
        request: Request<MintCredentialLinkRequest>,
    ) -> Result<Response<MintCredentialLinkResponse>, Status> {
        match request.into_inner().link_id.as_str() {
            "panic" => panic!("the echo fell over"),
            "late" => tokio::time::sleep(Duration::from_secs(60)).await,
            "absent" => return Err(Status::not_found("absent")),
            _ => {}
        }
        let trace = galen_telemetry::current()
            .map(|trace| trace.trace_id_hex())
            .unwrap_or_default();
        let answer = MintCredentialLinkResponse {
            url: trace,
            ..Default::default()
        };
        Ok(disclose("credential-links", 7, answer))
    }
}

impl Service for Desk {
    const NAME: &'static str = "identity";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: "identity",
        migrations: DESK,
        subscribes: &[],
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        if platform.config.get_or("identity.broken", false)? {
            return Err(StartError::Other {
                what: "opening the desk".to_owned(),
                source: "it is broken".into(),
            });
        }
        if platform.keys.jwks()["keys"] == serde_json::json!([]) {
            let keys = serde_json::json!({ "keys": [KEY.jwk()] });
            platform.keys.replace(keys).map_err(|e| StartError::Other {
                what: "taking the keys".to_owned(),
                source: e.into(),
            })?;
        }
        Ok(Self {
            platform,
            gate: Arc::new(Semaphore::new(0)),
            job_runs: Arc::default(),
            job_wake: Arc::default(),
        })
    }

    fn rest(self: &Arc<Self>) -> OpenApiRouter {
        OpenApiRouter::new()
            .routes(routes!(make))
            .routes(routes!(show, change))
            .routes(routes!(knock))
            .routes(routes!(fall))
            .routes(routes!(ask))
            .with_state(Arc::clone(self))
    }

    fn rpc(self: &Arc<Self>) -> Option<Routes> {
        Some(Routes::new(AccountsServer::new(Echo)))
    }

    fn jobs(self: &Arc<Self>) -> Vec<Job> {
        let (runs, db) = (Arc::clone(&self.job_runs), self.platform.db.clone());
        let count = Job::new("identity.count", Duration::from_secs(3600), move || {
            let (runs, db) = (Arc::clone(&runs), db.clone());
            async move {
                let notes: i64 = sqlx::query_scalar("select count(*) from note")
                    .fetch_one(db.pool())
                    .await
                    .map_err(galen_storage::Error::from)?;
                runs.fetch_add(1, Ordering::SeqCst);
                Ok(notes.unsigned_abs())
            }
        });
        let fail = Job::new("identity.fail", Duration::from_secs(3600), || async {
            Err(Problem::unavailable("no luck"))
        });
        vec![count.woken_by(Arc::clone(&self.job_wake)), fail]
    }
}

const DESK: &[Migration] = &[Migration {
    name: "0001_note",
    sql: "create table note (id uuid primary key, text text not null, version bigint not null default 1)",
}];

/// Counts the notes that it hears of. The text `poison` never succeeds.
pub(crate) struct Listener {
    db: Db,
}

struct Reaction;

impl Handle<UserChanged> for Reaction {
    async fn handle(&self, tx: &mut Tx, delivery: Delivery<UserChanged>) -> Result<(), Failure> {
        let id: Uuid =
            delivery
                .event
                .user_id
                .parse()
                .map_err(|e: uuid::Error| Failure::Permanent {
                    code: "NOT_AN_ID",
                    source: e.into(),
                })?;
        sqlx::query("insert into heard (id) values ($1)")
            .bind(id)
            .execute(tx.conn())
            .await?;
        Ok(())
    }
}

impl Service for Listener {
    const NAME: &'static str = "notifications";
    const SCHEMA: SchemaSpec = SchemaSpec {
        service: "notifications",
        migrations: LISTENER,
        subscribes: &["identity"],
    };

    async fn start(platform: Platform) -> Result<Self, StartError> {
        Ok(Self { db: platform.db })
    }

    fn subscriptions(self: &Arc<Self>) -> Vec<subscription::Definition> {
        let _ = &self.db;
        vec![
            Subscription::new("notifications.heard", Arc::new(Reaction))
                .on::<UserChanged>()
                .build(),
        ]
    }
}

const LISTENER: &[Migration] = &[Migration {
    name: "0001_heard",
    sql: "create table heard (id uuid primary key)",
}];

/// A desk alone, with its API.
pub(crate) struct Alone {
    pub(crate) desk: Arc<Desk>,
    pub(crate) api: TestApi,
    pub(crate) clock: Clock,
}

/// Opens a desk on a database of its own.
pub(crate) async fn alone() -> Alone {
    let clock = Clock::manual("2026-11-02T08:00:00Z".parse().expect("a constant"));
    let database = TestDatabase::new(
        galen_eventing::MIGRATIONS,
        SHARED_MIGRATIONS,
        &[Desk::SCHEMA],
        clock.clone(),
    )
    .await;
    let peers = Peers::in_memory([("identity", Routes::new(AccountsServer::new(Echo)))]);
    let platform = testing::platform(database.open("identity").await, clock.clone(), peers);
    let desk = Arc::new(Desk::start(platform.clone()).await.expect("the desk opens"));
    let api = TestApi::new(desk.rest(), &platform);
    Alone { desk, api, clock }
}

impl Alone {
    /// How many notes there are.
    pub(crate) async fn notes(&self) -> i64 {
        sqlx::query_scalar("select count(*) from note")
            .fetch_one(self.desk.db().pool())
            .await
            .expect("the database answers")
    }
}

impl Desk {
    pub(crate) fn db(&self) -> &Db {
        &self.platform.db
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.platform.vault
    }
}
